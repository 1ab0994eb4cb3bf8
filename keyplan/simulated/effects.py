"""One hook through which every simulated effect passes, so that a test or a rehearsal can break any of them.

In: a fault plan. Out: a log of effects in order. Once a process was killed nothing of it runs on: every
later call, from whatever thread, is killed too, until `World.restart` begins another life.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from threading import RLock
from typing import TypeVar

from keyplan.errors import KeyplanError

T = TypeVar("T")


class Killed(BaseException):
    """The process died here; no handler of it may run on."""


class EffectFault(Enum):
    """What goes wrong with one effect."""

    KILL_BEFORE = "kill before"
    KILL_AFTER = "kill after"
    ANSWER_LOST = "answer lost"
    """The effect happens, and the caller gets an error."""
    REQUEST_LOST = "request lost"
    """The effect does not happen, and the caller gets the same error as for a lost answer."""
    ERROR = "error"
    """The effect does not happen, and the caller gets an error that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One call that reached the outside."""

    ordinal: int
    """Counts from 1; reads are not counted and have the ordinal of the effect before them."""
    name: str
    """``provider.create``, ``sink.put:local``, ``ledger.record``, ..."""
    subject: str = ""
    """Address, key id or location that it is about."""
    is_read: bool = False


@dataclass(slots=True, kw_only=True)
class _Rule:
    fault: EffectFault
    pattern: str
    ordinal: int | None
    skip: int
    times: int
    error: KeyplanError | None

    def claims(self, effect: Effect) -> bool:
        """Whether the fault hits this effect; counts down what is to be skipped and repeated."""
        if not fnmatchcase(effect.name, self.pattern) or self.times == 0:
            return False
        if self.ordinal is not None:
            return not effect.is_read and effect.ordinal == self.ordinal
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


def _stand_still() -> None:
    pass


def _ignore(name: str) -> None:
    pass


@dataclass(slots=True)
class Effects:
    """The hook: `run` for what changes something, `read` for what does not."""

    log: list[Effect] = field(default_factory=list)
    count: int = 0
    """How many effects this process had, reads not counted."""
    life: int = 1
    """Which process is running; a kill ends it."""
    alive: bool = True
    tick: Callable[[], None] = _stand_still
    """Called before each effect and read: time passes while the world is asked."""
    before: Callable[[str], object] = _ignore
    """Called with the name of each effect before it: what another run does at that moment."""
    after: Callable[[str], object] = _ignore
    """Called with the name of each effect that happened."""
    visits: dict[int, Callable[[], object]] = field(default_factory=dict)
    """What another party does right before the effect of that ordinal, reads included among what may be done."""
    lock: RLock = field(default_factory=RLock)
    _rules: list[_Rule] = field(default_factory=list)

    def inject(
        self, fault: EffectFault, pattern: str, *, skip: int = 0, times: int = 1, error: KeyplanError | None = None
    ) -> None:
        """Break the effects (or reads) whose names match the glob: after `skip` of them, `times` of them."""
        self._rules.append(_Rule(fault=fault, pattern=pattern, ordinal=None, skip=skip, times=times, error=error))

    def inject_at(self, ordinal: int, fault: EffectFault) -> None:
        """Break the effect with that ordinal, whatever it is."""
        self._rules.append(_Rule(fault=fault, pattern="*", ordinal=ordinal, skip=0, times=1, error=None))

    def heal(self) -> None:
        """Drop every fault that is still planned."""
        self._rules.clear()

    def names(self, *, reads: bool = False) -> list[str]:
        """Return the names of what happened, in order; reads only if asked for."""
        return [effect.name for effect in self.log if reads or not effect.is_read]

    def restart(self) -> None:
        """Begin another process: faults healed, log and ordinals from the start."""
        self.life += 1
        self.alive = True
        self.heal()
        self.visits.clear()
        self.log.clear()
        self.count = 0

    def run(self, name: str, act: Callable[[], T], *, subject: str = "", lost: KeyplanError, failed: KeyplanError) -> T:
        """Let an effect happen, or fail it as planned: `lost` if it may have happened, `failed` if it did not."""
        if visit := self.visits.pop(self.count + 1, None):
            visit()  # outside the lock: a visitor may ask from other threads
        self.before(name)
        answer = self._happen(name, act, subject=subject, lost=lost, failed=failed)
        self.after(name)
        return answer

    def _happen(self, name: str, act: Callable[[], T], *, subject: str, lost: KeyplanError, failed: KeyplanError) -> T:
        with self.lock:
            self._die_if_dead()
            self.tick()
            self.count += 1
            effect = Effect(ordinal=self.count, name=name, subject=subject)
            self.log.append(effect)
            return self._perform(self._rule_for(effect), act, lost, failed)

    def read(self, name: str, act: Callable[[], T], *, failed: KeyplanError) -> T:
        """Let a read happen, or fail it as planned."""
        with self.lock:
            self._die_if_dead()
            self.tick()
            effect = Effect(ordinal=self.count, name=name, is_read=True)
            self.log.append(effect)
            return self._perform(self._rule_for(effect), act, failed, failed)

    def _die_if_dead(self) -> None:
        if not self.alive:
            raise Killed("this process was killed before")

    def _rule_for(self, effect: Effect) -> _Rule | None:
        return next((rule for rule in self._rules if rule.claims(effect)), None)

    def _perform(self, rule: _Rule | None, act: Callable[[], T], lost: KeyplanError, failed: KeyplanError) -> T:
        fault = rule.fault if rule else None
        if fault is EffectFault.KILL_BEFORE:
            self._kill()
        if rule and fault in (EffectFault.ERROR, EffectFault.REQUEST_LOST):
            raise rule.error or (failed if fault is EffectFault.ERROR else lost)
        result = act()
        if fault is EffectFault.KILL_AFTER:
            self._kill()
        if rule and fault is EffectFault.ANSWER_LOST:
            raise rule.error or lost
        return result

    def _kill(self) -> None:
        self.alive = False
        raise Killed(self.log[-1].name)
