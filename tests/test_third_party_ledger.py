"""A ledger from another package, named in the manifest, serves every command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledgers.json_ledger import install
from timelapse import Timelapse, playing

pytestmark = pytest.mark.enable_socket

LEDGER = "ledger: {type: json, file: shared.json}\n"


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Timelapse]:
    """Give the first example, beside a sandbox, with the package of the ledger installed and named."""
    site = tmp_path / "site"
    site.mkdir()
    install(site)
    monkeypatch.syspath_prepend(site)
    with playing("01-start", tmp_path, "beta") as timelapse:
        path = timelapse.folder / "keys.yaml"
        path.write_text(path.read_text() + LEDGER)
        yield timelapse
    sys.modules.pop("keyplan_json_ledger", None)


def test_plan_and_apply_work_with_it_and_write_no_file_of_their_own(start: Timelapse) -> None:
    assert start("plan", "--detailed-exitcode").status == 2
    start.apply()
    assert start("plan", "--detailed-exitcode").status == 0
    (noted,) = json.loads((start.folder / "shared.json").read_text()).values()
    assert (len(noted["history"]), noted["intents"], noted["locks"]) == (1, {}, {})
    assert not (start.folder / ".keyplan").exists()


def test_what_it_holds_is_shown(start: Timelapse) -> None:
    start.apply()
    assert "0 open intents" in start("ledger", "show").out
    assert "2 added" in start("ledger", "history").out
    assert start("doctor").status == 0
    assert start("drift").status == 0


def test_a_plan_file_is_spent_in_it(start: Timelapse) -> None:
    assert start("plan", "--out", "plan.json").status == 0
    assert start("apply", "plan.json").status == 0
    done = start("apply", "plan.json")
    assert (done.status, "applied before" in done.err) == (4, True)


def test_its_lock_keeps_an_apply_out_and_can_be_broken(start: Timelapse) -> None:
    start.apply()
    path = start.folder / "shared.json"
    noted = json.loads(path.read_text())
    (name,) = noted
    held = {"id": "4711", "owner": "ada", "host": "ci", "pid": 1, "since": "2026-11-23T07:31:00Z", "command": "apply"}
    held |= {"until": "2099-11-23T07:31:00Z", "number": 1}
    path.write_text(json.dumps({name: {**noted[name], "locks": {"apply": held}}}))
    assert start("apply", "--auto-approve").status == 7
    assert start("ledger", "unlock", "4711").status == 0
    start.apply()


def test_its_options_are_checked_at_their_place(start: Timelapse) -> None:
    start.edit("file: shared.json", "fiel: shared.json")
    line = (start.folder / "keys.yaml").read_text().count("\n")
    said = start("validate")
    assert said.status == 3
    assert f"keys.yaml:{line}:22: field 'fiel' is unknown; did you mean 'file'?" in said.out + said.err


def test_an_unknown_type_is_told_with_the_known_ones(start: Timelapse) -> None:
    start.edit("type: json", "type: jsn")
    said = start("validate")
    assert said.status == 3
    assert "ledger type 'jsn' is unknown; did you mean 'json'?" in said.out + said.err


def test_editors_are_told_of_its_options(start: Timelapse) -> None:
    conditions = json.loads(start("schema", "manifest").out)["properties"]["ledger"]["allOf"]
    (mine,) = [one for one in conditions if one["if"]["properties"]["type"] == {"const": "json"}]
    assert mine["then"]["required"] == ["file"]
    assert mine["if"]["required"] == ["type"]


def test_a_named_file_does_not_take_its_place(start: Timelapse) -> None:
    said = start("plan", "--ledger", "other.db")
    assert said.status == 3
    assert "the ledger of keys.yaml is of type 'json', and --ledger names a file" in said.err


def test_it_cannot_be_rebuilt_by_keyplan(start: Timelapse) -> None:
    start.apply()
    said = start("ledger", "rebuild", "--force")
    assert (said.status, "a ledger of this type can't be set aside" in said.err) == (3, True)


def test_two_manifests_share_it_where_two_would_not_share_a_file(start: Timelapse) -> None:
    text = (start.folder / "keys.yaml").read_text()
    owner = next(line for line in text.splitlines() if line.startswith("owner:"))
    (start.folder / "keys.yaml").unlink()
    for name in ("one", "two"):
        folder = start.folder / name
        folder.mkdir()
        (folder / "keys.yaml").write_text(
            text.replace(owner, f"owner: {name}").replace("file: shared.json", "file: ../shared.json")
        )
    done = start("apply", "one", "two", "--auto-approve")
    assert done.status == 0, done.err
    assert len(json.loads((start.folder / "shared.json").read_text())) == 2


def test_the_file_of_the_default_ledger_can_be_set_in_the_manifest(start: Timelapse) -> None:
    start.edit("{type: json, file: shared.json}", "{path: state/l.db}")
    start.apply()
    assert (start.folder / "state" / "l.db").exists()
    assert not (start.folder / ".keyplan").exists()
