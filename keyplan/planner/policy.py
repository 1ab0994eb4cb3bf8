"""Check the keys of a manifest against its policies, and block what a policy forbids in a plan.

No policy loosens another one. What an earlier run began is finished even if it breaks a rule: otherwise a live key
would be left whose raw key is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyplan.errors import Problem
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, KeyType, Manifest, ScopeById, SinkSettings
from keyplan.model.patterns import matches
from keyplan.model.policy import Policy, Rule, WantedSink
from keyplan.model.quotes import list_words, quote
from keyplan.model.texts import list_composed, selects
from keyplan.model.times import write_duration
from keyplan.planner.strategy import find_overlap

# The rules, for one declaration and one policy.


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a declaration breaks."""

    rule: Rule
    field: tuple[str, ...]
    """The path of the field that breaks it; the declaration need not have that field."""
    message: str
    """What is wrong and what the policy demands, without a final full stop."""
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCheck:
    """One declaration that is checked against one policy."""

    policy: Policy
    declared: Declaration
    sinks: Mapping[SinkName, SinkSettings]
    now: datetime | None
    """None offline: then it is unknown how far an instant lies ahead, and that rule is not checked."""
    known: frozenset[str] = frozenset()
    """Addresses and names that a glob may spell, as `list_spelt` returns them."""


def check_policy(check: PolicyCheck) -> Iterator[Violation]:
    """Yield every violation, in the order of the rules."""
    for rule_check in _RULE_CHECKS:
        yield from rule_check(check)


def find_glob(texts: tuple[str, ...], globs: tuple[str, ...], known: frozenset[str] = frozenset()) -> str | None:
    """Return the first glob that one of the texts fits or is, upper and lower case being different; None without one.

    A glob that spells one of the `known` texts fits that one alone.
    """
    return next((glob for glob in globs if any(selects(glob, text, known) for text in texts)), None)


def list_spelt(manifest: Manifest, policy: Policy) -> frozenset[str]:
    """Return the addresses and names that a glob of the manifest's own policy may spell, and then means alone."""
    # Not in a policy of others: a declaration that is named like their glob would take all other keys out of it.
    if policy.file != manifest.path or not policy.protected:
        return frozenset()
    return list_composed(text for declared in manifest.keys for text in (declared.address, declared.name))


def _check_expiry(check: PolicyCheck) -> Iterator[Violation]:
    policy, declared = check.policy, check.declared
    limit = policy.max_lifetime
    if declared.expires_in is None and declared.expires_at is None:
        if policy.require_expiry:
            yield Violation(Rule.REQUIRE_EXPIRY, ("expires_in",), "it never ends, and every key must", "set expires_in")
        elif limit is not None:
            yield _too_long("expires_in", "it never ends", limit)
    elif limit is not None:
        yield from _check_lifetime(check, limit)


def _check_lifetime(check: PolicyCheck, limit: timedelta) -> Iterator[Violation]:
    declared, now = check.declared, check.now
    if declared.expires_in is not None and declared.expires_in > limit:
        yield _too_long("expires_in", f"it lives for {write_duration(declared.expires_in)}", limit)
    if declared.expires_at is not None and now is not None and declared.expires_at - now > limit:
        yield _too_long("expires_at", "its expires_at is further away", limit)


def _too_long(field: str, fact: str, limit: timedelta) -> Violation:
    most = write_duration(limit)
    return Violation(Rule.MAX_LIFETIME, (field,), f"{fact}, and {most} is the longest life", f"set expires_in: {most}")


def _check_age(check: PolicyCheck) -> Iterator[Violation]:
    limit, every = check.policy.max_age, check.declared.rotation.every
    if limit is None or (every is not None and every <= limit):
        return
    fact = "it has no rotation.every" if every is None else f"it is renewed every {write_duration(every)}"
    most = write_duration(limit)
    yield Violation(
        Rule.MAX_AGE, ("rotation", "every"), f"{fact}, and {most} is the greatest age", f"set rotation.every: {most}"
    )


def _check_overlap(check: PolicyCheck) -> Iterator[Violation]:
    least, rotation = check.policy.min_overlap, check.declared.rotation
    if least is None or (overlap := find_overlap(rotation)) >= least:
        return
    asked = write_duration(least)
    fact = f"its old key works for {write_duration(overlap)} after a rotation, and {asked} is the shortest overlap"
    is_too_often = rotation.every is not None and rotation.every <= least
    advice = f"set rotation.every to more than {asked}" if is_too_often else f"set rotation.overlap: {asked}"
    yield Violation(Rule.MIN_OVERLAP, ("rotation", "overlap"), fact, advice)


def _check_name(check: PolicyCheck) -> Iterator[Violation]:
    patterns, name = check.policy.names, check.declared.name
    if patterns and not matches(name, patterns):
        fact = f"its name {quote(name)} does not match {list_alternatives(patterns)}"
        yield Violation(Rule.NAMES, ("name",), fact, "declare it under a name that does")


def _check_description(check: PolicyCheck) -> Iterator[Violation]:
    policy, text = check.policy, check.declared.description
    if policy.require_description and not text:
        yield Violation(Rule.REQUIRE_DESCRIPTION, ("description",), "it has no description", "describe it")
    elif policy.descriptions and not matches(text, policy.descriptions):
        fact = f"its description {quote(text)} does not match {list_alternatives(policy.descriptions)}"
        yield Violation(Rule.DESCRIPTIONS, ("description",), fact, "describe it in this form")


