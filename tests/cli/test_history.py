"""`keyplan history`: what was done when and by whom, and what a head that was kept elsewhere proves."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cli.shell import Outcome, Shell
from jsonschema import Draft202012Validator
from samples import make_history_entry
from simulator import Fault

from keyplan.documents.schemas import load
from keyplan.model.history import AppliedAction, Author, HistoryEntry
from keyplan.model.identity import Address

GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "octo"}


def read(done: Outcome, schema: str, *, status: int = 0) -> Any:
    """Return the document that was printed; it fits its published schema."""
    assert (done.status, done.err) == (status, "")
    document = json.loads(done.out)
    Draft202012Validator(load(f"{schema}.v1"), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)
    return document


def find_head(done: Outcome) -> str:
    """Return the head that an apply printed."""
    assert done.status == 0
    (head,) = re.findall(r"^History: entry \d+, head ([0-9a-f]{64})$", done.out, re.MULTILINE)
    return str(head)


@pytest.fixture
def applied(shell: Shell, manifest: Path) -> Shell:
    """Return a shell in which two keys were delivered by a pipeline."""
    shell.environment.update(GITHUB)
    find_head(shell("apply", "--auto-approve"))
    return shell


def test_an_apply_prints_the_head_before_its_last_line(shell: Shell, manifest: Path) -> None:
    lines = shell("apply", "--auto-approve").out.splitlines()
    assert lines[-1].startswith("Apply complete!")
    assert any(line.startswith("History: entry 1, head ") for line in lines)


def test_the_report_and_the_step_summary_have_the_head(shell: Shell, manifest: Path, tmp_path: Path) -> None:
    shell.environment.update(GITHUB | {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")})
    done = shell("apply", "--auto-approve", "--format", "github", "--format", "json=report.json")
    assert done.status == 0
    report = json.loads((shell.folder / "report.json").read_text())
    Draft202012Validator(load("report.v1")).validate(report)
    assert report["history"]["number"] == 1
    assert report["history"]["head"] in (tmp_path / "summary.md").read_text()
    assert report["history"]["head"] == shell.world.ledger.recall().head


def test_the_metrics_have_the_head(applied: Shell) -> None:
    assert applied("drift", "--metrics-file", "keyplan.prom").status == 0
    text = (applied.folder / "keyplan.prom").read_text()
    assert f'head="{applied.world.ledger.recall().head}"' in text


def test_an_apply_that_cannot_be_remembered_says_so(shell: Shell, manifest: Path) -> None:
    shell.world.effects.inject(Fault.ERROR, "ledger.remember")
    done = shell("apply", "--auto-approve", "--format", "text", "--format", "json=report.json")
    assert done.status == 0
    assert "History: this apply could not be added: the ledger cannot be written" in done.out
    report = json.loads((shell.folder / "report.json").read_text())
    Draft202012Validator(load("report.v1")).validate(report)
    assert report["history"] == {"failure": "the ledger cannot be written"}


def test_it_shows_what_was_done_when_by_whom_and_by_which_plan(applied: Shell) -> None:
    done = applied("history")
    (entry,) = applied.world.ledger.history()
    assert done.status == 0
    assert "octo (github) on " in done.out
    assert "2 added, 0 changed, 0 destroyed, 0 failed" in done.out
    assert re.search(r"^      create user/ci \(absent\)  key \S+$", done.out, re.MULTILINE)
    assert f"      plan {entry.digest}\n" in done.out


def test_it_shows_the_applies_of_one_address_alone(applied: Shell) -> None:
    assert applied("rotate", "user/ci", "--auto-approve").status == 0
    assert len(read(applied("history", "--format", "json"), "history")["applies"]) == 2
    assert len(read(applied("history", "service/production/ingest", "--format", "json"), "history")["applies"]) == 1
    (newest, _) = read(applied("history", "user/ci", "--format", "json"), "history")["applies"]
    assert [(action["verb"], action["status"]) for action in newest["actions"]] == [("refresh", "done")]
    assert newest["command"] == "rotate"
    assert applied("history", "user/other").out == "No apply is remembered.\n"


def test_a_failure_is_part_of_the_history(shell: Shell, manifest: Path) -> None:
    shell.world.effects.inject(Fault.ERROR, "provider.create")
    assert shell("apply", "--auto-approve").status == 5
    (entry,) = read(shell("history", "--format", "json"), "history")["applies"]
    assert sorted(action["status"] for action in entry["actions"]) == ["done", "failed"]
    assert "  failed\n" in shell("history").out
    assert "failed" in shell("history", "--format", "markdown").out


def test_csv_has_a_line_for_each_action(applied: Shell) -> None:
    rows = list(csv.DictReader(StringIO(applied("history", "--format", "csv").out)))
    assert [(row["number"], row["author"], row["address"]) for row in rows] == [
        ("1", "octo", "service/production/ingest"),
        ("1", "octo", "user/ci"),
    ]


def test_an_entry_of_an_older_keyplan_says_what_is_unknown(shell: Shell, manifest: Path) -> None:
    shell.world.ledger.entries.append(make_history_entry("f" * 64))
    assert shell("history").out.startswith("2026-11-23T07:31:00Z  unknown  1 added")
    (row,) = csv.DictReader(StringIO(shell("history", "--format", "csv").out))
    assert (row["author"], row["hash"], row["address"]) == ("", "", "")
    assert read(shell("history", "--format", "json"), "history")["applies"][0]["hash"] is None
    assert "unknown" in shell("history", "--format", "markdown").out
    find_head(shell("apply", "--auto-approve"))
    assert "1 entry of an older keyplan" in shell("history", "verify").out


def test_text_of_the_environment_is_harmless(shell: Shell, manifest: Path) -> None:
    shell.environment.update({"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "=cmd|'\x1b[2J @team ::error::<b>"})
    find_head(shell("apply", "--auto-approve"))
    shown = shell("history").out + shell("history", "--format", "csv").out
    assert "\x1b" not in shown
    (row, *_) = csv.DictReader(StringIO(shell("history", "--format", "csv").out))
    assert row["author"].startswith("'=")
    assert "<b>" not in re.sub(r"`[^`]*`", "", shell("history", "--format", "markdown").out)


# verify


def test_a_head_that_was_kept_proves_all_entries_up_to_it(applied: Shell) -> None:
    first = applied.world.ledger.recall().head
    second = find_head(applied("rotate", "user/ci", "--auto-approve"))
    done = applied("history", "verify", "--head", second)
    assert (done.status, done.out) == (
        0,
        f"2 entries up to the head {second}: none was edited, removed or cut off.\n",
    )
    document = read(applied("history", "verify", "--head", first, "--format", "json"), "history-check")
    assert (document["whole"], document["newer"], document["head"]) == (True, 1, second)
    assert "1 entry after it" in applied("history", "verify", "--head", first).out


def test_without_a_head_it_says_what_it_cannot_prove(applied: Shell) -> None:
    done = applied("history", "verify")
    assert done.status == 0
    assert "Not proven without --head: that no entry was cut off at the end" in done.out


def test_a_history_that_was_written_anew_is_noticed_with_a_head_alone(applied: Shell) -> None:
    head = applied.world.ledger.recall().head
    entries = applied.world.ledger.entries
    entries[:] = []
    applied.world.ledger.remember(make_history_entry("f" * 64, author=Author(name="mallory", source="git")))
    assert applied("history", "verify").status == 0
    done = applied("history", "verify", "--head", head)
    assert done.status == 7
    assert f"No entry has the head {head}" in done.out


def test_an_edited_entry_is_named(applied: Shell) -> None:
    find_head(applied("rotate", "user/ci", "--auto-approve"))
    entries = applied.world.ledger.entries
    action = AppliedAction(address=Address("user/else"), verb="create", reason="absent", status="done")
    entries[0] = replace(entries[0], actions=(action,))
    done = applied("history", "verify")
    assert (done.status, done.out) == (7, "  !  entry 1: its hash does not fit what it says: it was edited\n")
    document = read(applied("history", "verify", "--format", "json"), "history-check", status=7)
    assert document["faults"] == [{"entry": 1, "kind": "content"}]


def test_a_removed_entry_is_noticed_at_the_next_one(applied: Shell) -> None:
    find_head(applied("rotate", "user/ci", "--auto-approve"))
    del applied.world.ledger.entries[0]
    done = applied("history", "verify")
    assert done.status == 7
    assert "the entry before it is not the one" in done.out


def test_an_empty_history_has_nothing_to_prove(shell: Shell, manifest: Path) -> None:
    assert shell("history", "verify").out.startswith("The chain of 0 entries is whole. It has no head yet.\n")
    assert shell("history", "verify", "--head", "0" * 64).status == 7


@pytest.mark.parametrize("head", ["", "4f0c", "G" * 64, f"{'0' * 64}\n"])
def test_what_is_no_hash_is_refused(shell: Shell, manifest: Path, head: str) -> None:
    assert shell("history", "verify", "--head", head).status == 3


@pytest.mark.parametrize("words", [("user/ci", "--head", "0" * 64), ("verify", "--format", "csv")])
def test_options_that_do_not_go_together_are_misuse(shell: Shell, manifest: Path, words: tuple[str, ...]) -> None:
    assert shell("history", *words).status == 64


# Commands that are no applies.


def import_ci(shell: Shell) -> tuple[Outcome, str]:
    """Import a key that a user made by hand; return what is printed, and the key's id."""
    record = shell.world.provider.person_creates("ci")
    shell.world.sinks["local"].person_writes("user/ci", record.raw)  # type: ignore[index]  # a name is text
    return shell("import", "user/ci", record.id), record.id


