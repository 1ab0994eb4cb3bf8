"""The guard `max_lifetime` of docs/planning.md: no key is asked for that would outlive what its account allows.

The provider refuses such a key at every apply (docs/arize-api.md, A21). What it allows is known from the manifest
alone: no call shows it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from keyplan.model.identity import read_provider
from keyplan.model.manifest import Declaration, Manifest
from keyplan.model.plan import Blocked, FreshPlan, Guard, PlannedAction
from keyplan.model.times import show_time, write_duration


def hold_overlong(plan: FreshPlan, manifest: Manifest, now: datetime) -> FreshPlan:
    """Return the plan, with each action blocked that would ask for a longer life than the account allows.

    A key without an expiry is fine: it gets the longest life that there is.
    """
    limits = {one.name: one.max_lifetime for one in manifest.providers if one.max_lifetime is not None}
    if not limits:
        return plan
    judged = ((action, limits.get(read_provider(action.address))) for action in plan.actions)
    return replace(plan, actions=tuple(_judge(action, most, now) if most else action for action, most in judged))


def _judge(action: PlannedAction, most: timedelta, now: datetime) -> PlannedAction:
    if action.blocked or not action.issues_raw_key or action.basis.desired is None:
        return action
    wish = _find_excess(action.basis.desired.declaration, most, now)
    if not wish:
        return action
    # Nothing that depends on `now`: the same wish has the same advice in every plan.
    allowed = write_duration(most)
    advice = (
        f"{wish}, and the account lets no key live longer than {allowed} (provider: max_lifetime): "
        f"declare an earlier end, or expires_in: {allowed}"
    )
    return replace(action, blocked=Blocked(guard=Guard.MAX_LIFETIME, advice=advice))


def _find_excess(declared: Declaration, most: timedelta, now: datetime) -> str:
    """Return which life is too long; empty if it is not."""
    if declared.expires_in is not None and declared.expires_in > most:
        return f"expires_in is {write_duration(declared.expires_in)}"
    # Compared as spans: a date so far ahead that no instant lies beyond it must not overflow.
    if declared.expires_at is not None and declared.expires_at - now > most:
        return f"expires_at is {show_time(declared.expires_at)}"
    return ""
