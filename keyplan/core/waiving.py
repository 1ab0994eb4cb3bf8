"""Which findings of a drift somebody accepted, and until when.

In: findings, the manifest's waivers, now. Out: the findings with the waiver of each, and what to say of waivers that
do nothing. Never: a finding left out; an accepted one is still shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase

from keyplan.model.drift import Finding
from keyplan.model.manifest import Waiver


def waive(findings: Iterable[Finding], waivers: Sequence[Waiver], now: datetime) -> tuple[Finding, ...]:
    """Return the findings in their order, each with the waiver that accepts it, or with the last one that did."""
    return tuple(_judge(finding, waivers, now) for finding in findings)


def find_idle(findings: Sequence[Finding], waivers: Iterable[Waiver]) -> tuple[str, ...]:
    """Return a sentence for each waiver that fits no finding, in the order of the waivers."""
    return tuple(
        f"{waiver.place}: the waiver for '{waiver.subject}' fits nothing that was found: take it out"
        for waiver in waivers
        if not any(_fits(waiver, finding) for finding in findings)
    )


def _judge(finding: Finding, waivers: Sequence[Waiver], now: datetime) -> Finding:
    fitting = [waiver for waiver in waivers if _fits(waiver, finding)]
    if not fitting:
        return finding
    # Of several the one that holds longest; of equals the first, because max keeps it.
    last = max(fitting, key=lambda waiver: waiver.until)
    return replace(finding, waiver=last) if last.until > now else replace(finding, lapsed=last)


def _fits(waiver: Waiver, finding: Finding) -> bool:
    if waiver.causes and finding.cause.value not in waiver.causes:
        return False
    pattern, named = (waiver.key_id, finding.key_id) if waiver.address is None else (waiver.address, finding.address)
    return pattern is not None and named is not None and (named == pattern or fnmatchcase(named, pattern))
