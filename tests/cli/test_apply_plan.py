"""What is told of an apply while it runs: events, and raw keys that a runner is to mask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.shell import Shell
from jsonschema import Draft202012Validator

from keyplan.documents import schemas
from keyplan.simulated.effects import EffectFault as Fault

pytestmark = pytest.mark.usefixtures("manifest")
EVENT = Draft202012Validator(schemas.load("event.v1"))


def read_events(text: str) -> list[dict[str, Any]]:
    """Return events, each held against its schema."""
    events = [json.loads(line) for line in text.splitlines()]
    for event in events:
        EVENT.validate(event)
    return events


def test_events_go_to_a_file_and_the_answer_stays_as_it_is(shell: Shell) -> None:
    done = shell("apply", "--auto-approve", "--json-lines", "events.jsonl")
    assert done.out.endswith("Apply complete! Resources: 2 added, 0 changed, 0 destroyed.\n")
    kinds = [event["type"] for event in read_events((shell.folder / "events.jsonl").read_text())]
    assert (kinds[0], kinds.count("apply_complete"), kinds[-1]) == ("version", 2, "final")


def test_events_on_standard_output_stand_there_alone(shell: Shell) -> None:
    done = shell("apply", "--auto-approve", "--json-lines", "-", "--format", "text", "--format", "json=report.json")
    assert read_events(done.out)[0]["type"] == "version"
    assert json.loads((shell.folder / "report.json").read_text())["complete"] is True


def test_who_is_asked_sees_the_plan_beside_the_events(shell: Shell) -> None:
    done = shell("apply", "--json-lines", "-", typed="yes\n")
    assert read_events(done.out)
    assert "Plan: 2 to add" in done.err


def test_an_error_that_ends_the_apply_is_an_event(shell: Shell) -> None:
    shell.world.effects.inject(Fault.ERROR, "ledger.*", skip=3, times=99)
    done = shell("apply", "--auto-approve", "--json-lines", "-")
    events = read_events(done.out)
    assert done.status == 7
    assert any(event["@level"] == "error" for event in events)


def test_events_of_all_manifests_name_theirs(shell: Shell) -> None:
    (shell.folder / "other").mkdir()
    text = (shell.folder / "keys.yaml").read_text()
    shell.write(text.replace("ml-platform", "search").replace("{name}.key", "{name}.txt"), "other/keys.yaml")
    shell.wiring.others["search"] = type(shell.world)()
    done = shell("apply", "keys.yaml", "other", "--auto-approve", "--json-lines", "-")
    named = {event["manifest"] for event in read_events(done.out) if event["type"] == "apply_complete"}
    assert named == {"keys.yaml", str(Path("other", "keys.yaml"))}


def test_a_file_for_events_that_cannot_be_written_is_3_before_anything_is_done(shell: Shell) -> None:
    done = shell("apply", "--auto-approve", "--json-lines", "none/events.jsonl")
    assert (done.status, shell.world.provider.live()) == (3, ())


def test_a_runner_whose_log_cannot_be_reached_safely_is_told_nothing(shell: Shell) -> None:
    shell.environment["GITHUB_ACTIONS"] = "true"
    done = shell("apply", "--auto-approve", "--format", "github")
    assert (done.status, "not masked: " in done.err, "::add-mask::" in done.out + done.err) == (0, True, False)


def test_a_saved_plan_is_not_spent_where_its_events_cannot_be_written(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    assert shell("apply", "plan.json", "--json-lines", "none/events.jsonl").status == 3
    assert shell("apply", "plan.json").status == 0
