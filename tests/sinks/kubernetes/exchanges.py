"""A conversation with a cluster, and what matters of its answers: the recorded contract that the fake is held to."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sinks.kubernetes.cluster import APPLY, MERGE, Cluster

RECORDED = Path(__file__).with_name("exchanges.json")
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass(frozen=True)
class Step:
    """One request; `{version}` in its body is the version in the last answer that had one."""

    title: str
    method: str
    name: str = ""
    body: Mapping[str, Any] | None = None
    user: str = "admin"
    content_type: str = "application/json"
    accept: str = PARTIAL
    parameters: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    """Empty: the test's own."""


def apply(title: str, manager: str, body: Mapping[str, Any], *, name: str = "s", **more: Any) -> Step:
    parameters = {"fieldManager": manager, "force": "false", **more.pop("parameters", {})}
    whole = {"apiVersion": "v1", "kind": "Secret", **body, "metadata": {"name": name, **body.get("metadata", {})}}
    return Step(title, "PATCH", name, whole, content_type=APPLY, parameters=parameters, **more)


def merge(title: str, body: Mapping[str, Any], *, name: str = "s", manager: str = "kubectl-edit", **more: Any) -> Step:
    parameters = {"fieldManager": manager, **more.pop("parameters", {})}
    return Step(title, "PATCH", name, body, content_type=MERGE, parameters=parameters, **more)


def noted(data: Mapping[str, str], **annotations: str) -> dict[str, Any]:
    values = {name: _encode(text) for name, text in data.items()}
    notes = {f"keyplan/{name}": text for name, text in annotations.items()}
    metadata = {"labels": {"keyplan/owner": "o"}, "annotations": notes}
    return {"metadata": metadata, **({"data": values} if values else {})}


DRY = {"dryRun": "All"}
FORCE = {"force": "true"}
STEPS = (
    Step("nothing is there", "GET", "s"),
    merge("a patch of nothing finds nothing", {}, parameters=DRY),
    apply("a rehearsal makes nothing", "keyplan-a", noted({"a": "1"}, r="1"), parameters=DRY),
    Step("still nothing is there", "GET", "s"),
    apply("an intent makes the Secret", "keyplan-a-intent", noted({}, i="1")),
    apply("a value is applied", "keyplan-a", noted({"a": "1"}, r="1")),
    apply("another manager applies another entry", "keyplan-b", noted({"b": "2"}, rb="1")),
    apply("and again, without a change", "keyplan-b", noted({"b": "2"}, rb="1")),
    Step("all of it is there", "GET", "s", accept="application/json"),
    merge("the intent is taken out", {"metadata": {"annotations": {"keyplan/i": None}}}, manager="keyplan-a"),
    merge("a receipt is annotated", {"metadata": {"annotations": {"keyplan/r": "2"}}}, manager="keyplan-a"),
    apply("which is a conflict with ourselves", "keyplan-a", noted({"a": "3"}, r="3")),
    apply(
        "with a stale version it is another", "keyplan-a", noted({"a": "3"}, r="3") | {"stale": True}, parameters=FORCE
    ),
    apply("by force it is none", "keyplan-a", noted({"a": "3"}, r="3"), parameters=FORCE),
    merge("a person edits the value", {"data": {"a": _encode("by hand")}}),
    Step("metadata tells who wrote it last", "GET", "s"),
    apply("a conflict", "keyplan-a", noted({"a": "3"}, r="3")),
    apply("taken over again", "keyplan-a", noted({"a": "3"}, r="3"), parameters=FORCE),
    merge("a person deletes an entry", {"data": {"b": None}}),
    merge("a patch of nothing tells as well", {}, parameters=DRY, user="writer"),
    Step("who may not get, may not", "GET", "s", user="writer"),
    Step("who may not list, may not", "GET", user="writer", accept=PARTIAL_LIST),
    apply("who may only read can't apply", "keyplan-r", noted({"r": "1"}), user="reader", parameters=DRY),
    apply("a right to one name makes that one", "keyplan-a", noted({"a": "1"}), name="arize-keys", user="named"),
    apply("but no other", "keyplan-a", noted({"a": "1"}), name="other", user="named"),
    Step("nor is any listed", "GET", user="named", accept=PARTIAL_LIST),
    Step("a token that nobody has", "GET", "s", user="stranger"),
    Step("listed by label", "GET", accept=PARTIAL_LIST, parameters={"labelSelector": "keyplan/owner=o"}),
    Step("listed by page", "GET", accept=PARTIAL_LIST, parameters={"limit": "1"}),
    merge("the Secret is made immutable", {"immutable": True}),
    apply("no value changes any more", "keyplan-a", noted({"a": "4"}, r="4"), parameters=FORCE),
    apply("a note still does", "keyplan-a", noted({"a": "3"}, r="4"), parameters=FORCE),
    apply("too many annotations", "keyplan-a", noted({"a": "1"}, r="x" * 262_144), name="big"),
    apply("too large a value", "keyplan-a", noted({"a": "x" * 1_048_577}), name="big"),
    apply("no base64", "keyplan-a", {"data": {"a": "?"}}, name="big"),
    apply("no such namespace", "keyplan-a", noted({"a": "1"}), namespace="nowhere"),
    Step("deleted only as it was", "DELETE", "s", {"preconditions": {"resourceVersion": "1"}}),
    Step("deleted", "DELETE", "s"),
    Step("and gone", "DELETE", "s"),
)