def _check_key_type(check: PolicyCheck) -> Iterator[Violation]:
    allowed, kind = check.policy.allowed_key_types, check.declared.key_type.value
    if allowed and kind not in allowed:
        fact = f"it is a {kind} key, and key_type must be {list_alternatives(allowed)}"
        yield Violation(Rule.ALLOWED_KEY_TYPES, ("key_type",), fact, "declare a key of that type")


def _check_roles(check: PolicyCheck) -> Iterator[Violation]:
    # User keys have no roles of their own.
    if check.declared.key_type is not KeyType.SERVICE:
        return
    for kind, role, field in dict.fromkeys(_list_roles(check.declared)):
        allowed = check.policy.allowed_roles.get(kind, (role,))
        if role not in allowed:
            fact = f"its {kind} is {quote(role)}, and must be {list_alternatives(allowed)}"
            yield Violation(Rule.ALLOWED_ROLES, field, fact, f"set {kind} to an allowed role")


def _list_roles(declared: Declaration) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield kind and text of every role of a service key, and the field that it stands in."""
    yield "account_role", str(declared.roles.account_role), ("roles", "account_role")
    if not declared.organizations:
        yield "org_role", str(declared.roles.org_role), ("roles", "org_role")
        yield "space_role", str(declared.roles.space_role), ("roles", "space_role")
    for organization in declared.organizations:
        yield "org_role", str(organization.role), ("organizations",)
        for grant in organization.spaces:
            yield "space_role", str(grant.role), ("organizations",)


def _check_spaces(check: PolicyCheck) -> Iterator[Violation]:
    allowed = check.policy.allowed_spaces
    if not allowed:
        return
    for space, field in dict.fromkeys(_list_spaces(check.declared)):
        if find_glob((space,), allowed) is None:
            fact = f"it may use the space {quote(space)}, which does not fit {list_alternatives(allowed)}"
            yield Violation(Rule.ALLOWED_SPACES, (field,), fact, "take an allowed space, in the words of the policy")


def _list_spaces(declared: Declaration) -> Iterator[tuple[str, str]]:
    """Yield every space of a key as it is written, and the field that it stands in."""
    if declared.scope is not None:
        yield str(declared.scope), "space_id" if isinstance(declared.scope, ScopeById) else "space"
    for organization in declared.organizations:
        for grant in organization.spaces:
            yield grant.space_id, "organizations"


def _check_sinks(check: PolicyCheck) -> Iterator[Violation]:
    used = [check.sinks[delivery.sink] for delivery in check.declared.deliveries]
    for alternatives in check.policy.required_sinks:
        # Every demand must be met, by any sink of the declaration.
        if not any(_meets(sink, wanted) for sink in used for wanted in alternatives):
            wanted_words = " or ".join(map(_describe_sink, alternatives))
            fact = f"it goes to {list_words({sink.name for sink in used})}, and must go to {wanted_words}"
            yield Violation(Rule.REQUIRED_SINKS, ("sink",), fact, "deliver it there, too")


def _meets(sink: SinkSettings, wanted: WantedSink) -> bool:
    return sink.type == wanted.word or (wanted.by_name and sink.name == wanted.word)


def _describe_sink(wanted: WantedSink) -> str:
    kind = "a sink of that type or name" if wanted.by_name else "a sink of that type"
    return f"{quote(wanted.word)} ({kind})"


def _check_protection(check: PolicyCheck) -> Iterator[Violation]:
    declared = check.declared
    glob = find_glob((declared.address, declared.name), check.policy.protected, check.known)
    if glob is not None and not declared.protect:
        fact = f"it fits {quote(glob)}, and what does must be protected"
        yield Violation(Rule.PROTECTED, ("protect",), fact, "set protect: true")


def list_alternatives(words: tuple[str, ...]) -> str:
    """Return ``'a' or 'b'``."""
    return " or ".join(map(quote, words))


_RULE_CHECKS: tuple[Callable[[PolicyCheck], Iterator[Violation]], ...] = (
    _check_expiry,
    _check_age,
    _check_overlap,
    _check_name,
    _check_description,
    _check_key_type,
    _check_roles,
    _check_spaces,
    _check_sinks,
    _check_protection,
)


# What follows from them, for a whole manifest and for a plan.


def find_longest_life(manifest: Manifest) -> timedelta | None:
    """Return the longest life that all policies allow; None if none limits it."""
    limits = [policy.max_lifetime for policy in manifest.policies if policy.max_lifetime is not None]
    return min(limits, default=None)


def find_violations(manifest: Manifest, *, now: datetime | None = None) -> tuple[Problem, ...]:
    """Return what breaks the manifest's policies, by declaration in file order, then by policy and rule.

    Without `now`, how far `expires_at` lies ahead is not checked.
    """
    ruled = [(policy, list_spelt(manifest, policy)) for policy in manifest.policies]
    return tuple(
        _to_problem(violation, declared, policy)
        for declared in manifest.keys
        for policy, known in ruled
        for violation in check_policy(
            PolicyCheck(policy=policy, declared=declared, sinks=manifest.sinks, now=now, known=known)
        )
    )


def _to_problem(violation: Violation, declared: Declaration, policy: Policy) -> Problem:
    place = declared.place_of(*violation.field)
    return place.problem(
        f"{violation.message} ({policy.cite(violation.rule)})",
        rule=violation.rule.id,
        subject=declared.address,
        advice=violation.advice,
    )
