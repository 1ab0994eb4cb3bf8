"""Notices of a run: who is told, when, and that a URL is never shown."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import pytest
from cli.shell import Shell
from renderers.machine.test_notice import GONE, make_drift
from renderers.test_reported_leaks import make_reported

from keyplan.app.notifications import NoticeSender, NotificationSettings, open_notice_sender, status_with_notices
from keyplan.errors import InputError, KeyplanError, ProviderDeniedError
from keyplan.model.drift import Drift
from keyplan.model.leak_report import LeakReport, hidden_tokens
from keyplan.model.secret import SuspectedSecret
from keyplan.net.http import open_client
from keyplan.renderers.machine.notice import FailedManifest, LeakedKeys

SECRET = "s3cr3t-canary"
GOOD, BAD = f"https://good.test/{SECRET}", f"https://bad.test/{SECRET}"


class World:
    """Servers on the far side: one takes everything, one refuses."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, object]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.received.append((request.url.host, json.loads(request.content)))
        return httpx.Response(200 if request.url.host == "good.test" else 404)

    def client(self) -> httpx.Client:
        """Return a client that reaches these servers alone."""
        return open_client(transport=httpx.MockTransport(self))


def open_in(
    shell: Shell, world: World, err: io.StringIO, *urls: str, file: str = "", heartbeat: bool = False
) -> NoticeSender:
    session = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=err).context
    settings = NotificationSettings(urls=urls, file=Path(file) if file else None, is_heartbeat=heartbeat)
    return open_notice_sender(session, settings, client=world.client)


def tell(informer: NoticeSender, *drifts: Drift, error: KeyplanError | None = None) -> bool:
    troubles = [FailedManifest(manifest="keys.yaml", error=error)] if error else []
    return informer.tell(drifts, troubles, command="drift")


def test_a_leaked_key_is_told_to_every_target_without_a_token(shell: Shell) -> None:
    world, err = World(), io.StringIO()
    token = "ak-" + "7" * 50
    reported = make_reported(urls=(f"https://a.test/{token}",))
    sender = open_in(shell, world, err, GOOD, f"slack+{GOOD}")
    report = LeakReport(token=SuspectedSecret(token), sighting=reported.sightings[0])
    with hidden_tokens([report]):
        leaked = LeakedKeys(manifest="keys.yaml", owner="ml-platform", keys=(reported,))
        assert sender.tell_leaks(leaked, command="watch")
    assert [body.get("status") for _, body in world.received] == ["failed", None]
    assert token not in json.dumps(world.received)
    assert "https://a.test/(hidden)" in json.dumps(world.received)


def test_findings_are_told_to_everybody_once(shell: Shell) -> None:
    world, err = World(), io.StringIO()
    shell.write(f"# the team's channel\n\n  slack+{GOOD}\n{GOOD}\n", "hooks.txt")
    assert tell(open_in(shell, world, err, GOOD, file="hooks.txt"), make_drift(GONE))
    assert [(host, "blocks" in body) for host, body in world.received] == [("good.test", False), ("good.test", True)]
    assert err.getvalue() == ""


def test_a_failure_is_told(shell: Shell) -> None:
    world = World()
    assert tell(open_in(shell, world, io.StringIO(), GOOD), error=ProviderDeniedError("401"))
    assert world.received[0][1]["status"] == "failed"


@pytest.mark.parametrize(("heartbeat", "times"), [(False, 0), (True, 1)], ids=["silent", "as a heartbeat"])
def test_that_all_is_well_is_told_only_where_asked_for(shell: Shell, heartbeat: bool, times: int) -> None:
    world = World()
    assert tell(open_in(shell, world, io.StringIO(), GOOD, heartbeat=heartbeat), make_drift())
    assert len(world.received) == times


def test_one_that_refuses_keeps_nobody_else_from_being_told(shell: Shell) -> None:
    world, err = World(), io.StringIO()
    assert not tell(open_in(shell, world, err, BAD, GOOD), make_drift(GONE))
    assert [host for host, _ in world.received] == ["bad.test", "good.test"]
    assert err.getvalue().startswith("error: https://bad.test did not take the notice: the server answered 404\n")
    assert SECRET not in err.getvalue()


@pytest.mark.parametrize(
    ("status", "is_told", "expected"),
    [
        pytest.param(0, True, 0, id="all is well"),
        pytest.param(0, False, 1, id="all is well, and nobody knows"),
        pytest.param(2, False, 2, id="the run's own status is stronger"),
    ],
)
def test_an_untold_notice_counts_where_nothing_else_does(status: int, is_told: bool, expected: int) -> None:
    assert status_with_notices(status, is_told=is_told) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="missing"),
        pytest.param(b"\xff\xfe", "is not a text file", id="no text"),
        pytest.param(SECRET.encode(), "is not a URL", id="no URL in it"),
    ],
)
def test_a_file_of_urls_that_makes_no_sense_is_told_first(shell: Shell, content: bytes | None, message: str) -> None:
    if content is not None:
        (shell.folder / "hooks.txt").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        open_in(shell, World(), io.StringIO(), file="hooks.txt")
    assert SECRET not in caught.value.message


def test_settings_show_no_url() -> None:
    assert SECRET not in repr(NotificationSettings(urls=(GOOD,)))


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--notify", f"http://example.test/{SECRET}"), id="plain http"),
        pytest.param(("--notify", SECRET), id="no URL"),
    ],
)
def test_drift_refuses_a_wrong_target_before_it_looks(shell: Shell, arguments: tuple[str, ...]) -> None:
    ran = shell("drift", *arguments)
    assert (ran.status, ran.out) == (3, "")
    assert SECRET not in ran.err
    assert shell.wiring.settings is None


@pytest.mark.enable_socket
@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize(
    ("is_denied", "status"),
    [pytest.param(False, 2, id="findings"), pytest.param(True, 5, id="a look that failed")],
)
def test_drift_tells_and_keeps_its_own_status(shell: Shell, is_denied: bool, status: int) -> None:
    shell.world.provider.is_denied = is_denied
    # Nothing listens there: that it was tried is what shows.
    shell.environment["KEYPLAN_NOTIFY"] = f"http://127.0.0.1:9/{SECRET}"
    ran = shell("drift")
    assert ran.status == status
    assert "http://127.0.0.1 did not take the notice" in ran.err
    assert SECRET not in ran.out + ran.err
