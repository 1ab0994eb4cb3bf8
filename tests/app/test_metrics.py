"""The metrics file: written when all is well, when something fails, and never a reason for another answer."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from cli.shell import Shell
from prometheus_client.parser import text_string_to_metric_families

from keyplan.app.metrics import meter_run
from keyplan.errors import InputError, ProviderUnavailableError

DAY = timedelta(days=1)
NOW = 1795419060.0
SUCCESS, LAST = "keyplan_run_last_success_timestamp_seconds", "keyplan_run_last_timestamp_seconds"

pytestmark = pytest.mark.usefixtures("manifest")


def read(path: Path) -> dict[str, list[float]]:
    """Return the values of every family in a metrics file, as Prometheus's own parser reads them."""
    families = text_string_to_metric_families(path.read_text())
    return {family.name: [sample.value for sample in family.samples] for family in families}


@pytest.fixture
def metrics(shell: Shell) -> Path:
    """Return where the metrics go."""
    return shell.folder / "keyplan.prom"


def test_a_look_writes_what_it_found_for_everybody_to_read(shell: Shell, metrics: Path) -> None:
    assert shell("drift", "--metrics-file", "keyplan.prom").status == 2
    found = read(metrics)
    assert found[SUCCESS] == found[LAST] == [shell.world.clock.now().timestamp()]
    assert sum(found["keyplan_drift_keys"]) == 2
    assert metrics.stat().st_mode & 0o777 == 0o644


def test_the_environment_can_name_the_file(shell: Shell, metrics: Path) -> None:
    shell.environment["KEYPLAN_METRICS_FILE"] = "keyplan.prom"
    shell("drift")
    assert read(metrics)["keyplan_build_info"] == [1]


def test_a_failure_keeps_the_time_of_the_last_success_and_all_that_was_known(shell: Shell, metrics: Path) -> None:
    shell("drift", "--metrics-file", "keyplan.prom")
    before = read(metrics)
    shell.world.clock.advance(DAY)
    shell.world.provider.is_denied = True
    assert shell("drift", "--metrics-file", "keyplan.prom").status == 5
    after = read(metrics)
    assert after[LAST] == [before[LAST][0] + DAY.total_seconds()]
    assert after == before | {LAST: after[LAST]}


def test_a_first_look_that_fails_says_that_none_ever_succeeded(shell: Shell, metrics: Path) -> None:
    shell.world.provider.is_denied = True
    shell("drift", "--metrics-file", "keyplan.prom")
    assert read(metrics)[SUCCESS] == [0]


def test_a_manifest_that_cannot_be_read_keeps_what_was_known(shell: Shell, metrics: Path) -> None:
    shell("drift", "--metrics-file", "keyplan.prom")
    before = read(metrics)
    shell.world.clock.advance(DAY)
    shell.write("nonsense: [")
    assert shell("drift", "--metrics-file", "keyplan.prom").status == 3
    assert read(metrics)[SUCCESS] == before[SUCCESS]


@pytest.mark.parametrize("content", [b"node_load1 0.5\n", b"\xff\xfe\x00"], ids=["another's", "no text"])
def test_a_former_file_that_is_not_ours_is_replaced(shell: Shell, metrics: Path, content: bytes) -> None:
    metrics.write_bytes(content)
    shell.world.provider.is_denied = True
    assert shell("drift", "--metrics-file", "keyplan.prom").status == 5
    assert "node_load1" not in read(metrics)


def test_a_file_that_cannot_be_written_is_told_after_the_answer(shell: Shell) -> None:
    ran = shell("drift", "--metrics-file", "no/such/folder.prom", "--format", "json")
    assert (ran.status, "cannot be written: No such file or directory" in ran.err) == (3, True)
    assert json.loads(ran.out)


def test_an_error_is_not_hidden_by_metrics_that_cannot_be_written(shell: Shell) -> None:
    shell.world.provider.is_denied = True
    ran = shell("drift", "--metrics-file", "no/such/folder.prom")
    assert ran.status == 5
    assert "cannot be written" in ran.err


def test_metrics_hold_no_key_and_no_id(shell: Shell, metrics: Path) -> None:
    shell("apply", "--auto-approve")
    shell("drift", "--metrics-file", "keyplan.prom")
    text = metrics.read_text()
    secrets = [part for one in shell.world.provider.records.values() for part in (one.raw, one.redacted, str(one.id))]
    assert secrets
    assert not [secret for secret in secrets if secret in text]


def test_without_a_file_nothing_is_written(shell: Shell) -> None:
    session = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    with meter_run(session, None, command="drift") as meter:
        meter.expect(["keys.yaml"])
    assert [path.name for path in shell.folder.iterdir()] == ["keys.yaml"]


def test_what_was_expected_and_never_noted_counts_as_failed(shell: Shell, metrics: Path) -> None:
    session = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    with meter_run(session, Path("keyplan.prom"), command="drift") as meter:
        meter.expect(["a.yaml", "b.yaml"])
    assert read(metrics)[SUCCESS] == [0, 0]


def test_the_error_of_the_block_goes_on(shell: Shell, metrics: Path) -> None:
    session = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    with pytest.raises(ProviderUnavailableError), meter_run(session, Path("keyplan.prom"), command="drift"):
        raise ProviderUnavailableError("no answer")
    with pytest.raises(InputError), meter_run(session, Path("no/x.prom"), command="drift"):
        pass
    assert list(read(metrics)) == ["keyplan_build_info", LAST, "keyplan_run_duration_seconds"]
