"""`keyplan drift` as a nightly job runs it: with a credential of its own, and without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.terminal import HEAD, Terminal
from samples import names_in

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

READING = HEAD.replace("patience_seconds: 2}}", "patience_seconds: 2, reader_credential: {{env: READER}}}}")


def look(terminal: Terminal, reader: str) -> tuple[int, str]:
    """Return status and answer of a drift that knows the reader's credential and no other."""
    done = terminal.run("drift", READER=reader, ARIZE_API_KEY="")
    return done.returncode, done.stdout


def files_in(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and time of change of every file in a folder and below it."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_nightly_job_finds_what_happened_and_leaves_no_trace(beta: Terminal) -> None:
    beta.write(head=READING)
    reader = beta.call("POST", "api-keys", {"name": "nightly reader", "key_type": "USER"})["key"]

    status, shown = look(beta, reader)
    assert (status, shown.splitlines()[-1]) == (2, "Drift: 2 pending.")
    assert names_in(beta.folder) == ["keys.yaml"]

    assert beta.apply().returncode == 0
    before, asked = files_in(beta.folder), beta.mutations()
    status, shown = look(beta, reader)
    assert (status, shown.splitlines()[-1]) == (0, "No drift. Nothing needs to be done.")
    assert (files_in(beta.folder), beta.mutations()) == (before, asked)

    (ci,) = (key["id"] for key in beta.call("GET", "api-keys")["api_keys"] if key["name"] == "ci")
    beta.call("PUT", f"api-keys/{ci}/revoke")
    status, shown = look(beta, reader)
    assert (status, shown.splitlines()[-1]) == (2, "Drift: 1 drifted.")
    assert "! gone               user/ci" in shown
