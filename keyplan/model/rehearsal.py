"""What a rehearsal showed: for each fault what the run says, what the next run does, and what a consumer suffers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from keyplan.model.identity import Address
from keyplan.model.plan import Reason, Verb


class Mishap(Enum):
    """What goes wrong with a run."""

    NOTHING = "nothing"
    KILLED_BEFORE = "killed_before"
    """The process is killed right before an effect."""
    KILLED_AFTER = "killed_after"
    """The process is killed right after an effect."""
    ANSWER_LOST = "answer_lost"
    """An effect happens, and its answer never arrives."""
    THROTTLED = "throttled"
    """The provider answers 429, from an effect to the end of the run."""
    SINK_DOWN = "sink_down"
    """A sink cannot be reached, from an effect to the end of the run."""
    DISK_FULL = "disk_full"
    """Files of this machine cannot be written, from an effect to the end of the run."""
    CLOCK_AHEAD = "clock_ahead"
    """The clock of this machine is a day ahead."""
    SECOND_RUNNER = "second_runner"
    """Another run of the manifest starts right before an effect."""


class Hardship(Enum):
    """What happens to a consumer, the mildest first."""

    NOTHING = "nothing"
    """Its place holds a working key throughout, and what it read there before works on."""
    NO_KEY_YET = "no_key_yet"
    """Its place has never held a key, and holds none when the run has ended."""
    OLD_KEY_ENDED = "old_key_ended"
    """The key that it read before has ended; its place holds a working one."""
    DEAD_KEY = "dead_key"
    """Its place holds a key that does not work."""
    KEY_REMOVED = "key_removed"
    """Its place held a key, and holds none."""

    @property
    def rank(self) -> int:
        """How bad it is; 0 for nothing."""
        return tuple(Hardship).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One effect of a run."""

    number: int
    """Counts the effects of the run without a fault from 1; 0 is the beginning, before any effect."""
    name: str
    """Such as ``provider.create`` or ``sink.put``."""
    sink: str = ""
    """The sink, if it is an effect of one."""
    address: Address | None = None
    """The declaration that it is for; None for the lock and the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedAction:
    """One action of a rehearsed run."""

    address: Address
    verb: Verb
    reason: Reason
    blocked_by: str | None = None
    """The guard that holds it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedRun:
    """One run, and what it says at its end."""

    exit_status: int | None
    """None for a run that was killed."""
    line: str
    """Its last line, or the error that ended it; empty for a run that was killed."""
    actions: tuple[RehearsedAction, ...] = ()
    """What it was about to do, in the plan's order; blocked ones included, kept keys left out."""
    waited: timedelta = timedelta(0)
    """How long it had to wait for what a dead run held."""

    @property
    def blocked(self) -> int:
        """How many of its actions a guard held back."""
        return sum(action.blocked_by is not None for action in self.actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The worst moment for a consumer."""

    hardship: Hardship
    place: str = ""
    """`sink:location`; empty if nothing happens."""
    address: Address | None = None
    since: Step | None = None
    """The effect after which it begins; None if it was so before the run."""
    until: Step | None = None
    """The effect of the same run that ends it."""
    is_ended_by_next_run: bool = False
    """Whether the next run ends it; if neither, it lasts."""
    is_asked_for: bool = False
    """Whether the manifest asks for it, by `overlap: 0s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedFault:
    """One fault, and what came of it."""

    kind: Mishap
    step: Step | None
    """Where; None for a fault of the whole run."""
    run: RehearsedRun
    other: RehearsedRun | None = None
    """The second runner's run."""
    next_run: RehearsedRun
    moment: Moment
    dead_places: tuple[str, ...] = ()
    """Places whose key does not work between the run and the next one, sorted: `sink:location` each."""
    is_settled: bool
    """Whether one more plan after the next run would change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedDay:
    """One day of the calendar."""

    at: datetime
    run: RehearsedRun
    moments: tuple[Moment, ...] = ()
    """What consumers suffer until the next day's run, one entry for each place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedKey:
    """A declaration, or an address that is declared no longer, that stands for all of its shape."""

    action: RehearsedAction
    stands_for: int = 1
    """How many addresses have this shape, itself included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The whole of a rehearsal."""

    owner: str
    manifest: str
    """Path as the user named it."""
    provider: str
    dialect: str
    now: datetime
    """The instant of the copy."""
    keys: tuple[RehearsedKey, ...]
    """What was rehearsed, by address."""
    left_out: int = 0
    """Addresses that no rehearsed one stands for."""
    faults: tuple[RehearsedFault, ...] = ()
    days: tuple[RehearsedDay, ...] = ()
    asked: tuple[str, ...] = ()
    """What was read for the copy: the provider, the ledger and each sink. Nothing else was touched."""
