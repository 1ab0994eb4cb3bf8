"""What keyplan knows of one declaration or one key, and why a plan does with it what it does.

Everything is taken from the plan and from what it was decided from: no rule is repeated here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from keyplan.errors import InputError
from keyplan.model.calendar import Event
from keyplan.model.explanation import (
    AskedRow,
    Decision,
    ExplainedKey,
    Explanation,
    RowAnswer,
    SubjectStanding,
    TableRow,
)
from keyplan.model.history import HistoryEntry
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import FreshPlan, PlannedAction, Reason, Verb
from keyplan.model.quotes import nearest, quote
from keyplan.planner.case import Case
from keyplan.planner.declared_fields import list_fields
from keyplan.planner.explained_keys import KeyIndex
from keyplan.planner.explained_places import describe_past, explain_places, list_applies, list_recorded
from keyplan.planner.forecast import forecast
from keyplan.planner.orphans import Orphan
from keyplan.planner.plan import TracedPlan
from keyplan.planner.row_facts import list_asked
from keyplan.planner.waves import list_own_actions

_HORIZON = timedelta(days=3660)
"""How far ahead the next dates are looked for."""
_ROLLOUT_HORIZON = timedelta(days=400)
"""The same with a rollout, for which all keys are followed."""
_MOST_SUGGESTED = 5
_HELD_BACK = "the declaration's own action is blocked, so its old keys wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explainer:
    """Explains what a plan is about, one subject at a time."""

    manifest: Manifest
    snapshot: Snapshot
    """As it was observed, with the claims that are not believed."""
    traced: TracedPlan
    plan: FreshPlan
    """The same plan with policies and guards applied."""
    entries: tuple[HistoryEntry, ...] = ()
    """The history of applies, as far as the ledger has it."""

    def explain(self, subject: str) -> Explanation:
        """Return what is known of an address or a key id.

        Raises InputError, with near names, if neither declarations nor ledger nor provider know it.
        """
        keys = KeyIndex(self.manifest, self.snapshot, self.traced)
        if (case := self._find_case(subject)) is not None:
            return self._explain_declaration(subject, case, _choose_key(case), keys)
        if (key := keys.find(subject)) is not None:
            case = next((one for one in self.traced.cases if _has(one, key)), None)
            if case is not None:
                return self._explain_declaration(subject, case, key, keys)
            orphan = next((one for one in self.traced.ownership.orphans if one.key and one.key.id == key.id), None)
            return self._explain_other(subject, key, orphan, keys)
        for orphan in self.traced.ownership.orphans:
            if subject in (orphan.address, orphan.receipt.key_id if orphan.receipt else None):
                return self._explain_other(subject, orphan.key, orphan, keys)
        raise InputError(
            f"nothing is known about {quote(subject)}: it is neither an address in {self.manifest.path} nor the id of "
            f"a key that the ledger or the provider knows{self._suggest(subject, keys)}",
            advice="addresses are user/NAME and service/SPACE/NAME; keyplan list shows the ids of keys",
        )

    def _find_case(self, subject: str) -> Case | None:
        """Return the declaration of an address, of one that it had, or of a key that only its receipt knows."""
        cases = self.traced.cases
        for is_it in (_is_named, _was_named, _names_unseen):
            for case in cases:
                if is_it(case, subject):
                    return case
        return None

    def _suggest(self, subject: str, keys: KeyIndex) -> str:
        """Return what was probably meant: what has that name, or else what is spelt alike."""
        addresses = [case.declaration.address for case in self.traced.cases]
        declared = [case.declaration.address for case in self.traced.cases if case.declaration.name == subject]
        listed = [key.id for key in keys.keys.values() if key.name == subject and key.active]
        found: Sequence[str] = [*declared, *listed][:_MOST_SUGGESTED]
        if not found:
            known = {*addresses, *(one.address for one in self.traced.ownership.orphans)}
            near = nearest(subject, known) or nearest(subject, keys.keys)
            found = [near] if near else []
        return f"; did you mean {' or '.join(map(quote, found))}?" if found else ""

    def _explain_declaration(self, subject: str, case: Case, key: Observation | None, keys: KeyIndex) -> Explanation:
        """Return the explanation of a declaration, with the decision about that key of it in front."""
        address = case.declaration.address
        actions = [action for action in self.plan.actions if action.address == address]
        own, further = _split(case, actions)
        decided = self._decide(case, own)
        others = [Decision(row=row, action=action) for row, action in further]
        if key in case.owned.alive and key is not None and key != _choose_key(case):
            about = next((one for one in others if one.action and one.action.key_id == key.id), _HELD)
            decided, others = about, [decided, *(one for one in others if one is not about)]
        explained = keys.explain(key) if key else None
        live = [one for one in case.owned.alive if key is None or one.id != key.id]
        return replace(
            self._start(subject, decided, explained),
            address=address,
            fields=list_fields(self.manifest, case.declaration),
            others=tuple(keys.explain(one) for one in live),
            places=tuple(explain_places(case, self.snapshot)),
            history=describe_past(
                case.owned.receipt,
                case.owned.intents,
                (*case.owned.alive, *self.snapshot.revoked),
                list_applies(self.entries, address),
            ),
            further=tuple(others),
            events=self._list_events(actions),
        )

    def _decide(self, case: Case, own: PlannedAction) -> Decision:
        """Return the decision about a declaration: that of the rows, unless the renewal waits for its turn."""
        before = list_own_actions(self.traced.plan)[own.address]
        asked, turn = list_asked(case), _ask_turn(self.manifest, before, own)
        row = TableRow.WAITING if own.reason is Reason.WAITING else case.trace.decided
        return Decision(row=row, action=own, asked=(*asked, turn) if turn else asked)

    def _explain_other(
        self, subject: str, key: Observation | None, orphan: Orphan | None, keys: KeyIndex
    ) -> Explanation:
        """Return the explanation of what is declared nowhere: a key, or a mere receipt."""
        key_id = key.id if key else None
        explained = keys.explain(key) if key else None
        about = [action for action in self.plan.actions if action.key_id == key_id and (key or _is_of(action, orphan))]
        own = next((action for action in about if _is_of(action, orphan)), None)
        row = TableRow.UNDECLARED if own else TableRow.UNMANAGED if key and key.is_live(self.snapshot.now) else None
        rows = {case.declaration.address: case.trace.decided for case in self.traced.cases}
        receipt = orphan.receipt if orphan else None
        return replace(
            self._start(subject, Decision(row=row, action=own), explained),
            address=orphan.address if orphan else None,
            places=tuple(list_recorded(receipt)),
            history=describe_past(
                receipt,
                (),
                (key,) if key else self.snapshot.revoked,
                list_applies(self.entries, orphan.address) if orphan else (),
            ),
            # A declaration in whose place the key stands.
            further=tuple(Decision(row=rows[one.address], action=one) for one in about if one.address in rows),
            events=self._list_events([own] if own else []),
        )

    def _start(self, subject: str, decision: Decision, key: ExplainedKey | None) -> Explanation:
        is_declared = bool(decision.asked)
        return Explanation(
            subject=subject,
            manifest=self.manifest.path,
            owner=self.manifest.owner,
            provider=self.snapshot.provider,
            dialect=self.snapshot.laws.dialect,
            further_providers=self.plan.further_providers,
            now=self.snapshot.now,
            standing=key.standing if key else SubjectStanding.DECLARED if is_declared else SubjectStanding.UNDECLARED,
            address=None,
            key=key,
            decision=decision,
        )

    def _list_events(self, actions: Iterable[PlannedAction]) -> tuple[Event, ...]:
        """Return what comes next, as the calendar has it: each sort once for each key."""
        about = tuple(actions)
        addresses = {action.address for action in about}
        until = self.snapshot.now + (_HORIZON if self.manifest.rollout is None else _ROLLOUT_HORIZON)
        # With all others, because in a rollout one key waits for another.
        others = (one for one in self.plan.actions if one.address not in addresses)
        plan = replace(self.plan, actions=about if self.manifest.rollout is None else (*about, *others))
        calendar = forecast(plan, self.snapshot, until=until, manifest=self.manifest)
        found = [event for event in calendar.events if event.address in addresses]
        # What becomes of the successors of a key that exists is left to the calendar.
        exists = any(event.key_id for event in found)
        events = [event for event in found if event.key_id or not exists]
        first = {(event.happening, event.key_id): event for event in reversed(events)}
        return tuple(event for event in events if first[event.happening, event.key_id] is event)


_HELD = Decision(
    row=None, action=None, asked=(AskedRow(row=TableRow.OLD_KEY, answer=RowAnswer.NOT_ASKED, fact=_HELD_BACK),)
)
"""About an old key whose declaration is held back: no action says what becomes of it."""


def _choose_key(case: Case) -> Observation | None:
    """Return the key that stands for a declaration: its current one, or else the youngest."""
    return case.owned.current or next(iter(case.owned.alive), None)


def _is_named(case: Case, subject: str) -> bool:
    return case.declaration.address == subject


def _was_named(case: Case, subject: str) -> bool:
    return subject in case.declaration.moved_from or subject == case.owned.previous_address


def _names_unseen(case: Case, subject: str) -> bool:
    """Whether the receipt names a key that the provider does not show at all."""
    receipt, shown = case.owned.receipt, (*case.snapshot.keys, *case.snapshot.revoked)
    return receipt is not None and receipt.key_id == subject and all(key.id != subject for key in shown)


def _ask_turn(manifest: Manifest, before: PlannedAction, own: PlannedAction) -> AskedRow | None:
    """Return what the rollout answered about a renewal, by what became of it; None if it was not asked."""
    has_rollout = manifest.rollout is not None or any(declared.group for declared in manifest.keys)
    if not has_rollout or before.verb not in (Verb.REFRESH, Verb.REPLACE):
        return None
    if own.reason is not Reason.WAITING:
        return AskedRow(row=TableRow.WAITING, answer=RowAnswer.NO, fact="its turn has come, or it waits for none")
    turn = own.next_turn
    return AskedRow(row=TableRow.WAITING, answer=RowAnswer.YES, fact=f"wave {turn.wave} of {turn.waves}")


def _has(case: Case, key: Observation) -> bool:
    """Whether a key is a live one of a declaration, or the dead one of its receipt."""
    receipt = case.owned.receipt
    return any(one.id == key.id for one in case.owned.alive) or (receipt is not None and receipt.key_id == key.id)


def _is_of(action: PlannedAction, orphan: Orphan | None) -> bool:
    """Whether an action is about something that is declared nowhere."""
    return action.basis.desired is None and (orphan is None or action.address == orphan.address)


def _split(case: Case, actions: Iterable[PlannedAction]) -> tuple[PlannedAction, list[tuple[TableRow, PlannedAction]]]:
    """Return the declaration's own action, and its further ones with the row of each."""
    rows = case.trace.further
    # Beside a renewal that waits, an old key stays whose end its row had planned.
    held = {key_id: row for (_, key_id), row in rows.items() if row is TableRow.OLD_KEY}
    own: list[PlannedAction] = []
    further: list[tuple[TableRow, PlannedAction]] = []
    for one in actions:
        row = rows.get((one.verb, one.key_id)) or (held.get(one.key_id) if one.reason is Reason.OVERLAPPING else None)
        if row:
            further.append((row, one))
        else:
            own.append(one)
    return own[0], further
