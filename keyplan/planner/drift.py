"""What differs between manifest and world: a guarded plan, read as a drift.

There is no finding without an action, a key or an expiry behind it, so `keyplan drift` and `keyplan plan` always agree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from keyplan.model.calendar import Happening
from keyplan.model.drift import Cause, Drift, DriftFinding, DriftKind
from keyplan.model.manifest import Manifest, Unmanaged, Waiver
from keyplan.model.observation import Snapshot
from keyplan.model.plan import FreshPlan, Plan
from keyplan.model.texts import list_composed, selects
from keyplan.model.times import show_time
from keyplan.planner.drift_causes import classify_action
from keyplan.planner.forecast import forecast

DEFAULT_WARNING = timedelta(days=14)
"""So long before it ends, a key that nothing renews becomes a finding."""


_ORDER = tuple(DriftKind)
_MARKED_ADVICE = {
    Cause.CLAIMED: "ask its creator; if that user works for this manifest, add the id to creators under provider",
    Cause.STRAY: "find out which manifest needs it; then import or delete it, and give each manifest an id",
}


def find_drift(
    plan: FreshPlan,
    snapshot: Snapshot,
    *,
    manifest: Manifest,
    only: Collection[DriftKind] = (),
    within: timedelta = DEFAULT_WARNING,
) -> Drift:
    """Return what a plan of the whole manifest finds, of the kinds in `only`, or of every kind if that is empty.

    Unmanaged keys count only if the manifest says `unmanaged: fail`, or if `only` asks for them; keys that expire soon
    and that nothing renews, only if `only` asks for them.
    """
    kinds = tuple(kind for kind in _ORDER if not only or kind in only)
    counts_unmanaged = plan.unmanaged_policy is Unmanaged.FAIL or DriftKind.UNMANAGED in only
    everything = [
        *(finding for action in plan.actions for finding in classify_action(action, snapshot)),
        *_find_unmanaged(plan, is_report_only=not counts_unmanaged),
        *_find_marked(plan),
    ]
    # A key that is due for renewal is one finding, not two.
    renewed = {finding.key_id for finding in everything if finding.kind is DriftKind.EXPIRING}
    # The manifest says so, and the plan is green: a check of everything must not be red for weeks.
    expiring = _find_expiring(plan, snapshot, manifest, within, is_report_only=DriftKind.EXPIRING not in only)
    everything += [one for one in expiring if one.key_id not in renewed]
    shown = sorted((finding for finding in everything if finding.kind in kinds), key=_rank)
    # Unused waivers are looked for among everything, because `only` hides findings that they may fit.
    known = _list_known(everything, manifest)
    findings = apply_waivers(shown, manifest.waivers, snapshot.now, known=known)
    touched = {finding.address for finding in findings}
    return Drift(
        owner=plan.owner,
        manifest=plan.manifest,
        provider=plan.provider,
        dialect=plan.dialect,
        further_providers=plan.further_providers,
        at=snapshot.now,
        kinds=kinds,
        findings=findings,
        in_order=tuple(sorted(declared.address for declared in manifest.keys if declared.address not in touched)),
        survey=snapshot.survey,
        warnings=(*plan.warnings, *find_unused_waivers(everything, manifest.waivers, known=known)),
    )


def _rank(finding: DriftFinding) -> tuple[int, str, str, str]:
    return _ORDER.index(finding.kind), finding.address or finding.name, finding.key_id or "", finding.cause.value


def _find_unmanaged(plan: Plan, *, is_report_only: bool) -> Iterator[DriftFinding]:
    elsewhere = () if plan.unmanaged_policy is Unmanaged.IGNORE else plan.elsewhere
    for view in (*plan.unmanaged, *elsewhere):
        kind = view.key_type.value if view.key_type else "unknown"
        owner = f", managed by owner {view.owner}" if view.owner else ""
        # What another manifest manages is counted, and is not an alarm: two environments may share an account.
        is_shown_only = is_report_only or bool(view.owner)
        yield DriftFinding(
            kind=DriftKind.UNMANAGED,
            cause=Cause.UNMANAGED,
            address=None,
            name=view.name,
            key_id=view.id,
            detail=f"{kind} key{owner}",
            advice="" if is_shown_only else "declare it with adopt, delete it, or accept it under waivers",
            expires_at=view.expires_at,
            is_report_only=is_shown_only,
        )


def _find_marked(plan: Plan) -> Iterator[DriftFinding]:
    """Yield the keys that carry this manifest's marker, or this owner's, and are not known to be ours."""
    for cause, views in ((Cause.CLAIMED, plan.claimed), (Cause.STRAY, plan.strays)):
        for view in views:
            creator = f"created by user {view.creator}" if view.creator else "its creator is not shown"
            yield DriftFinding(
                kind=DriftKind.DRIFT,
                cause=cause,
                address=None,
                name=view.name,
                key_id=view.id,
                detail=f"it carries the marker of {view.owner}, {creator}",
                advice=_MARKED_ADVICE[cause],
                expires_at=view.expires_at,
            )


def _find_expiring(
    plan: FreshPlan, snapshot: Snapshot, manifest: Manifest, within: timedelta, *, is_report_only: bool
) -> Iterator[DriftFinding]:
    """Yield the keys that expire within that time although every apply until then does what it can."""
    declared = {one.address: one for one in manifest.keys}
    for event in forecast(plan, snapshot, until=_add(snapshot.now, within), manifest=manifest).events:
        if event.happening is not Happening.EXPIRES or event.key_id is None:
            continue
        one = declared[event.address]
        yield DriftFinding(
            kind=DriftKind.EXPIRING,
            cause=Cause.EXPIRES_SOON,
            address=event.address,
            name=one.name,
            key_id=event.key_id,
            detail=f"it ends at {show_time(event.at)}: {event.note}",
            advice="raise expires_at in the manifest, or use expires_in" if one.expires_at else "",
            expires_at=event.at,
            place=one.place,
            is_report_only=is_report_only,
        )


def _add(instant: datetime, span: timedelta) -> datetime:
    """Return a later instant, or the last one that `datetime` knows."""
    try:
        return instant + span
    except OverflowError:
        return datetime.max.replace(tzinfo=instant.tzinfo)


# Waivers: findings that the manifest accepts.


def _list_known(findings: Iterable[DriftFinding], manifest: Manifest) -> frozenset[str]:
    """Return every address and key id that a waiver may spell, although it also reads as a glob."""
    named = {text for finding in findings for text in (finding.address, finding.key_id) if text}
    return list_composed({*named, *(declared.address for declared in manifest.keys)})


def apply_waivers(
    findings: Iterable[DriftFinding], waivers: Sequence[Waiver], now: datetime, *, known: frozenset[str] = frozenset()
) -> tuple[DriftFinding, ...]:
    """Return the findings in their order, each with the waiver that accepts it, or with the last one that did.

    A waiver that spells one of the `known` addresses and key ids is not a glob.
    """
    return tuple(_apply_waivers_to(finding, waivers, now, known) for finding in findings)


def _apply_waivers_to(
    finding: DriftFinding, waivers: Sequence[Waiver], now: datetime, known: frozenset[str]
) -> DriftFinding:
    fitting = [waiver for waiver in waivers if _fits(waiver, finding, known)]
    if not fitting:
        return finding
    # Of several, the one that holds longest; of equals the first, because max keeps it.
    last = max(fitting, key=lambda waiver: waiver.until)
    return replace(finding, waiver=last) if last.until > now else replace(finding, lapsed=last)


def _fits(waiver: Waiver, finding: DriftFinding, known: frozenset[str]) -> bool:
    if waiver.causes and finding.cause.value not in waiver.causes:
        return False
    pattern, named = (waiver.key_id, finding.key_id) if waiver.address is None else (waiver.address, finding.address)
    return pattern is not None and named is not None and selects(pattern, named, known)


def find_unused_waivers(
    findings: Sequence[DriftFinding], waivers: Iterable[Waiver], *, known: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Return a sentence for each waiver that fits no finding, in the order of the waivers; `known` as above."""
    return tuple(
        f"{waiver.place}: the waiver for '{waiver.subject}' fits nothing that was found: take it out"
        for waiver in waivers
        if not any(_fits(waiver, finding, known) for finding in findings)
    )
