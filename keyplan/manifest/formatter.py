"""Brings the text of a manifest into its canonical form: order of fields, indentation, spacing. Comments stay.

What a manifest means never changes: a text that would mean something else, or lose a comment, is not returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from keyplan.errors import InputError
from keyplan.manifest.arrangement import arrange
from keyplan.manifest.comments import BLANKS, Outline, outline
from keyplan.manifest.field_order import FieldOrder, Form
from keyplan.manifest.long_texts import LayoutError, put_back, take_out
from keyplan.manifest.problems import START, Problems
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.yaml_errors import decode
from keyplan.manifest.yaml_parser import parse_yaml

_MODELINE = "# yaml-language-server:"
_MOST_ROUNDS = 5
_DRAFT = ""
"""What a text is called that no message names."""
_WHOLE_MANIFEST = frozenset({"version", "owner"})
"""Fields that a file of parts, such as an included one, does not have: the schema would refuse it in an editor."""


def format_manifest(content: bytes, *, file: str, schema: Mapping[str, Any], modeline: str) -> bytes:
    """Return the canonical form of a manifest, or of a file of parts of one; that of a canonical one is the same.

    `schema` has the options of plugins in it. `modeline` is put on top of a manifest that has no such line.

    Raises:
        ManifestError: It is not the YAML of a manifest.
        InputError: keyplan cannot keep each comment and the meaning, and says so.
    """
    text = _decode(content, file)
    meaning = _read(text, file)
    if isinstance(meaning, Table) and meaning.keys() >= _WHOLE_MANIFEST and not _has_modeline(text):
        text = f"{modeline}\n{text}"
    order = FieldOrder(schema)
    try:
        return settle(text, lambda current: _format_once(current, file, order)).encode()
    except LayoutError as error:
        raise InputError(
            f"{file} cannot be formatted: {error}", advice="it was left as it is; give each comment a line of its own"
        ) from error


def settle(text: str, step: Callable[[str], str]) -> str:
    """Return what a step turns a text into, again and again until it leaves it as it is.

    Raises LayoutError if it never does.
    """
    for _ in range(_MOST_ROUNDS):
        written = step(text)
        if written == text:
            return written
        text = written
    raise LayoutError("its layout does not come to rest")


def _decode(content: bytes, file: str) -> str:
    text = decode(content, Problems(file))
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def _read(text: str, file: str) -> Any:
    """Return what a text means. Raises ManifestError, also for what the parser passes over, such as a field twice."""
    problems = Problems(file)
    value = parse_yaml(text, problems)
    problems.raise_if_any()
    if not isinstance(value, Table):
        problems.fail(START, "a manifest is a mapping")
    return value


def _has_modeline(text: str) -> bool:
    return any(comment.text.startswith(_MODELINE) for comment in outline(text).comments)


def _format_once(text: str, file: str, order: FieldOrder) -> str:
    from keyplan.manifest.layout import lay_out  # noqa: PLC0415 - takes 50 ms, and fmt alone needs it

    value = _read(text, file)
    short, long_texts = take_out(text)
    before = outline(short)
    laid_out = lay_out(_outdent_comments(before), lambda path: _order_at(path, value, order))
    after = outline(laid_out)
    shapes = [([comment.text for comment in one.comments], len(one.entries)) for one in (before, after)]
    if shapes[0] != shapes[1]:
        raise LayoutError("a comment stands where it cannot be kept")
    drafts = (
        _tidy(put_back(_indent_comments(before, after, is_exact=is_exact), long_texts)) for is_exact in (False, True)
    )
    even = choose_same(text, drafts)
    ordered = _tidy("\n".join(arrange(_read(even, file), outline(even), order)))
    # An alias that would stand above its anchor: such a manifest keeps its order.
    return choose_same(text, (ordered, even))


def choose_same(text: str, drafts: Iterable[str]) -> str:
    """Return the first draft that means the same as a text and has the same comments, in whatever order.

    Raises LayoutError if none does.
    """
    for draft in drafts:
        if _means_same(text, draft):
            return draft
    raise LayoutError("it would mean something else")


def _order_at(path: tuple[str | int, ...], value: Any, order: FieldOrder) -> list[str]:
    form: Form = order.root()
    for step in path:
        form = order.item(form, value) if isinstance(value, ItemList) else order.field(form, value, str(step))
        value = value[step]
    return order.order(form, value)


def _outdent_comments(before: Outline) -> str:
    """Return the text with each comment of a line of its own at the left edge.

    ruamel.yaml does not move them, and below a block scalar that moved to the left they would become a part of it.
    """
    lines = list(before.lines)
    for comment in before.comments:
        if comment.is_alone:
            lines[comment.line] = comment.text
    return "\n".join(lines)


def _indent_comments(before: Outline, after: Outline, *, is_exact: bool) -> str:
    """Return the new text with each comment of a line of its own at the entry at which it was.

    If `is_exact`, it has the column of that entry; else it may be right of it, as it was.
    """
    lines = list(after.lines)
    for new, nearest, right in zip(after.comments, *_find_nearest(before), strict=True):
        if new.is_alone:
            column = after.entries[nearest].column + (0 if is_exact else right) if nearest is not None else 0
            lines[new.line] = " " * column + new.text
    return "\n".join(lines)


def _find_nearest(before: Outline) -> tuple[list[int | None], list[int]]:
    """Return for each comment the number of the entry that it stands at, and how many columns right of it.

    It stands at the entry below it, or at one that is still open, whichever was written nearest at its left.
    """
    nearest: list[int | None] = []
    right: list[int] = []
    open_entries: list[int] = []
    number = 0
    entries = before.entries
    for comment in before.comments:
        while number < len(entries) and entries[number].line <= comment.line:
            while open_entries and entries[open_entries[-1]].column >= entries[number].column:
                open_entries.pop()
            open_entries.append(number)
            number += 1
        candidates = [*range(number, min(number + 1, len(entries))), *reversed(open_entries)]
        left = [one for one in candidates if entries[one].column <= comment.column]
        found = max(left, key=lambda one: entries[one].column, default=None)
        nearest.append(found)
        right.append(comment.column - entries[found].column if found is not None else 0)
    return nearest, right


def _tidy(text: str) -> str:
    """Return a text without blanks at the ends of lines, and with at most one blank line at a time."""
    seen = outline(text)
    kept: list[str] = []
    for number, line in enumerate(seen.lines):
        if number in seen.inner_lines:
            kept.append(line)
        elif line.strip(BLANKS) or (kept and kept[-1].strip(BLANKS)):
            kept.append(line.rstrip(BLANKS))
    return "\n".join(kept).rstrip("\n") + "\n"


def _means_same(before: str, after: str) -> bool:
    try:
        meaning = _read(after, _DRAFT)
    except InputError:
        return False
    comments = [sorted(comment.text for comment in outline(text).comments) for text in (before, after)]
    return comments[0] == comments[1] and _freeze(_read(before, _DRAFT), {}) == _freeze(meaning, {})


def _freeze(value: Any, known: dict[int, Any]) -> Any:
    """Return what two values of one meaning have in common; `known` spares what aliases repeat."""
    if not isinstance(value, (Table, ItemList)):
        return type(value), repr(value)
    if id(value) not in known:
        known[id(value)] = (
            tuple(sorted((name, _freeze(one, known)) for name, one in value.items()))
            if isinstance(value, Table)
            else [_freeze(one, known) for one in value]
        )
    return known[id(value)]
