"""Rows of an answer: those that are alike stand together, share their sentences, and fold into one if they are many.

Folding must never hide what is dangerous: of a kind that ends keys or waits for a user, every key is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.text.layout import INDENT, Line, make_label, measure_mark
from keyplan.renderers.words import format_count

FOLDED_ABOVE = 10
"""At most so many rows of one kind are shown one by one."""

FOLDED = "Rows of one kind are folded; --verbose shows each."
WHAT_TO_DO = "what to do"
_SPACES_SHOWN, _NAMES_SHOWN = 8, 3
_PASTED = (WHAT_TO_DO, "if renamed")
_UNTRUSTED = ("name", "description")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """A key in an answer. All texts are sanitized."""

    kind: Hashable
    """Rows of one kind fold together."""
    mark: str
    """Sign and word, painted, with its indentation."""
    before: str = ""
    """What stands before the key: the verb of an action that is blocked."""
    subject: str
    after: str = ""
    """What stands behind the key."""
    folded_after: str = ""
    """What stands behind the number of keys, if rows are folded."""
    space: str
    name: str
    """The key within its space."""
    details: tuple[tuple[str, str], ...] = ()
    """Label and text of each further line."""
    is_dangerous: bool = False
    """Whether it is named whatever else is folded away."""
    stays_open: bool = False
    """Whether it is shown on its own, however many are alike."""


def split_address(address: str) -> tuple[str, str]:
    """Return the space of an address, or ``user keys``, and the name of its key; sanitized."""
    prefix, _, name = address.rpartition("/")
    space = prefix.removeprefix("service/")
    return "user keys" if prefix == "user" else sanitize(space) or "keys", sanitize(name)


def is_folded(rows: Sequence[TextRow], *, is_verbose: bool) -> bool:
    """Whether any row is not shown on its own."""
    numbers = Counter(row.kind for row in rows if not row.stays_open)
    return not is_verbose and max(numbers.values(), default=0) > FOLDED_ABOVE


def list_lines(rows: Sequence[TextRow], *, is_verbose: bool) -> Iterator[Line]:
    """Yield the lines of rows, whose order says which stand together."""
    for _, members in groupby(rows, key=lambda row: row.kind):
        group = list(members)
        if is_folded(group, is_verbose=is_verbose):
            yield from _fold(group)
        else:
            yield from _list_each(group)


def _list_each(group: Sequence[TextRow]) -> Iterator[Line]:
    shared = _find_shared(group) if len(group) > 1 else []
    for row in group:
        yield _make_headline(row, row.subject, row.after)
        yield from (_make_detail(*detail) for detail in row.details if detail not in shared)
    if shared:
        yield Line(prefix="    ", text="both:" if len(group) == 2 else f"all {len(group)}:")  # noqa: PLR2004 - a pair
        yield from (_make_detail(*detail) for detail in shared)


def _fold(group: Sequence[TextRow]) -> Iterator[Line]:
    first = group[0]
    count = format_count(len(group), "key")
    yield _make_headline(first, count, first.folded_after)
    yield from _name_keys(group)
    shared = _find_shared(group)
    yield from (_make_detail(*detail) for detail in shared)
    labels = {label for row in group for label, _ in row.details}
    if WHAT_TO_DO in labels - {label for label, _ in shared}:
        yield make_label(WHAT_TO_DO, "differs from key to key: --verbose shows it")


def _make_headline(row: TextRow, subject: str, after: str) -> Line:
    return Line(prefix=row.mark, text=f"{row.before}{subject}{after}", hang=measure_mark(row.mark))


def _name_keys(group: Sequence[TextRow]) -> Iterator[Line]:
    """Yield the keys of each space: all of them if they are dangerous, else some and how many more."""
    spaces = [(space, list(members)) for space, members in groupby(group, key=lambda row: row.space)]
    shows_all = any(row.is_dangerous for row in group)
    shown = spaces if shows_all or len(spaces) <= _SPACES_SHOWN + 1 else spaces[:_SPACES_SHOWN]
    for space, members in shown:
        yield Line(prefix=INDENT, text=f"{space}: {_name(members, shows_all=shows_all)}", hang=len(INDENT) + 2)
    rest = [len(members) for _, members in spaces[len(shown) :]]
    if rest:
        yield Line(prefix=INDENT, text=f"and {format_count(sum(rest), 'key')} of {len(rest)} more spaces")


def _name(members: Sequence[TextRow], *, shows_all: bool) -> str:
    times = Counter(row.name for row in members)
    names = [name if number == 1 else f"{name} ({number} keys)" for name, number in times.items()]
    if shows_all or len(names) <= _NAMES_SHOWN + 1:
        return ", ".join(names)
    shown = list(times)[:_NAMES_SHOWN]
    more = len(members) - sum(times[name] for name in shown)
    return f"{', '.join(names[:_NAMES_SHOWN])} and {more} more"


def _find_shared(group: Sequence[TextRow]) -> list[tuple[str, str]]:
    """Return the details that every row of the group has, in the order of the first one."""
    common = set(group[0].details).intersection(*(row.details for row in group[1:]))
    return [detail for detail in group[0].details if detail in common]


def _make_detail(label: str, text: str) -> Line:
    return make_label(label, text, is_pasted=label in _PASTED, is_dated=label not in _UNTRUSTED)
