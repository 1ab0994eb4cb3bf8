"""Hold the keys of a manifest against its policies.

In: a manifest with its policies, perhaps a plan of it and the present time. Out: violations at their places, or the
same plan with actions blocked. Never: a rule loosened by another policy; an earlier run kept from finishing, because
that would leave a live key that nobody holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from keyplan.core.judging import Breach, Trial, find_glob, judge
from keyplan.core.reading.quoting import quote
from keyplan.errors import Problem
from keyplan.model.manifest import Declaration, Manifest
from keyplan.model.plan import Action, Blocked, Guard, Plan, Reason, Verb
from keyplan.model.policy import Policy, Rule

_FURTHER_KEYS = (Reason.SUPERSEDED, Reason.OVERLAPPING, Reason.STILL_USED)
"""Reasons of actions for old keys of a declaration, beside its own action."""


def find_violations(manifest: Manifest, *, now: datetime | None = None) -> tuple[Problem, ...]:
    """Return what breaks the manifest's policies, by declaration in file order, then by policy and rule.

    Without a present time, how far `expires_at` lies ahead is not judged.
    """
    return tuple(
        _tell(breach, declared, policy)
        for declared in manifest.keys
        for policy in manifest.policies
        for breach in judge(Trial(policy=policy, declared=declared, sinks=manifest.sinks, now=now))
    )


def police(plan: Plan, *, manifest: Manifest, now: datetime) -> Plan:
    """Return the plan with every action blocked that a policy forbids; one that is blocked already keeps its reason.

    A key that is kept and breaks a rule is blocked too, so that it is seen. Old keys of a declaration still retire.
    """
    if not manifest.policies:
        return plan
    violations: dict[str, list[Problem]] = defaultdict(list)
    for violation in find_violations(manifest, now=now):
        violations[violation.subject].append(violation)
    actions = tuple(_police_action(action, violations, manifest.policies) for action in plan.actions)
    return replace(
        plan,
        actions=actions,
        policies=tuple(policy.file for policy in manifest.policies if policy.file != manifest.path),
        warnings=tuple(sorted({*plan.warnings, *_warn(plan, violations)})),
    )


def _tell(breach: Breach, declared: Declaration, policy: Policy) -> Problem:
    place = declared.place_of(*breach.field)
    return place.problem(
        f"{breach.message} ({policy.cite(breach.rule)})",
        rule=breach.rule.id,
        subject=declared.address,
        advice=breach.advice,
    )


def _police_action(action: Action, violations: Mapping[str, list[Problem]], policies: tuple[Policy, ...]) -> Action:
    if action.blocked or _finishes(action):
        return action
    broken = violations.get(action.address, ()) if _is_main(action) else ()
    found = [f"{violation.message}: {violation.advice}" for violation in broken]
    found += [advice for policy in policies if (advice := _protect(action, policy))]
    return replace(action, blocked=Blocked(guard=Guard.POLICY, advice="; ".join(found))) if found else action


def _finishes(action: Action) -> bool:
    """Whether an action ends what an earlier run began: until then, some consumers may hold a dead key."""
    was_begun = action.basis is not None and bool(action.basis.intents)
    return action.reason is Reason.UNFINISHED or (action.reason is Reason.UNDELIVERED and was_begun)


def _is_main(action: Action) -> bool:
    """Whether an action is a declaration's own, rather than one for an old key of it, or for an undeclared one."""
    return action.basis is not None and action.basis.desired is not None and action.reason not in _FURTHER_KEYS


def _protect(action: Action, policy: Policy) -> str:
    """Return why a policy forbids an action that ends a protected key, or its protection; nothing where it does not."""
    glob = find_glob(tuple(_list_names(action)), policy.protected)
    if glob is None or not _ends_protected(action, policy):
        return ""
    rule = policy.cite(Rule.PROTECTED)
    return f"what fits {quote(glob)} is neither renewed nor deleted nor moved away ({rule}): change the policy first"


def _ends_protected(action: Action, policy: Policy) -> bool:
    if action.verb in (Verb.KEEP, Verb.DELIVER) and action.previous_address:
        name = action.before.name if action.before else ""
        return find_glob((action.address, name), policy.protected) is None
    # An old key whose successor is in place is no longer what is protected.
    return action.verb in (Verb.REFRESH, Verb.REPLACE, Verb.DELETE) and action.reason is not Reason.SUPERSEDED


def _list_names(action: Action) -> Iterator[str]:
    """Yield every address and name that a key has, or had when it was delivered."""
    yield action.address
    if action.previous_address:
        yield action.previous_address
    if action.before:
        yield action.before.name
    receipt = action.basis.receipt if action.basis else None
    if receipt:
        yield receipt.address
        yield receipt.name


def _warn(plan: Plan, violations: Mapping[str, list[Problem]]) -> Iterator[str]:
    for action in plan.actions:
        broken = violations.get(action.address, ())
        if broken and _finishes(action):
            rules = ", ".join(sorted({violation.rule for violation in broken}))
            yield f"{action.address} breaks {rules}; what an earlier run began is finished all the same"
