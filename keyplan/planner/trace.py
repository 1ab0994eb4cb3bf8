"""Which rows of docs/planning.md were asked for a declaration, and what each answered.

The rules decide by what `ask` and its neighbours hand back to them, so that a trace can't say something else than the
plan. A plan that no user wants explained is made with `NO_TRACE`, which notes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from keyplan.model.explanation import RowAnswer, TableRow
from keyplan.model.identity import KeyId
from keyplan.model.plan import PlannedAction, Verb

_Found = TypeVar("_Found")


class Trace:
    """What each row answered, in the order in which they were asked; the last answer of a row counts."""

    __slots__ = ("_answers", "_further", "_is_kept", "decided")

    def __init__(self, *, is_kept: bool = True) -> None:
        self.decided: TableRow | None = None
        """The row that decides; None until one fits."""
        self._is_kept = is_kept
        self._answers: dict[TableRow, RowAnswer] = {}
        self._further: dict[tuple[Verb, KeyId | None], TableRow] = {}

    @property
    def answers(self) -> Mapping[TableRow, RowAnswer]:
        """The answers by row."""
        return MappingProxyType(self._answers)

    @property
    def further(self) -> Mapping[tuple[Verb, KeyId | None], TableRow]:
        """Which row decided each action beside the declaration's own one, by the action's verb and key."""
        return MappingProxyType(self._further)

    def ask(self, row: TableRow, found: _Found) -> _Found:
        """Return what was found. The row fits if that is true, and the first one that fits decides."""
        if self._is_kept:
            self._note(row, fits=bool(found))
            if found and self.decided is None:
                self.decided = row
        return found

    def overrule(self, row: TableRow, found: _Found) -> _Found:
        """Return what was found after a row has decided. If it is true, this row decides instead."""
        if self._is_kept and found:
            self._note(row, fits=True)
            self.decided = row
        elif self._is_kept:
            self._answers.setdefault(row, RowAnswer.NO)
        return found

    def hold(self, row: TableRow, action: PlannedAction, held: PlannedAction) -> PlannedAction:
        """Return what has become of an action. If that is another one, this row decides."""
        self.overrule(row, held is not action)
        return held

    def skip(self, *rows: TableRow) -> None:
        """Note that these rows need not be asked in the situation of the declaration."""
        if self._is_kept:
            self._answers.update(dict.fromkeys(rows, RowAnswer.NOT_ASKED))

    def assign(self, row: TableRow, action: PlannedAction) -> PlannedAction:
        """Return an action beside the declaration's own one, which this row decided."""
        if self._is_kept:
            self._further[action.verb, action.key_id] = row
        return action

    def _note(self, row: TableRow, *, fits: bool) -> None:
        # Removed first: a row that is asked again stands where it was asked last.
        self._answers.pop(row, None)
        self._answers[row] = RowAnswer.YES if fits else RowAnswer.NO


NO_TRACE = Trace(is_kept=False)
