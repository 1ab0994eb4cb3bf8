"""What a watch serves: health, readiness and metrics, which Prometheus's own parser reads."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from app.watched import MINUTE, Process, pass_time
from cli.shell import Shell
from prometheus_client.parser import text_string_to_metric_families
from simulator import World

from keyplan.app.watch_pages import list_pages
from keyplan.net.probes import ProbePage


def show(process: Process, path: str) -> ProbePage:
    """Return a page."""
    return list_pages(process.board)[path]()


def watched(folder: Path) -> Process:
    """Return a watch of the usual manifest, whose keys are made."""
    world = World()
    shell = Shell(folder, world)
    shell.write()
    assert shell("apply", "--auto-approve").status == 0
    return Process(folder, world)


def test_readiness_waits_for_manifest_and_ledger(tmp_path: Path) -> None:
    process = watched(tmp_path)
    assert show(process, "/readyz") == ProbePage(text="no manifest is known yet\n", status=503)
    process.leaderships.is_held = True
    process.watch.turn()
    assert show(process, "/readyz") == ProbePage(text="the ledger of keys.yaml has not answered\n", status=503)
    process.leaderships.is_held = False
    process.leaderships.release()
    assert show(process, "/readyz") == ProbePage(text="ok\n")


def test_health_names_what_hangs(tmp_path: Path) -> None:
    process = watched(tmp_path)
    process.watch.turn()
    assert show(process, "/healthz") == ProbePage(text="ok\n")
    process.world.clock.advance(timedelta(hours=1))
    assert show(process, "/healthz") == ProbePage(text="the loop: no progress for 15m\n", status=503)


def test_metrics_are_read_by_prometheus_and_hold_no_secret(tmp_path: Path) -> None:
    process = watched(tmp_path)
    pass_time(process.world, 11 * MINUTE, process)
    page = show(process, "/metrics")
    assert page.content_type == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(page.text)}
    assert families["keyplan_rounds"].type == "counter"
    assert families["keyplan_leader"].type == "gauge"
    (leader,) = families["keyplan_leader"].samples
    assert (leader.labels, leader.value) == ({"manifest": "keys.yaml", "owner": "ml-platform"}, 1)
    rounds = {sample.labels["result"]: sample.value for sample in families["keyplan_rounds"].samples}
    assert rounds == {"success": 3, "failure": 0}
    assert families["keyplan_key_created_timestamp_seconds"].samples
    assert not any(raw in page.text for raw in process.world.sinks["local"].values().values())  # type: ignore[index]  # a name of a sink


def test_a_process_that_stands_by_shows_no_key(tmp_path: Path) -> None:
    leader = watched(tmp_path)
    standby = Process(tmp_path, leader.world, host="node-2")
    pass_time(leader.world, 6 * MINUTE, leader, standby)
    text = show(standby, "/metrics").text
    assert 'keyplan_leader{manifest="keys.yaml",owner="ml-platform"} 0' in text
    assert "keyplan_key_" not in text
    assert "keyplan_run_last" not in text
    # Nor does one that led once: an alert would take it for a run that fails.
    leader.leaderships.is_held = True
    leader.watch._watchers["keys.yaml"].leave()
    text = show(leader, "/metrics").text
    assert "keyplan_rounds_total" in text
    assert "keyplan_run_last" not in text
