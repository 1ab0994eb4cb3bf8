"""Shells complete values from the manifest and the last listing, in the forms of bash, zsh and fish."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.shell import Shell

HOSTILE = """\
version: 1
owner: x
id: k7f3a9c2
sinks: {local: {type: file, path: "{key_type}-{name}.key"}}
defaults: {sink: local}
keys:
  - {name: ci, key_type: user}
  - {name: "a b", key_type: user}
  - {name: "$(id)", key_type: user}
  - {name: "line\\nplain,rm", key_type: user}
  - {name: ingest, key_type: service, space: production}
"""


@pytest.fixture
def complete(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[str]]:
    """Return what completes a command line, as a shell would ask for it."""
    shell.environment["HOME"] = str(shell.folder / "home")

    def ask(typed: str, *, how: str = "bash") -> list[str]:
        *words, last = typed.split(" ")
        with monkeypatch.context() as during:
            during.setenv("_KEYPLAN_COMPLETE", f"{how}_complete")
            during.setenv("COMP_WORDS", typed)
            during.setenv("COMP_CWORD", last if how == "fish" else str(len(words)))
            with pytest.raises(SystemExit):
                shell()
        return capsys.readouterr().out.split()

    return ask


TAKE_ADDRESSES = [
    "rotate",
    "import",
    "revoke",
    "explain",
    "history",
    "plan --target",
    "plan --rotate",
    "apply --target",
]
"""Whatever takes the address of a declaration."""
TAKE_KEY_IDS = ["import user/ci", "revoke", "explain", "leak --contain --revoke"]
"""Whatever takes the id of a key."""


@pytest.mark.parametrize("command", [f"{command} " for command in TAKE_ADDRESSES])
def test_addresses_come_from_the_manifest_without_what_a_shell_would_have_to_quote(
    shell: Shell, complete: Callable[..., list[str]], command: str
) -> None:
    (shell.folder / "keys.yaml").write_text(HOSTILE)
    others = ["plain,verify"] if command == "history " else []
    assert complete(f"keyplan {command}") == ["plain,service/production/ingest", "plain,user/ci", *others]
    assert complete(f"keyplan {command}us") == ["plain,user/ci"]


def test_each_shell_gets_its_own_form(shell: Shell, complete: Callable[..., list[str]]) -> None:
    (shell.folder / "keys.yaml").write_text(HOSTILE)
    assert complete("keyplan rotate us", how="zsh") == ["plain", "user/ci", "_"]
    assert complete("keyplan rotate us", how="fish")[0].startswith("plain")


def test_a_named_manifest_is_the_one_that_is_read(shell: Shell, complete: Callable[..., list[str]]) -> None:
    (shell.folder / "other.yaml").write_text(HOSTILE)
    assert complete("keyplan rotate us") == []
    assert complete("keyplan rotate --manifest other.yaml us") == ["plain,user/ci"]
    shell.environment["KEYPLAN_MANIFEST"] = "other.yaml"
    assert complete("keyplan rotate us") == ["plain,user/ci"]


@pytest.mark.parametrize("command", ["plan", "apply", "explain --manifest", "apply --manifest"])
def test_the_manifests_of_the_command_line_are_read(
    shell: Shell, complete: Callable[..., list[str]], command: str
) -> None:
    (shell.folder / "other.yaml").write_text(HOSTILE)
    typed = "us" if "manifest" in command and "explain" in command else "--target us"
    assert complete(f"keyplan {command} other.yaml {typed}") == ["plain,user/ci"]


def test_what_is_laid_over_a_manifest_counts(shell: Shell, complete: Callable[..., list[str]]) -> None:
    (shell.folder / "keys.yaml").write_text(
        HOSTILE.replace("name: ci", 'name: "${var.stage}-ci"') + "vars: {stage: dev}\n"
    )
    (shell.folder / "more.yaml").write_text("keys: [{name: more, key_type: user}]\n")
    assert complete("keyplan rotate us") == ["plain,user/dev-ci"]
    assert complete("keyplan rotate --var stage=live us") == ["plain,user/live-ci"]
    assert complete("keyplan rotate --var stage us") == ["plain,user/dev-ci"]
    assert complete("keyplan rotate --overlay more.yaml us") == ["plain,user/dev-ci", "plain,user/more"]


@pytest.mark.parametrize("command", ["plan", "doctor", "plan --policy", "rotate --manifest", "plan --overlay"])
def test_names_of_files_are_left_to_the_shell(complete: Callable[..., list[str]], command: str) -> None:
    assert complete(f"keyplan {command} ke") == ["file,ke"]


@pytest.mark.parametrize("text", ["owner: [", "", "- a\n", "version: 1\nowner: x\nkeys: 3\n"])
def test_a_manifest_with_mistakes_completes_nothing_and_says_nothing(
    shell: Shell, complete: Callable[..., list[str]], text: str
) -> None:
    (shell.folder / "keys.yaml").write_text(text)
    assert complete("keyplan rotate ") == []


def test_spaces_and_formats_are_completed(shell: Shell, complete: Callable[..., list[str]]) -> None:
    (shell.folder / "keys.yaml").write_text(HOSTILE)
    assert complete("keyplan export --space ") == ["plain,production"]
    assert complete("keyplan list --space p") == ["plain,production"]
    assert complete("keyplan plan --format js") == ["plain,json"]


def test_ids_of_spaces_are_completed(shell: Shell, complete: Callable[..., list[str]]) -> None:
    (shell.folder / "keys.yaml").write_text(HOSTILE.replace("space: production", "space_id: U3BhY2U6MTph"))
    assert complete("keyplan list --space-id ") == ["plain,U3BhY2U6MTph"]


@pytest.mark.usefixtures("manifest")
def test_spaces_are_those_of_the_last_listing_too(shell: Shell, complete: Callable[..., list[str]]) -> None:
    assert complete("keyplan export --space ") == ["plain,production"]
    shell("list")
    assert complete("keyplan export --space ") == ["plain,production", "plain,staging"]


@pytest.mark.usefixtures("manifest")
def test_ids_of_keys_are_those_of_the_last_listing(shell: Shell, complete: Callable[..., list[str]]) -> None:
    assert complete("keyplan import user/ci ") == []
    shell("apply", "--auto-approve")
    shown = [line.split(",")[0] for line in shell("list", "--format", "csv").out.splitlines()[1:]]
    assert shown
    for command in TAKE_KEY_IDS:
        found = complete(f"keyplan {command} ")
        assert [one for one in found if "/" not in one] == [f"plain,{one}" for one in sorted(shown)]
    kept = Path(shell.environment["HOME"], ".cache", "keyplan", "listing.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.write_text("{")
    assert complete("keyplan import user/ci ") == []
    kept.write_text('{"a": 1}')
    assert complete("keyplan import user/ci ") == []


@pytest.mark.usefixtures("manifest")
def test_a_listing_is_not_kept_where_that_is_impossible(shell: Shell) -> None:
    (shell.folder / "taken").write_text("")
    for name, value in (("XDG_CACHE_HOME", str(shell.folder / "taken")), ("XDG_CACHE_HOME", "relative")):
        shell.environment[name] = value
        assert (shell("list").status, shell("list").err) == (0, "")
    assert not (shell.folder / "relative").exists()
