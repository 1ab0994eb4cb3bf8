"""What policies hold back in a plan: every action that a rule forbids, and what would end a protected key.

What an earlier run began is finished nevertheless: a half-done rotation leaves consumers with a dying key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from keyplan.errors import Problem
from keyplan.model.manifest import Manifest
from keyplan.model.patterns import matches
from keyplan.model.plan import Blocked, FreshPlan, Guard, PlannedAction, Reason, Verb
from keyplan.model.policy import Policy, Rule
from keyplan.model.quotes import quote
from keyplan.model.times import write_duration, write_time
from keyplan.planner.diff import outlives
from keyplan.planner.policy import find_glob, find_violations, list_alternatives, list_spelt

_FURTHER_KEYS = (Reason.SUPERSEDED, Reason.OVERLAPPING, Reason.STILL_USED, Reason.LEFT)
"""Reasons of actions for old keys and places of a declaration, beside its own action."""


def apply_policies(plan: FreshPlan, *, manifest: Manifest, now: datetime) -> FreshPlan:
    """Return the plan with every action blocked that a policy forbids; one that is blocked already keeps its reason.

    A kept key that breaks a rule is blocked too, so that the plan shows it. Superseded keys still end.
    """
    if not manifest.policies:
        return plan
    violations: dict[str, list[Problem]] = defaultdict(list)
    for violation in find_violations(manifest, now=now):
        violations[violation.subject].append(violation)
    ruled = tuple((policy, list_spelt(manifest, policy)) for policy in manifest.policies)
    actions = tuple(_apply_policies_to(action, violations, ruled) for action in plan.actions)
    return replace(
        plan,
        actions=actions,
        policies=tuple(policy.file for policy in manifest.policies if policy.file != manifest.path),
        warnings=tuple(
            sorted({*plan.warnings, *_warn_of_violations(plan, violations), *_find_unused_globs(plan, manifest)})
        ),
    )


def _apply_policies_to(
    action: PlannedAction, violations: Mapping[str, list[Problem]], ruled: tuple[tuple[Policy, frozenset[str]], ...]
) -> PlannedAction:
    # Finishing comes before every rule: a half-done rotation leaves consumers with a dying key.
    if action.blocked or _finishes_earlier_run(action):
        return action
    broken = violations.get(action.address, ()) if _is_main(action) else ()
    found = [f"{violation.message}: {violation.advice}" for violation in broken]
    if not broken and _is_main(action):
        found += [advice for policy, _ in ruled for advice in _forbid_as_it_is(action, policy)]
    found += [advice for policy, known in ruled if (advice := _explain_protection(action, policy, known))]
    if not any(violation.rule == Rule.MIN_OVERLAP.id for violation in broken):
        found += [advice for policy, _ in ruled if (advice := _explain_overlap(action, policy))]
    return replace(action, blocked=Blocked(guard=Guard.POLICY, advice="; ".join(found))) if found else action


def _finishes_earlier_run(action: PlannedAction) -> bool:
    """Whether an action completes what an earlier run began: until then, some consumers may hold a dead key."""
    # An intent that only a sink holds is a claim, and passes no policy.
    is_begun = action.reason is Reason.UNFINISHED or (
        action.reason is Reason.UNDELIVERED and bool(action.basis.intents)
    )
    return is_begun and action.basis.is_recorded


def _is_main(action: PlannedAction) -> bool:
    """Whether an action is a declaration's own, rather than one for an old key of it, or for an undeclared one."""
    # Ending a key by its id does not depend on how it is declared.
    is_ended = action.verb is Verb.DELETE and action.reason is Reason.REQUESTED
    return action.basis.desired is not None and action.reason not in _FURTHER_KEYS and not is_ended