def converse(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """Return what matters of a cluster's answers to all steps."""
    return [_take(cluster, namespace, step) for step in STEPS]


def _take(cluster: Cluster, namespace: str, step: Step) -> dict[str, Any]:
    path = f"/api/v1/namespaces/{step.namespace or namespace}/secrets{f'/{step.name}' if step.name else ''}"
    body = dict(step.body) if step.body is not None else None
    if body and body.pop("stale", False):
        body["metadata"] = {**body["metadata"], "resourceVersion": "1"}
    answer = cluster.ask(
        step.method,
        path,
        body,
        user=step.user,
        content_type=step.content_type,
        accept=step.accept,
        **step.parameters,
    )
    return {"title": step.title, "status": answer.status_code, **_essence(answer.json())}


def _essence(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what keyplan reads of an answer, without what differs at every run."""
    kind = document.get("kind")
    if kind == "Status":
        details = document.get("details") or {}
        causes = sorted([cause.get("reason", ""), cause.get("field", "")] for cause in details.get("causes", ()))
        is_about_namespace = details.get("kind") == "namespaces"
        return {"reason": document.get("reason", ""), "causes": causes, "namespace_missing": is_about_namespace}
    if "items" in document:
        has_more = bool((document.get("metadata") or {}).get("continue"))
        return {"kind": kind, "items": [_essence(item) for item in document["items"]], "has_more": has_more}
    metadata = document["metadata"]
    return {
        **({"kind": kind} if kind else {}),
        "name": metadata["name"],
        "has_version": "resourceVersion" in metadata,
        "labels": metadata.get("labels", {}),
        "annotations": {name: text[:20] for name, text in metadata.get("annotations", {}).items()},
        "data": document.get("data", {}),
        "managers": sorted(owned for owned in map(_owned, metadata.get("managedFields", ())) if len(owned) > _NAMED),
    }


_NAMED = 2
"""Manager and operation come first; one that owns nothing else than, say, `type` does not matter."""


def _owned(entry: Mapping[str, Any]) -> list[str]:
    owned = entry.get("fieldsV1", {})
    metadata = owned.get("f:metadata", {})
    parts = {
        "data": owned.get("f:data", {}),
        **{kind: metadata.get(f"f:{kind}", {}) for kind in ("labels", "annotations")},
    }
    names = sorted(f"{kind}:{name[2:]}" for kind, part in parts.items() for name in part if name.startswith("f:"))
    return [entry["manager"], entry["operation"], *names]


def read_recorded() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(RECORDED.read_text())
    return found


def record(answers: list[dict[str, Any]]) -> None:
    RECORDED.write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n")
