"""What `keyplan doctor` found as text for a terminal: a line per finding, and advice for those that need an action."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyplan.model.examination import Examination, Finding, Health
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import PLAIN, Palette, Tone
from keyplan.renderers.words import join_words

_WORDS: Mapping[Health, tuple[str, Tone]] = {
    Health.FINE: ("ok", Tone.ADD),
    Health.UNKNOWN: ("?", Tone.FAINT),
    Health.WARNING: ("warning", Tone.CHANGE),
    Health.BROKEN: ("broken", Tone.ALARM),
}
_COUNTED: Mapping[Health, str] = {
    Health.BROKEN: "broken",
    Health.WARNING: "to look at",
    Health.FINE: "fine",
    Health.UNKNOWN: "not known without trying",
}
_WORD_WIDTH = max(len(word) for word, _ in _WORDS.values())
_LONG = 1000


def render_examination(examination: Examination, palette: Palette = PLAIN) -> str:
    """Return the examination as text, its counts as the last line."""
    width = max((len(_name(finding)) for finding in examination.findings), default=0)
    owner, manifest = sanitize(examination.owner), sanitize(examination.manifest)
    lines = [line for finding in examination.findings for line in _describe(finding, width, palette)]
    head = f"Checks of {manifest} ({owner})"
    return "".join(f"{line}\n" for line in (head, "", *lines, "", _summarize(examination)))


def _describe(finding: Finding, width: int, palette: Palette) -> Iterator[str]:
    word, tone = _WORDS[finding.health]
    first, *further = finding.detail.splitlines() or [""]
    mark = palette.paint(tone, f"{word:<{_WORD_WIDTH}}")
    yield f"  {mark}  {_name(finding):<{width}}  {sanitize(first, width=_LONG)}"
    indent = " " * (_WORD_WIDTH + width + 6)
    for line in further:
        yield f"{indent}{sanitize(line, width=_LONG)}"
    if finding.advice:
        yield f"{indent}what to do: {sanitize(finding.advice, width=_LONG)}"


def _name(finding: Finding) -> str:
    """Return what a finding is about: ``clock``, ``provider zen: clock``, ``sink vault: reading``."""
    if finding.provider:
        return f"provider {sanitize(finding.provider)}: {finding.subject}"
    return f"sink {sanitize(finding.sink)}: {finding.subject}" if finding.sink else finding.subject


def _summarize(examination: Examination) -> str:
    counted = [f"{number} {word}" for health, word in _COUNTED.items() if (number := examination.count(health))]
    return f"{join_words(counted)}."