def _forbid_as_it_is(action: PlannedAction, policy: Policy) -> Iterator[str]:
    """Yield what a policy forbids of a kept key although its declaration is sound: the provider made it so."""
    key, receipt = action.basis.key, action.basis.receipt
    if action.verb is not Verb.KEEP or key is None:
        return
    ends = f"the key ends at {write_time(key.expires_at)}" if key.expires_at else "the key never ends"
    if policy.max_lifetime is not None and outlives(key, receipt, policy.max_lifetime):
        most = write_duration(policy.max_lifetime)
        rule = policy.cite(Rule.MAX_LIFETIME)
        yield f"{ends}, as the provider issued it, and {most} is the longest life ({rule}): declare a shorter one"
    elif policy.require_expiry and key.expires_at is None:
        yield f"{ends}, as the provider issued it, and every key must ({policy.cite(Rule.REQUIRE_EXPIRY)})"
    if policy.names and not matches(key.name, policy.names):
        fact = f"the provider stores the name {quote(key.name)}, which does not match {list_alternatives(policy.names)}"
        yield f"{fact} ({policy.cite(Rule.NAMES)}): declare it under a name that does"


def _explain_protection(action: PlannedAction, policy: Policy, known: frozenset[str]) -> str:
    """Return why a policy forbids an action that ends a protected key, or its protection; empty if it does not."""
    glob = find_glob(tuple(_list_names(action)), policy.protected, known)
    if glob is None or not _ends_protected(action, policy, known):
        return ""
    rule = policy.cite(Rule.PROTECTED)
    return f"what fits {quote(glob)} is neither renewed nor deleted nor moved away ({rule}): change the policy first"


def _explain_overlap(action: PlannedAction, policy: Policy) -> str:
    """Return why a policy forbids an action that ends an old key too soon, however it is declared; empty if not."""
    least = policy.min_overlap
    # Without either, no consumer can hold the old key.
    ends_old_key = action.cuts_off or bool(action.overlap)
    # The rule is about declared keys: one that only the command line names has no overlap to be declared.
    if least is None or not ends_old_key or action.overlap >= least or action.basis.desired is None:
        return ""
    fact = f"the old key would work for {write_duration(action.overlap)} after the switch"
    rule = policy.cite(Rule.MIN_OVERLAP)
    return f"{fact}, and {write_duration(least)} is the shortest overlap ({rule}): use strategy: auto, and no --now"


def _ends_protected(action: PlannedAction, policy: Policy, known: frozenset[str]) -> bool:
    if action.verb in (Verb.KEEP, Verb.DELIVER) and action.previous_address:
        name = action.before.name if action.before else ""
        return find_glob((action.address, name), policy.protected, known) is None
    # Superseded keys, too: a consumer may still use one.
    return action.verb in (Verb.REFRESH, Verb.REPLACE, Verb.DELETE)


def _list_names(action: PlannedAction) -> Iterator[str]:
    """Yield every address and name that a key has, or had when it was delivered."""
    yield action.address
    if action.previous_address:
        yield action.previous_address
    if action.before:
        yield action.before.name
    if receipt := action.basis.receipt:
        yield receipt.address
        yield receipt.name


def _find_unused_globs(plan: FreshPlan, manifest: Manifest) -> Iterator[str]:
    """Yield the globs under `protected` that fit no key: a misspelt one protects nothing."""
    if plan.request.is_partial:
        return
    names = {name for declared in manifest.keys for name in (declared.address, declared.name)}
    names.update(name for action in plan.actions for name in _list_names(action))
    for policy in manifest.policies:
        for glob in policy.protected:
            if find_glob(tuple(names), (glob,)) is None:
                yield f"{quote(glob)} fits no key, so it protects nothing ({policy.cite(Rule.PROTECTED)})"


def _warn_of_violations(plan: FreshPlan, violations: Mapping[str, list[Problem]]) -> Iterator[str]:
    for action in plan.actions:
        broken = violations.get(action.address, ())
        if broken and _finishes_earlier_run(action):
            rules = ", ".join(sorted({violation.rule for violation in broken}))
            yield f"{action.address} breaks {rules}; what an earlier run began is finished all the same"
