"""Runs that nobody watches: who hears of what, whichever way they end."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli.shell import MANIFEST, Shell

from keyplan.app.context import RunContext
from keyplan.app.drift import detect_drift
from keyplan.app.metrics import Meter
from keyplan.app.monitor import Monitor, MonitorSettings, monitor
from keyplan.app.notifications import NotificationSettings, open_notice_sender
from keyplan.app.workspace import open_workspace
from keyplan.errors import ProviderDeniedError
from keyplan.model.calendar import Happening
from keyplan.net.http import open_client

DENIED = ProviderDeniedError("401 Unauthorized")


class Hook:
    """A webhook that keeps what it is sent, and takes it or not."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.received: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.received.append(json.loads(request.content))
        return httpx.Response(self.status)

    def watch(self, session: RunContext, *, is_measured: bool = True) -> tuple[Monitor, Meter]:
        """Return a watch that tells this webhook."""
        settings = NotificationSettings(urls=("https://example.test/hook",))
        informer = open_notice_sender(
            session, settings, client=lambda: open_client(transport=httpx.MockTransport(self))
        )
        meter = Meter(is_read=is_measured)
        return Monitor(informer, meter, command="drift"), meter


@pytest.fixture
def session(shell: Shell, manifest: Path) -> RunContext:
    """Return a session with the usual manifest."""
    return shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context


def look(session: RunContext, watch: Monitor) -> None:
    workspace = open_workspace(None, session, ledger=None)
    watch.note(*detect_drift(session.wiring, workspace), manifest=workspace.manifest)


def test_a_look_is_measured_and_told(session: RunContext) -> None:
    hook = Hook()
    watch, meter = hook.watch(session)
    look(session, watch)
    assert watch.conclude(2) == 2
    assert [look.plan.manifest for look in meter.looks] == ["keys.yaml"]
    assert [body["status"] for body in hook.received] == ["drift"]


def test_the_rotations_that_metrics_foresee_wait_for_their_waves(shell: Shell) -> None:
    keys = "".join(f"  - {{name: {name}, key_type: user, rotation: {{every: 20d}}}}\n" for name in "ab")
    head = MANIFEST.partition("keys:")[0]
    shell.write(f"{head}rollout: {{wave: 1, pause: 2d}}\nkeys:\n{keys}")
    assert shell("apply", "--auto-approve").status == 0
    context = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    watch, meter = Hook().watch(context)
    look(context, watch)
    (inspection,) = meter.looks
    first, second = (one.at for one in inspection.calendar.events if one.happening is Happening.ROTATES)
    assert second - first >= timedelta(days=2)


def test_nothing_is_foreseen_for_metrics_that_nobody_reads(session: RunContext) -> None:
    watch, meter = Hook().watch(session, is_measured=False)
    look(session, watch)
    assert meter.looks == []


def test_one_of_several_that_fails_is_told_with_the_others(session: RunContext) -> None:
    hook = Hook()
    watch, meter = hook.watch(session)
    watch.expect(["keys.yaml", "other.yaml"])
    look(session, watch)
    watch.fail("other.yaml", DENIED)
    assert watch.conclude(5) == 5
    (body,) = hook.received
    assert (body["status"], len(body["manifests"])) == ("failed", 1)
    assert [failure["manifest"] for failure in body["failures"]] == ["other.yaml"]
    assert meter.failed == ("other.yaml",)


@pytest.mark.parametrize(
    ("expected", "named"),
    [
        pytest.param(None, None, id="before the manifest was known"),
        pytest.param(["keys.yaml"], "keys.yaml", id="at the one manifest"),
        pytest.param(["a.yaml", "b.yaml"], None, id="at one of several, nobody knows which"),
    ],
)
def test_an_error_that_ends_the_run_is_told(session: RunContext, expected: list[str] | None, named: str | None) -> None:
    hook = Hook()
    watch, _ = hook.watch(session)
    if expected:
        watch.expect(expected)
    watch.give_up(DENIED)
    assert [failure["manifest"] for failure in hook.received[0]["failures"]] == [named]


def test_a_notice_that_reached_nobody_counts_where_nothing_else_does(session: RunContext) -> None:
    watch, _ = Hook(404).watch(session)
    watch.fail("keys.yaml", DENIED)
    assert (watch.conclude(0), watch.conclude(5)) == (1, 5)


def fail_at(manifest: str, session: RunContext) -> None:
    settings = MonitorSettings(metrics_file=Path("keyplan.prom"), notifications=NotificationSettings())
    with monitor(session, settings, command="drift") as watch:
        watch.expect([manifest])
        raise DENIED


def test_an_error_passes_through_and_leaves_metrics(session: RunContext) -> None:
    with pytest.raises(ProviderDeniedError):
        fail_at("keys.yaml", session)
    assert 'manifest="keys.yaml"' in (session.folder / "keyplan.prom").read_text()
