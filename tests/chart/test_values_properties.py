"""Whatever values the schema takes: what helm renders is restricted, names secrets only, and fits Kubernetes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from chart.rendering import Document, Helm, HelmError, list_pods
from chart.restricted import find_violations
from chart.values_table import read_schema
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

pytestmark = pytest.mark.chart

SCHEMA = read_schema()
FREE: dict[str, Any] = {
    "resources": {"limits": {"memory": "1Gi"}},
    "affinity": {"podAntiAffinity": {}},
    "extraEgress": {"ports": [{"protocol": "TCP", "port": 8443}]},
    "metricsFrom": {"podSelector": {"matchLabels": {"app": "prometheus"}}},
    "tolerations": {"operator": "Exists"},
    "global": {"region": "eu"},
}
"""A sample of each value whose fields only Kubernetes knows."""

TRICKY = ["1", "true", "null", "1e3", "007", "0x1", "on", "12.5"]
# Python takes a pattern's end before a last line break, Go does not.
PRINTED = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
TEXTS = st.sampled_from(["1", "true", "null", "1e3", "a b", "x: y", "{{ .Values }}", '"', "'", "#", "- a", "é", "no"])
LABELS = st.sampled_from(["1", "true", "null", "1e3", "a.b-c", "no", ""])
SIZES = {"size": ["100Mi", "1", "2Gi"], "sizeLimit": ["1", "64Mi"], "interval": ["30s", "1m"]}


def draw_values(name: str, node: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that a part of the schema takes; those that it does not are filtered out."""
    node = SCHEMA["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    if name in FREE and node["type"] == "object":
        return st.just(FREE[name])
    match node["type"]:
        case "object":
            return draw_object(name, node)
        case "array":
            items = draw_values(name, node["items"])
            return st.lists(items, min_size=node.get("minItems", 0), max_size=2).filter(
                Draft7Validator(node | DEFS).is_valid
            )
        case "boolean":
            return st.booleans()
        case "string":
            return draw_text(name, node)
        case _:
            return st.integers(node["minimum"], min(node.get("maximum", 9_999_999), 9_999_999))


DEFS = {"definitions": SCHEMA["definitions"]}


def draw_object(name: str, node: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return an object of some of its fields, or a map of texts."""
    if "properties" in node:
        fields = {field: draw_values(field, given) for field, given in node["properties"].items()}
        required = {field: fields[field] for field in node.get("required", ())}
        sparse = st.fixed_dictionaries(required, optional={key: fields[key] for key in fields.keys() - required.keys()})
        # Most of the time all of them, so that what is deep down is met.
        return st.one_of(st.fixed_dictionaries(fields), st.fixed_dictionaries(fields), sparse)
    if name == "env":
        return st.dictionaries(st.sampled_from(["HTTPS_PROXY", "no", "Y", "AWS_REGION"]), TEXTS, max_size=2)
    if name == "files":
        return st.dictionaries(st.sampled_from(["keys.yaml", "1", "policy.yaml"]), TEXTS, max_size=3)
    texts = TEXTS if "nnotations" in name else LABELS
    return st.dictionaries(st.sampled_from(["example.com/a", "b", "1"]), texts, max_size=2)


def draw_text(name: str, node: dict[str, Any]) -> st.SearchStrategy[str]:
    """Return one of the choices, or a text of the pattern; nothing too strange for what Kubernetes parses."""
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if name in SIZES:
        return st.sampled_from(SIZES[name])
    if name in {"schedule", "timeZone"}:
        return st.sampled_from(["17 4 * * *", "@daily"] if name == "schedule" else ["Etc/UTC", "Europe/Vienna"])
    fits = Draft7Validator(node).is_valid
    # What YAML reads as something else than a text is what a template without quotes breaks at.
    tricky = [text for text in TRICKY if fits(text)]
    texts = st.from_regex(node["pattern"].replace("\\s", " "), fullmatch=True, alphabet=PRINTED)
    if not tricky:
        return texts.filter(fits)
    return st.sampled_from(tricky) | texts.map(lambda text: text[:40].rstrip(".-")).filter(fits)


def complete(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with what the chart asks for, so that most of them are rendered."""
    values.setdefault("image", {})["repository"] = "registry.example.com/keyplan"
    manifests = values.setdefault("manifests", {})
    if manifests.get("files"):
        manifests.pop("existingConfigMap", None)
        manifests["names"] = sorted(manifests["files"])[:1]
        manifests["policies"] = []
    else:
        manifests["existingConfigMap"] = "manifest"
    return values


@settings(
    max_examples=int(os.environ.get("KEYPLAN_EXAMPLES", "40")),
    deadline=None,
    # Each example runs helm, whose fixture holds nothing of the example before.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(values=draw_values("", SCHEMA).map(complete))
def test_whatever_is_rendered_is_restricted_and_fits(
    newest: Helm, judge: Callable[[list[Document]], list[str]], values: dict[str, Any]
) -> None:
    assume(Draft7Validator(SCHEMA).is_valid(values))
    try:
        documents = newest.render(values)
    except HelmError as error:
        event("refused")
        refusal = str(error)
    else:
        event("rendered")
        refusal = ""
    if refusal:
        # One of our own refusals, never a template that breaks.
        assert "keyplan/templates/checks.yaml" in refusal
        return
    assert judge(documents) == []
    for name, pod in list_pods(documents):
        assert (name, list(find_violations(pod))) == (name, [])
    assert "Secret" not in {document["kind"] for document in documents}
    assert len({(one["kind"], str(one["metadata"])) for one in documents}) == len(documents)