def test_an_import_is_an_entry_of_its_address(shell: Shell, manifest: Path) -> None:
    shell.environment.update(GITHUB)
    done, key_id = import_ci(shell)
    head = find_head(done)
    (entry,) = read(shell("history", "user/ci", "--format", "json"), "history")["applies"]
    assert entry["author"] == {"name": "octo", "source": "github"}
    assert (entry["digest"], entry["command"], entry["hash"]) == ("", "import", head)
    (action,) = entry["actions"]
    assert (action["verb"], action["reason"], action["status"], action["key_id"]) == (
        *("import", "imported", "done"),
        key_id,
    )
    assert "import (imported): done by octo, keyplan import" in shell("explain", "user/ci").out


def test_an_import_that_does_nothing_is_no_entry(shell: Shell, manifest: Path) -> None:
    _, key_id = import_ci(shell)
    assert "History" not in shell("import", "user/ci", key_id).out
    assert len(shell.world.ledger.history()) == 1


def test_a_broken_lock_is_an_entry_and_the_chain_holds(applied: Shell) -> None:
    held = applied.world.ledger.as_another_process().lock(applied.wiring.holder("apply"), patience=timedelta(0))
    with held:
        head = find_head(applied("ledger", "unlock", "5f3a"))
    assert applied("history", "verify", "--head", head).status == 0
    shown = applied("history").out.splitlines()
    assert shown[0].startswith("2  ")
    assert shown[0].endswith("octo (github) on ci-1  ledger unlock 5f3a")
    assert shown[1] == f"      head {head}"
    assert "| ledger unlock 5f3a |" in applied("history", "--format", "markdown").out.replace("`", "")
    assert applied("ledger", "history").out.splitlines()[0].endswith("Z  ledger unlock 5f3a")


def test_a_history_that_cannot_be_written_undoes_no_command(shell: Shell, manifest: Path) -> None:
    shell.world.effects.inject(Fault.ERROR, "ledger.remember")
    done, _ = import_ci(shell)
    assert done.status == 0
    assert "History: this import could not be added: " in done.out
    assert len(shell.world.ledger.receipts) == 1


def test_what_an_older_keyplan_reads_is_still_there(shell: Shell, manifest: Path) -> None:
    import_ci(shell)
    (entry,) = shell.world.ledger.history()
    assert HistoryEntry.from_dict(entry.to_dict()) == entry
