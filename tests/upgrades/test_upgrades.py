"""This version goes on with what each earlier version left behind, and writes nothing that the recorded form lacks.

`worlds/` has a folder for each released version and for this one, with one for each type of ledger. What is in an
SQLite file is tested by `make processes`; what was in PostgreSQL and S3 is put into a real PostgreSQL and into an
emulator of S3 by `make sinks`: every table with its constraints, rows, numbers and steps, and every object with its
key. If test_no_stored_form_differs_from_the_recorded_one fails, a stored form has changed: read docs/stability.md, and
if that is meant, write this version's worlds anew with `make worlds`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from upgrades.forms import describe_world
from upgrades.ledgers import LEDGERS, OpenLedger, serving_ledgers
from upgrades.worlds import SETTLED, WORLDS, Servers, opening, serving, write_worlds

import keyplan
from keyplan.documents.plan import from_document

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

VERSIONS = sorted(path.name for path in WORLDS.iterdir())
MARKS = {name: pytest.mark.processes if name == "sqlite" else pytest.mark.sinks for name in LEDGERS}
EVERY_LEDGER = [pytest.param(name, marks=MARKS[name]) for name in LEDGERS]
EVERY_WORLD = [
    pytest.param((version, name), marks=MARKS[name], id=f"{version}-{name}") for version in VERSIONS for name in LEDGERS
]


@pytest.fixture(scope="session")
def open_ledger() -> Iterator[OpenLedger]:
    """Return what makes a ledger of a type."""
    with serving_ledgers() as opened:
        yield opened


@pytest.fixture(params=EVERY_WORLD)
def settled(request: pytest.FixtureRequest, tmp_path: Path, open_ledger: OpenLedger) -> Iterator[Servers]:
    """Return a terminal in the world that a version had finished."""
    version, name = request.param
    with opening(WORLDS / version / name / "settled", tmp_path, open_ledger(name)) as servers:
        yield servers


@pytest.fixture(params=EVERY_WORLD)
def interrupted(request: pytest.FixtureRequest, tmp_path: Path, open_ledger: OpenLedger) -> Iterator[Servers]:
    """Return a terminal in the world in which a run of a version was killed after a create."""
    version, name = request.param
    with opening(WORLDS / version / name / "interrupted", tmp_path, open_ledger(name)) as servers:
        yield servers


def test_this_version_has_its_worlds() -> None:
    assert sorted(path.name for path in (WORLDS / keyplan.__version__).iterdir()) == sorted(LEDGERS)


def test_nothing_is_planned_where_nothing_has_changed(settled: Servers) -> None:
    said = settled.must("plan", "--detailed-exitcode")
    assert "No changes. Your keys match the manifest." in said
    settled.must("drift")
    settled.must("apply", "--auto-approve")
    assert settled.live_names() == ["ci", "everywhere", "forgotten", "rotated", "rotated"]


def test_nothing_is_planned_without_the_ledger_either(settled: Servers) -> None:
    """Receipts beside secrets and the marks on keys are read as well; only the ledger knows what was forgotten."""
    settled.ledger.lose(settled.folder)
    planned = json.loads(settled.run("plan", "--format", "json").stdout)
    verbs = {one["address"]: one["verb"] for one in planned["resource_changes"] if one["verb"] != "keep"}
    assert verbs == {"user/forgotten": "delete"}


def test_the_history_is_read_and_its_chain_holds(settled: Servers) -> None:
    assert "user/rotated" in settled.must("history", "user/rotated")
    assert json.loads(settled.must("history", "verify", "--format", "json"))["whole"] is True


def test_a_key_is_explained_with_what_the_version_noted(settled: Servers) -> None:
    assert "user/rotated" in settled.must("explain", "user/rotated")
    assert "eu:service/production/ingest" in settled.must("explain", "eu:service/production/ingest")


def test_the_next_rotation_goes_on_from_the_receipts(settled: Servers) -> None:
    settled.must("rotate", "eu:service/production/ingest", "--auto-approve")
    assert settled.eu.live_names() == ["ingest"]
    assert settled.eu.is_valid((settled.folder / "secrets" / "ingest.key").read_text())
    settled.must("plan", "--detailed-exitcode")


def test_a_saved_plan_is_shown(settled: Servers) -> None:
    shown = settled.must("show", "plan.json")
    assert "user/pending" in shown
    assert from_document(json.loads((settled.folder / "plan.json").read_text())).owner == "upgrades"


def test_a_plan_that_was_applied_is_not_applied_again(settled: Servers) -> None:
    done = settled.run("apply", "applied.json")
    assert (done.returncode, "the plan was applied before" in done.stderr) == (4, True)


def test_what_was_interrupted_is_finished(interrupted: Servers) -> None:
    assert "a run did not finish for user/pending" in interrupted.must("doctor")
    assert "an earlier run did not finish" in interrupted.run("plan").stdout
    interrupted.must("apply", "--auto-approve", "--lock-timeout", "90s")
    assert interrupted.live_names().count("pending") == 1
    assert interrupted.is_valid((interrupted.folder / "secrets" / "pending.key").read_text())
    interrupted.must("plan", "--detailed-exitcode")


def test_an_apply_leaves_the_tables_that_a_new_ledger_gets(
    interrupted: Servers, tmp_path_factory: pytest.TempPathFactory, open_ledger: OpenLedger
) -> None:
    interrupted.must("apply", "--auto-approve", "--lock-timeout", "90s")
    name = interrupted.ledger.name
    with serving(tmp_path_factory.mktemp("new"), open_ledger(name)) as new:
        new.declare(SETTLED)
        new.must("apply", "--auto-approve")
        tables = new.ledger.read_tables(new.folder)
    assert interrupted.ledger.read_tables(interrupted.folder) == tables
    assert ("receipts" in tables) is (name != "s3")


@pytest.mark.parametrize("name", EVERY_LEDGER)
def test_no_stored_form_differs_from_the_recorded_one(name: str, tmp_path: Path, open_ledger: OpenLedger) -> None:
    write_worlds(tmp_path, open_ledger(name))
    written, recorded = describe_world(tmp_path), describe_world(WORLDS / keyplan.__version__ / name)
    assert written == recorded


def test_a_changed_form_is_noticed(tmp_path: Path) -> None:
    target = tmp_path / "settled"
    target.mkdir()
    (target / "report.json").write_text(
        json.dumps({"at": "2026-11-29T12:00:00Z", "new": [{"field": 1}, {"field": None}]})
    )
    (target / "rows.jsonl").write_text('{"is_new": true}\n{"is_new": "true"}\n')
    assert describe_world(tmp_path) == {
        "settled/report.json": [
            ".at",
            ".at: timeZ",
            ".new",
            ".new[].field",
            ".new[].field",
            ".new[].field: null",
            ".new[].field: number",
        ],
        "settled/rows.jsonl": ["[].is_new", "[].is_new", "[].is_new: text", "[].is_new: true"],
    }
    assert SETTLED.count("name:") == 4
