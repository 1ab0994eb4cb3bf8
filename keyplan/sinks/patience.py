"""How long a sink waits for a server that throttles: one rule for every sink that speaks HTTP.

A throttled request is not refused: it is sent again until the patience is over. Each wait is printed to stderr, and it
never multiplies with the applier's own attempts, which end at a `SinkPausedError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from keyplan.context import PluginContext
from keyplan.errors import SinkDeniedError, SinkError, SinkPausedError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.net.faults import Fault
from keyplan.net.retry import Again, Gate, Patience, Retrier

_PATIENCE = timedelta(seconds=120)
_SLOW_PATIENCE = timedelta(seconds=600)
"""For a limit that names or needs a minute, such as GitHub's secondary one, or a quota of Google's per minute."""
_ATTEMPTS = 3
"""Of a request that fails: the applier repeats the whole step, so that more would multiply the waiting time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The answer of an SDK to a request that the server took; some have none."""

    answer: Any = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The answer of an SDK that is an error."""

    error: Any = field(repr=False)
    limit: Again | None
    """How long the server wants to be waited for; None if it does not throttle."""
    is_absent: bool
    """Whether there is nothing of that name."""
    is_passing: bool
    """Whether the same request may succeed a moment later."""


Attempt: TypeAlias = Taken | Refused | SinkError
"""What became of one request of an SDK; an error if there was no answer."""


def open_retrier(options: Mapping[str, Json], context: PluginContext, *, name: str) -> Retrier:
    """Return what repeats the requests of one sink, with the patience of its option `patience_seconds`.

    `name`: of the sink in the manifest.
    """
    given = options.get("patience_seconds")
    wanted = timedelta(seconds=given) if isinstance(given, int | float) else None
    return Retrier(
        clock=context.clock,
        jitter=context.jitter,
        gate=Gate(context.clock),
        patience=Patience(
            attempts=_ATTEMPTS,
            # No bound: what the server names is waited for as a whole or not at all, and printed as it is.
            longest_pause=timedelta(days=365_000),
            deadline=_PATIENCE if wanted is None else wanted,
            slow_deadline=_SLOW_PATIENCE if wanted is None else wanted,
        ),
        name=f"sink '{name}'",
        say=context.say,
    )


def persist(
    send: Callable[[], Attempt],
    retrier: Retrier,
    *,
    place: str,
    explain: Callable[[Any], SinkError],
    absent: bool,
) -> Any:
    """Return the answer of an SDK; with `absent`, None if the server says that there is nothing.

    `explain` gives the error that a refusal means. Raises SinkDeniedError, SinkUnavailableError; SinkPausedError if
    the server throttles for too long.
    """
    result = retrier.persist(send, _judge)
    limit = result.limit if isinstance(result, Refused) else None
    if limit or result is None:
        raise explain_throttled(place, retrier, limit)
    if isinstance(result, Refused):
        if absent and result.is_absent:
            return None
        result = explain(result.error)
    if isinstance(result, SinkError):
        # Not chained: servers and their SDKs may quote what they reject.
        raise result from None
    return result.answer


def _judge(result: Attempt) -> Again | None:
    if isinstance(result, Refused):
        return result.limit or (Again() if result.is_passing else None)
    return Again() if isinstance(result, SinkUnavailableError) else None


def explain_fault(what: str, fault: Fault, setting: str) -> SinkError:
    """Return the error for a fault of the network: one that trying again cannot change is a refusal.

    `setting` is where the user wrote the server's URL.
    """
    kind = SinkDeniedError if fault.is_lasting else SinkUnavailableError
    return kind(f"{what}: {fault.reason}", advice=fault.advise(setting))


def explain_throttled(what: str, retrier: Retrier, last: Again | None) -> SinkPausedError:
    """Return the error for a request that a server throttled for longer than it was waited for.

    `last`: what its last answer asked for; None if it was not asked at all, because another thread was asked to wait.
    """
    return SinkPausedError(
        f"{what}: {retrier.explain_pause(last)}",
        advice="apply again later, with a lower --parallelism, with a credential that nothing else uses, "
        "or with more 'patience_seconds' on this sink",
    )
