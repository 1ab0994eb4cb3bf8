"""What a user gets when the provider, the sink or the input is bad: one line, the right status, nothing half done."""

from __future__ import annotations

import re

import pytest
from e2e.terminal import HEAD, Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

TEN_MISTAKES = """\
keys:
  - {nam: ci, key_type: user}
  - {name: a, key_type: robot}
  - {name: b, key_type: user, space: production}
  - {name: c, key_type: service}
  - {name: d, key_type: user, expires_at: 2027-01-01, expires_in: 90d}
  - {name: e, key_type: user, sink: vualt}
  - {name: f, key_type: user, expires_in: ninety days}
  - {name: g, key_type: user, description: 7}
  - {name: h, key_type: user, protect: maybe}
  - {name: ok, key_type: user}
  - {name: ok, key_type: user}
"""


def _complaint(terminal: Terminal, *arguments: str) -> tuple[int, list[str]]:
    """Return the exit status and the lines that say `error:`, after checking that no traceback is among them."""
    done = terminal.run(*arguments)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("error:")]


def test_a_manifest_with_ten_mistakes_gets_ten_lines_with_their_places(beta: Terminal) -> None:
    beta.write(TEN_MISTAKES)
    done = beta.run("validate")
    lines = [line for line in done.stderr.splitlines() if re.search(r"keys\.yaml:\d+:\d+: ", line)]
    assert done.returncode == 3
    assert len({line.split(": ")[0] for line in lines}) >= 10
    assert "did you mean 'name'?" in done.stderr


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"version: 1\nversion: 1\n", id="a duplicate mapping key"),
        pytest.param(b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n" * 1, id="aliases where none belong"),
        pytest.param(b"version: !!python/object:os.system 1\n", id="a tag that is not core"),
        pytest.param(b"version:\n\t1\n", id="a tab"),
        pytest.param(b"\x7fELF\x00\x01\x02", id="a binary file"),
        pytest.param(b"", id="an empty file"),
    ],
)
def test_a_file_that_is_no_manifest_gets_a_clear_line(beta: Terminal, content: bytes) -> None:
    (beta.folder / "keys.yaml").write_bytes(content)
    done = beta.run("validate")
    lines = [line for line in done.stderr.splitlines() if re.match(r"keys\.yaml(:\d+:\d+)?: ", line)]
    assert (done.returncode, bool(lines), "Traceback" in done.stderr) == (3, True, False)


def test_a_folder_or_a_missing_file_gets_one_clear_line(beta: Terminal) -> None:
    (beta.folder / "keys.yaml").mkdir()
    for name in ("keys.yaml", "missing.yaml"):
        status, lines = _complaint(beta, "validate", name)
        assert (status, len(lines)) == (3, 1)


@pytest.mark.parametrize(
    "action",
    [
        pytest.param({"action": "status", "status": 401}, id="401"),
        pytest.param({"action": "status", "status": 403}, id="403"),
        pytest.param({"action": "status", "status": 429, "retry_after": 1}, id="a storm of 429"),
        pytest.param({"action": "status", "status": 500}, id="500"),
        pytest.param({"action": "status", "status": 200, "body": "html"}, id="HTML where JSON was expected"),
        pytest.param(
            {"action": "rewrite", "pattern": '"has_more":false', "replacement": '"has_more":true,"next_cursor":"x"'},
            id="a cursor that never ends",
        ),
    ],
)
def test_a_provider_that_fails_gets_one_line_and_nothing_is_done(beta: Terminal, action: dict[str, object]) -> None:
    beta.write()
    beta.break_requests("GET", "/v2/api-keys", times=0, **action)
    status, lines = _complaint(beta, "apply", "--auto-approve")
    assert (status, len(lines), beta.mutations(), beta.live_names()) == (5, 1, [], [])


def test_a_wrong_credential_gets_one_line(beta: Terminal) -> None:
    beta.write()
    beta.credential = "ak-wrong"
    status, lines = _complaint(beta, "plan")
    assert (status, len(lines)) == (5, 1)
    assert "ak-wrong" not in lines[0]


def test_an_unreachable_host_gets_one_line(beta: Terminal) -> None:
    beta.write(head=HEAD.replace("{url}", "http://127.0.0.1:9"))
    status, lines = _complaint(beta, "plan")
    assert (status, len(lines)) == (5, 1)


def test_a_sink_that_cannot_be_written_is_found_before_any_key_is_made(terminal: Terminal) -> None:
    terminal.write()
    (terminal.folder / "secrets").write_text("a file where a folder should be")
    done = terminal.apply()
    assert (done.returncode, terminal.mutations(), terminal.live_names()) == (6, [], [])


def test_nobody_there_to_approve_is_a_refusal(beta: Terminal) -> None:
    beta.write()
    assert _complaint(beta, "apply")[0] == 4


def test_a_usage_error_is_64(beta: Terminal) -> None:
    assert beta.run("plan", "--no-such-option").returncode == 64
