"""Read a policy: a file of its own, or the `policy` part of a manifest. `planner.policy` checks keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from keyplan.manifest.allow import read_allow
from keyplan.manifest.problems import START, Problems, Spot
from keyplan.manifest.roles import parse_role
from keyplan.manifest.schema import Checker, report_findings
from keyplan.manifest.tables import ItemList, Table, iter_items
from keyplan.manifest.yaml_errors import decode
from keyplan.manifest.yaml_parser import parse_yaml
from keyplan.model.patterns import find_fault
from keyplan.model.policy import Policy, Rule, WantedSink
from keyplan.model.quotes import escape, quote
from keyplan.model.times import parse_duration

_NO_ROLES = Table(START)
_ZERO = timedelta(0)


def read_policy(text: bytes, *, file: str, schema: Mapping[str, Any]) -> Policy:
    """Return the policy that a file holds.

    `file` is what its places are called; `schema` is that of `schemas/policy.v1.json`.

    Raises ManifestError with all problems, in file order.
    """
    problems = Problems(file, family="policy_file")
    root = parse_yaml(decode(text, problems), problems)
    if root is None:
        problems.fail(START, "the file is empty")
    findings = report_findings(Checker(schema), root, subject="a policy", spot=START, problems=problems)
    if not isinstance(root, Table):
        problems.raise_if_any()
    # A rule that the schema refused is left out, so that the sound ones can still be read.
    refused = {str((*finding.path, finding.key)[0]) for finding in findings}
    policy = read_rules(root.without("version", "allow", *refused), file=file, problems=problems)
    if "allow" in root and "allow" not in refused:
        policy = replace(policy, allow=read_allow(root["allow"], problems))
    problems.raise_if_any()
    return policy


def read_rules(given: Table, *, file: str, problems: Problems) -> Policy:
    """Return the policy with these rules, which fit the schema; problems are added."""
    return Policy(
        file=file,
        lines={Rule(name): problems.place_of(spot).line for name, spot in zip(given, given.key_spots, strict=True)},
        require_expiry=given.get("require_expiry", False),
        max_lifetime=_read_duration(given, "max_lifetime", problems),
        max_age=_read_duration(given, "max_age", problems),
        min_overlap=_read_duration(given, "min_overlap", problems),
        names=_read_patterns(given, "names", problems),
        require_description=given.get("require_description", False),
        descriptions=_read_patterns(given, "descriptions", problems),
        allowed_key_types=tuple(given.get("allowed_key_types", ())),
        allowed_roles=_read_roles(given.get("allowed_roles", _NO_ROLES), problems),
        allowed_spaces=tuple(given.get("allowed_spaces", ())),
        required_sinks=tuple(map(_read_alternatives, given.get("required_sinks", ()))),
        protected=tuple(given.get("protected", ())),
    )


def _read_duration(given: Table, name: str, problems: Problems) -> timedelta | None:
    if name not in given:
        return None
    try:
        duration = parse_duration(given[name])
    except ValueError as error:
        problems.add(given.value_spot(name), f"field '{name}' {error}")
        return None
    if duration == _ZERO:
        problems.add(given.value_spot(name), f"field '{name}' must be longer than nothing")
    return duration


def _read_patterns(given: Table, name: str, problems: Problems) -> tuple[str, ...]:
    if name not in given:
        return ()
    patterns: list[tuple[str, Spot]] = list(iter_items(given[name], given.value_spot(name)))
    faults = {pattern: find_fault(pattern) for pattern, _ in patterns}
    for pattern, spot in patterns:
        if faults[pattern]:
            problems.add(spot, f"{quote(pattern)} is not a regular expression of RE2: {escape(faults[pattern])}")
    # `validate` goes on with what is sound: a faulty pattern must not reach the code that matches names with it.
    sound = tuple(pattern for pattern, _ in patterns if not faults[pattern])
    if fault := find_fault(*sound):
        problems.add(given.value_spot(name), f"the patterns of '{name}' cannot be used together: {escape(fault)}")
        return ()
    return sound


def _read_roles(given: Table, problems: Problems) -> Mapping[str, tuple[str, ...]]:
    return {
        kind: tuple(_read_role(kind, role, spot, problems) for role, spot in zip(roles, roles.value_spots, strict=True))
        for kind, roles in given.items()
    }


def _read_role(kind: str, value: Any, spot: Spot, problems: Problems) -> str:
    # The same words as in a declaration, so that a policy compares what users write.
    try:
        return str(parse_role(kind, value))
    except ValueError as error:
        problems.add(spot, f"an item of '{kind}' {error}")
        return ""


def _read_alternatives(item: Any) -> tuple[WantedSink, ...]:
    return tuple(map(_read_sink, item)) if isinstance(item, ItemList) else (_read_sink(item),)


def _read_sink(item: Any) -> WantedSink:
    return WantedSink(word=item["type"], by_name=False) if isinstance(item, Table) else WantedSink(word=item)
