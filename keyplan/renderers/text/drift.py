"""A drift as a person reads it: what the world did first, then what an apply would do, then what was accepted.

In: a drift. Out: text, its counts as the last line. Never: a colour without its word, a name that is not inert.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from keyplan.model.drift import Drift, Finding, Kind
from keyplan.renderers.palette import PLAIN, Palette, Tone
from keyplan.renderers.sanitize import inert
from keyplan.renderers.words import join_words, say_time

FOUND = "found"
"""The label of a finding's detail."""
UNMANAGED_SHOWN = 20
"""So many keys that nobody declared are named; the rest is counted."""

_LONG = 1000
_INDENT = " " * 6
_WORD_WIDTH = 17
_NO_DRIFT = "No drift. Nothing needs to be done."
_NOTHING_OF_THAT = "Nothing of that kind needs to be done."
_HEADINGS: Mapping[Kind, tuple[str, Tone]] = {
    Kind.DRIFT: ("Drift: the world changed.", Tone.ALARM),
    Kind.PENDING: ("Pending: the manifest changed, or time passed.", Tone.CHANGE),
    Kind.UNMANAGED: ("Unmanaged: live keys that nobody declared.", Tone.CHANGE),
    Kind.EXPIRING: ("Expiring: keys that end soon.", Tone.CHANGE),
}
_COUNTED: Mapping[Kind, str] = {
    Kind.DRIFT: "drifted",
    Kind.PENDING: "pending",
    Kind.EXPIRING: "expiring",
    Kind.UNMANAGED: "unmanaged",
}


def render_drift(drift: Drift, palette: Palette = PLAIN) -> str:
    """Return the drift as text."""
    blocks = [
        [_head(drift)],
        *(list(_describe_kind(drift, kind, palette)) for kind in drift.kinds),
        list(_describe_accepted(drift, palette)),
        [f"{palette.paint(Tone.CHANGE, 'Warning:')} {inert(text, width=_LONG)}" for text in drift.warnings],
        list(list_asides(drift)),
        [palette.paint(Tone.STRONG, summarize(drift))],
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def render_drifts(drifts: Sequence[Drift], palette: Palette = PLAIN) -> str:
    """Return the drifts as text, the summary of all as the last line."""
    texts = [render_drift(drift, palette) for drift in drifts]
    if len(texts) == 1:
        return texts[0]
    last = palette.paint(Tone.STRONG, summarize(*drifts))
    return "\n".join([*texts, f"{len(drifts)} manifests\n{last}\n"])


def summarize(*drifts: Drift) -> str:
    """Return ``Drift: 1 drifted, 2 pending.`` of all together, or that there is nothing to do."""
    kinds = [finding.kind for drift in drifts for finding in drift.alarms]
    counted = [f"{kinds.count(kind)} {word}" for kind, word in _COUNTED.items() if kind in kinds]
    if counted:
        return f"Drift: {', '.join(counted)}."
    return _NO_DRIFT if all(drift.kinds == tuple(Kind) for drift in drifts) else _NOTHING_OF_THAT


def list_asides(drift: Drift) -> Iterator[str]:
    """Yield what the summary line has no room for, a line each."""
    if drift.kinds != tuple(Kind):
        yield f"Only {join_words([kind.value for kind in drift.kinds])} was looked for."
    shown = len(drift.open) - len(drift.alarms)
    counted = ((shown, "for information"), (len(drift.accepted), "accepted"), (len(drift.in_order), "in order"))
    counts = [f"{number} {word}" for number, word in counted if number]
    if counts:
        yield f"{', '.join(counts)}."
    if any(finding.guard for finding in drift.alarms):
        yield "What is blocked is not mended by an apply; what to do about it stands beside it."


def say_subject(finding: Finding) -> str:
    """Return what a finding is about: its address, or name and id of a key without one. Not inert."""
    return finding.address or f"{finding.name}  {finding.key_id or ''}".rstrip()


def describe_finding(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield label and text of each further line of a finding but its advice. Not inert."""
    if finding.detail:
        yield FOUND, finding.detail
    if finding.key_id and finding.address:
        yield "key id", finding.key_id
    if finding.guard:
        yield "blocked by", finding.guard.value
    if finding.waiver:
        until = say_time(finding.waiver.until)
        yield "accepted", f"by {finding.waiver.owner} until {until}: {finding.waiver.reason}"
    if finding.lapsed:
        ended = say_time(finding.lapsed.until)
        yield "waiver ended", f"at {ended}; {finding.lapsed.owner} had accepted it: {finding.lapsed.reason}"


def _head(drift: Drift) -> str:
    owner, manifest, provider = inert(drift.owner), inert(drift.manifest), inert(drift.provider)
    return f"Keys of {owner} in {manifest}, at {provider} ({inert(drift.dialect)} API), {say_time(drift.at)}"


def _describe_kind(drift: Drift, kind: Kind, palette: Palette) -> Iterator[str]:
    findings = [finding for finding in drift.open if finding.kind is kind]
    if not findings:
        return
    heading, tone = _HEADINGS[kind]
    yield palette.paint(tone, heading)
    shown = findings[:UNMANAGED_SHOWN] if kind is Kind.UNMANAGED else findings
    for finding in shown:
        yield from _describe(finding, "." if finding.is_report_only else "!", palette)
    if len(findings) > len(shown):
        yield f"{_INDENT}and {len(findings) - len(shown)} more; keyplan list shows all"


def _describe_accepted(drift: Drift, palette: Palette) -> Iterator[str]:
    if drift.accepted:
        yield palette.paint(Tone.FAINT, "Accepted: as the manifest's waivers say.")
        for finding in drift.accepted:
            yield from _describe(finding, "=", palette)


def _describe(finding: Finding, mark: str, palette: Palette) -> Iterator[str]:
    tone = Tone.ALARM if mark == "!" else Tone.FAINT
    sign = palette.paint(tone, f"{mark} {finding.cause.value:<{_WORD_WIDTH}}")
    yield f"  {sign}  {inert(say_subject(finding))}"
    for label, text in describe_finding(finding):
        yield f"{_INDENT}{label:<12} {inert(text, width=_LONG)}"
    if finding.advice and not finding.waiver:
        yield f"{_INDENT}{'what to do':<12} {inert(finding.advice, width=_LONG)}"
