"""The chart's files agree with each other and with keyplan; no helm is needed to say so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml
from chart.rendering import CASES, CHART, ROOT
from chart.values_table import BLOCK, README, read_schema, write_table
from jsonschema import Draft7Validator

import keyplan
from keyplan.cli.main import cli

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def walk(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema in the schema, with its path."""
    if isinstance(node, dict):
        if "type" in node:
            yield path, node
        for name, value in node.items():
            yield from walk(value, f"{path}/{name}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from walk(value, f"{path}/{number}")


def test_chart_and_keyplan_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (keyplan.__version__, keyplan.__version__)
    page = (ROOT / "docs/kubernetes.md").read_text()
    assert set(re.findall(r"keyplan:(\d[\w.]*)", page)) == {keyplan.__version__}
    assert f'appVersion: "{keyplan.__version__}"' in (CHART / "Chart.yaml").read_text(), "unquoted, 0.10 would be 0.1"


def test_the_rules_are_those_of_the_examples() -> None:
    ours, theirs = CHART / "rules/keyplan.rules.yaml", ROOT / "examples/prometheus/keyplan.rules.yaml"
    assert ours.read_text() == theirs.read_text(), f"cp {theirs} {ours}"


def test_the_readme_has_the_table_of_values() -> None:
    written = BLOCK.search(README.read_text())
    assert written is not None
    assert written.group() == write_table(), "python tests/chart/values_table.py --write"


def test_the_schema_is_of_draft_7_and_closed() -> None:
    schema = read_schema()
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    # What only Kubernetes knows the fields of, and what a parent chart gives.
    free = {"global", "resources", "affinity", "metricsFrom/items", "extraEgress/items", "tolerations/items"}
    open_ones = [
        path
        for path, node in walk(schema)
        if node["type"] == "object" and "additionalProperties" not in node and not path.endswith(tuple(free))
    ]
    assert open_ones == []


def test_every_value_is_described_and_has_a_default() -> None:
    def compare(node: dict[str, Any], values: dict[str, Any], path: str) -> None:
        assert set(node["properties"]) - {"global"} == set(values), path
        for name, given in node["properties"].items():
            described = schema["definitions"][given["$ref"].rpartition("/")[2]] if "$ref" in given else given
            assert described["description"].endswith("."), f"{path}{name}"
            if "properties" in described:
                compare(described, values[name], f"{path}{name}.")

    schema = read_schema()
    compare(schema, VALUES, "")


@pytest.mark.parametrize("case", [CHART / "values.yaml", *CASES], ids=lambda path: path.name)
def test_values_fit_the_schema(case: Any) -> None:
    given = yaml.safe_load(case.read_text())
    assert [error.message for error in Draft7Validator(read_schema()).iter_errors(given)] == []


@pytest.mark.parametrize(
    "given",
    [
        {"writer": {"credential": {"value": "ak-1"}}},
        {"writer": {"secretEnv": [{"name": "VAULT_TOKEN", "value": "hvs.1"}]}},
        {"writer": {"secretEnv": [{"name": "KEYPLAN_LEDGER", "existingSecret": "x", "key": "y"}]}},
        {"ledger": {"postgres": {"url": "postgresql://keyplan:pw@db/keyplan"}}},
        {"ledger": {"s3": {"url": "s3://key:secret@bucket/prefix"}}},
        {"ledger": {"s3": {"url": "postgresql://keyplan:pw@db/keyplan"}}},
        {"notify": {"url": "https://hooks.slack.com/services/T/B/x"}},
        {"env": {"ARIZE_API_KEY": "ak-1"}},
        {"env": {"AWS_SECRET_ACCESS_KEY": "x"}},
        {"env": {"vault_token": "hvs.1"}},
        {"env": {"KEYPLAN_LEDGER_DSN": "postgresql://keyplan:pw@db/keyplan"}},
        {"env": {"KEYPLAN_LEDGER": "postgresql://db/keyplan"}},
        {"env": {"KEYPLAN_NOTIFY": "https://hooks.slack.com/services/T/B/x"}},
        {"env": {"HTTPS_PROXY": "http://user:pw@proxy.example.com:3128"}},
        {"watch": {"extraArgs": ["--notify=https://hooks.slack.com/services/T/B/x"]}},
        {"watch": {"extraArgs": ["--notify", "https://hooks.slack.com/services/T/B/x"]}},
        {"jobs": {"apply": {"extraArgs": ["--ledger=postgresql://keyplan:pw@db/keyplan"]}}},
        {"jobs": {"plan": {"extraArgs": ["--var=token=x"]}}},
        {"image": {"repository": "user:pw@registry.example.com/keyplan"}},
    ],
    ids=lambda given: json.dumps(given)[:70],
)
def test_no_value_takes_a_secret(given: dict[str, Any]) -> None:
    assert not Draft7Validator(read_schema()).is_valid(given)


@pytest.mark.parametrize(
    "given",
    [
        {"env": {"AWS_REGION": "eu-west-1", "HTTPS_PROXY": "http://proxy.example.com:3128", "NO_PROXY": ".svc"}},
        {"env": {"GOOGLE_APPLICATION_CREDENTIALS": "/var/run/keyplan-secrets/gcp/credentials.json"}},
        {"writer": {"secretEnv": [{"name": "VAULT_TOKEN", "existingSecret": "vault", "key": "token"}]}},
        {"ledger": {"s3": {"url": "s3://acme/prod?region=eu-west-1&endpoint_url=https://s3.example.com"}}},
        {"watch": {"extraArgs": ["--parallelism=4"]}},
    ],
    ids=lambda given: json.dumps(given)[:70],
)
def test_what_is_no_secret_is_taken(given: dict[str, Any]) -> None:
    assert [error.message for error in Draft7Validator(read_schema()).iter_errors(given)] == []


def test_options_that_have_a_value_of_their_own_are_options_of_keyplan() -> None:
    taken = read_schema()["definitions"]["arguments"]["items"]["allOf"][0]["not"]["pattern"]
    names = taken.partition("(")[2].partition(")")[0].split("|")
    command = cli.get_command(click.Context(cli), "watch")
    assert command is not None
    watch = {option for parameter in command.params for option in parameter.opts}
    assert {f"--{name}" for name in names} <= watch
