"""Programs that are run for a sink: what they get, what is shown of them, how they end."""

from datetime import timedelta
from pathlib import Path

import pytest
from samples import RAW

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.secret import RawKey
from keyplan.system.programs import Ran, keep_from_children, run

PATH = {"PATH": "/usr/bin:/bin"}


def run_script(script: str, folder: Path, *, given: bytes = b"", limit: float = 20, hides: str | None = RAW) -> Ran:
    return run(
        ["sh", "-c", script],
        given=given,
        folder=str(folder),
        environment=PATH,
        limit=timedelta(seconds=limit),
        hides=RawKey(hides) if hides is not None else None,
    )


def test_a_program_leaves_status_output_and_complaint(tmp_path: Path) -> None:
    ran = run_script("cat; echo 'oh  no' >&2; exit 3", tmp_path, given=b"in")
    assert ran == Ran(status=3, out=b"in", complaint="oh no")


def test_what_it_printed_is_not_shown_by_accident(tmp_path: Path) -> None:
    assert RAW not in repr(run_script("cat", tmp_path, given=RAW.encode()))


@pytest.mark.parametrize(
    ("printed", "hides", "shown"),
    [
        pytest.param(f"got {RAW}!", RAW, "got (hidden)!", id="whole"),
        pytest.param(f"got {RAW[:9]}", RAW, "got (hidden)", id="beginning"),
        pytest.param(f"{RAW} {RAW}", RAW, "(hidden) (hidden)", id="twice"),
        pytest.param("got ak-can", RAW, "got ak-can", id="no more than a redacted form shows"),
        pytest.param("got abc", "abc", "got (hidden)", id="short secret"),
        pytest.param("got it", "", "got it", id="empty secret"),
        pytest.param("got it", None, "got it", id="no secret"),
    ],
)
def test_no_piece_of_the_secret_is_in_a_complaint(tmp_path: Path, printed: str, hides: str | None, shown: str) -> None:
    assert run_script("cat >&2", tmp_path, given=printed.encode(), hides=hides).complaint == shown


def test_a_program_whose_child_keeps_its_output_open_is_killed_at_the_limit(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailableError, match=r"did not end within 0\.5 s"):
        run_script("sleep 60 & exit 0", tmp_path, limit=0.5)


@pytest.mark.parametrize(
    ("argv", "why"),
    [(["./none"], "No such file"), (["sh", "a\0b"], "null character")],
    ids=["missing", "null character"],
)
def test_what_cannot_be_run_is_denied(tmp_path: Path, argv: list[str], why: str) -> None:
    with pytest.raises(SinkDeniedError, match=why):
        run(argv, given=b"", folder=str(tmp_path), environment=PATH, limit=timedelta(seconds=5))


@pytest.mark.parametrize(
    ("environment", "kept"),
    [
        pytest.param({"A": "1", "KEY": "secret"}, {"A": "1"}, id="by name"),
        pytest.param({"ALIAS": "secret", "KEY": "secret"}, {}, id="by value"),
        pytest.param({"EMPTY": "", "KEY": ""}, {"EMPTY": ""}, id="an empty one has no aliases"),
        pytest.param({"A": "1"}, {"A": "1"}, id="not there"),
    ],
)
def test_children_do_not_get_our_credential(environment: dict[str, str], kept: dict[str, str]) -> None:
    assert keep_from_children(environment, {"KEY"}) == kept
