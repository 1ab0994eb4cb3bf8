"""The alert rules in examples/ speak of metrics, labels and values that keyplan really writes."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from keyplan.app.monitor import FORESEEN
from keyplan.model.drift import DriftKind
from keyplan.model.leak import LeakStanding
from keyplan.model.plan import Verb
from keyplan.renderers.machine.metrics import FAMILIES

FOLDER = Path(__file__).parents[1] / "examples" / "prometheus"
RULES, TESTS = FOLDER / "keyplan.rules.yaml", FOLDER / "keyplan.rules.test.yaml"
KNOWN = {
    "kind": {kind.value for kind in DriftKind},
    "action": {verb.value for verb in Verb},
    "state": {"open", "exhausted"},
    "standing": {standing.value for standing in LeakStanding},
}


def list_rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from group["rules"]


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in list_rules()])
def test_a_rule_speaks_of_what_keyplan_writes(rule: dict[str, Any]) -> None:
    names = re.findall(r"keyplan_\w+", rule["expr"])
    values = re.findall(r'(\w+)!?="(\w+)"', rule["expr"])
    assert names
    assert not set(names) - FAMILIES.keys()
    assert not [(label, value) for label, value in values if value not in KNOWN[label]]
    assert {"severity"} == set(rule["labels"])
    assert rule["annotations"]["summary"]


def test_what_the_issue_asks_for_is_watched() -> None:
    watched = " ".join(rule["expr"] for rule in list_rules())
    for name in ("run_last_success", "key_expiration", "key_next_rotation", "intents_oldest", "orphans", "drift_keys"):
        assert f"keyplan_{name}" in watched


def test_metrics_look_ahead_farther_than_the_alert_on_expiry() -> None:
    (rule,) = (rule for rule in list_rules() if rule["alert"] == "KeyplanKeyEndsUnrenewed")
    (days,) = re.findall(r"([0-9]+) \* 86400", rule["expr"])
    assert int(days) < FORESEEN.days


def test_the_tests_of_the_rules_cover_every_alert() -> None:
    told = set(re.findall(r"Keyplan\w+", TESTS.read_text()))
    assert told == {rule["alert"] for rule in list_rules()}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_agrees() -> None:
    subprocess.run(["promtool", "check", "rules", RULES], check=True, capture_output=True)
    subprocess.run(["promtool", "test", "rules", TESTS.name], cwd=FOLDER, check=True, capture_output=True)
