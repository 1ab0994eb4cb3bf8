"""Tries at a provider what keyplan relies on, with keys that it makes for that, and removes whatever happens.

What is tried follows from the provider's laws alone, so it holds for a definition of the provider `http` as for any
other. No message quotes a raw key: the messages are those of the provider's ports.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NoReturn

from keyplan.errors import InputError, ProviderError, ProviderRefusedError
from keyplan.model.desired import Desired
from keyplan.model.identity import Address, Identity, KeyId
from keyplan.model.laws import Laws
from keyplan.model.manifest import Declaration, KeyType
from keyplan.model.observation import Marker, Observation
from keyplan.model.place import Place
from keyplan.model.provider_trial import ProviderTrial, TrialOutcome, TrialRow
from keyplan.model.secret import RawKey
from keyplan.ports import Clock, Issued, ProviderPorts, Stop

_IDENTITY: Final = Identity("keyplan-check")
_NO_GRACE: Final = timedelta(0)
_LIFE: Final = timedelta(days=1)
_TOLERANCE: Final = timedelta(minutes=2)
"""Between an expiry as asked for and as shown: some servers count it from their own time."""
Trial = Callable[[], None]


class _FailedTrialError(Exception):
    """The provider does something else than keyplan relies on."""


class _InapplicableTrialError(Exception):
    """The laws rule the trial out, or what it needs is not there."""


def try_provider(ports: ProviderPorts, clock: Clock, stop: Stop) -> ProviderTrial:
    """Return how each trial ended. Every key that was made is deleted; a row says whether that worked.

    Raises:
        ProviderError: The laws cannot be learned; then nothing was made.
    """
    laws = ports.reader.laws()
    bench = _Bench(ports=ports, clock=clock, name=f"keyplan-check-{secrets.token_hex(6)}")
    rows: list[TrialRow] = []
    try:
        for subject, trial in bench.list_trials():
            if stop.requested() is not None:
                break
            rows.append(_run(subject, trial))
    finally:
        # Whatever happened: a key that is left behind would work for ever.
        rows.append(_run("every key that was made is deleted again", bench.remove_all))
    return ProviderTrial(dialect=laws.dialect, base_url=ports.reader.base_url, rows=tuple(rows))


def _run(subject: str, trial: Trial) -> TrialRow:
    try:
        trial()
    except _InapplicableTrialError as error:
        return TrialRow(subject=subject, outcome=TrialOutcome.NOT_APPLICABLE, detail=str(error))
    except _FailedTrialError as error:
        return TrialRow(subject=subject, outcome=TrialOutcome.FAILED, detail=str(error))
    except (ProviderError, InputError) as error:
        detail = f"{error.message}; {error.advice}" if error.advice else error.message
        return TrialRow(subject=subject, outcome=TrialOutcome.FAILED, detail=detail)
    return TrialRow(subject=subject, outcome=TrialOutcome.PASSED)


def _expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise _FailedTrialError(otherwise)


def _skip(reason: str) -> NoReturn:
    raise _InapplicableTrialError(reason)


@dataclass(slots=True, kw_only=True)
class _Bench:
    """The keys of one check, and what is tried with them."""

    ports: ProviderPorts
    clock: Clock
    name: str
    """What no other key is called."""
    _made: dict[KeyId, Issued] = field(default_factory=dict)
    _first: Issued | None = None

    def list_trials(self) -> Iterator[tuple[str, Trial]]:
        """Yield what is tried, in order; later trials use the key of the second one."""
        yield "keys can be listed", self.try_listing
        yield "a key can be created", self.try_create
        yield "its raw key is accepted", self.try_accepted
        yield "a made-up raw key is refused", self.try_made_up
        yield "it is listed under its name, with its marker", self.try_listed
        yield "the answer to the create is what is listed", self.try_answer
        yield "its redacted form fits the raw key", self.try_redacted
        yield "an expiry is shown as it was asked for", self.try_expiry
        yield "two keys may have one name", self.try_namesake
        yield "a refresh swaps the raw key", self.try_refresh
        yield "a grace keeps the old raw key working", self.try_grace
        yield "a deleted key is neither accepted nor listed", self.try_delete
        yield "a key can be deleted twice", self.try_delete_again
        yield "the server's clock is near ours", self.try_clock

    def try_listing(self) -> None:
        """Expect a listing in which no key has the name of this check."""
        _expect(self.name not in {key.name for key in self._list().values()}, "a key with a random name exists already")

    def try_create(self) -> None:
        """Create the key of the following trials."""
        self._first = self._create(self.name)

    def try_accepted(self) -> None:
        """Expect that the first raw key works."""
        _expect(self.ports.writer.verify(self._need().raw), "the new raw key is not accepted")

    def try_made_up(self) -> None:
        """Expect that a raw key which was never issued does not work."""
        made_up = f"keyplan-{secrets.token_hex(8)}:{secrets.token_hex(16)}"
        _expect(
            not self.ports.writer.verify(RawKey(made_up)), "a raw key that was never issued is accepted: see 'verify'"
        )

    def try_listed(self) -> None:
        """Expect name and marker of the first key in a listing."""
        key, marker = self._see(self._need().key.id), self._desire(self.name).marker
        _expect(key.name == self.name, f"it is listed as '{key.name}'")
        if marker is not None:
            _expect(key.marker == marker, "it is listed without its marker")

    def try_answer(self) -> None:
        """Expect in the answer to the create what the listing shows."""
        answered = self._need().key
        key = self._see(answered.id)
        _expect(answered.name == key.name, f"the answer calls it '{answered.name}', the listing '{key.name}'")
        for word, said, shown in (
            ("redacted form", answered.redacted, key.redacted),
            ("expiry", answered.expires_at, key.expires_at),
        ):
            _expect(
                said == shown, f"the {word} is {said or 'not there'} in the answer, {shown or 'not there'} in the list"
            )

    def try_redacted(self) -> None:
        """Expect that the redacted form can be that of the raw key."""
        if not self._laws.shows_redacted:
            _skip("no redacted form is shown")
        first = self._need()
        _expect(first.raw.fits(self._see(first.key.id).redacted), "the form that is shown does not fit the raw key")

    def try_expiry(self) -> None:
        """Expect that a new key expires when it was asked to."""
        if not self._laws.takes_expiry:
            _skip("keys have no expiry")
        wanted = (self.clock.now() + _LIFE).replace(microsecond=0)
        made = self._create(f"{self.name}-expiry", expires_at=wanted)
        shown = self._see(made.key.id).expires_at
        _expect(shown is not None, "it is listed without its expiry")
        _expect(shown and abs(shown - wanted) <= _TOLERANCE, f"asked for {wanted}, it shows {shown}")

    def try_namesake(self) -> None:
        """Expect a second key of the first one's name; or a refusal, if the laws say that names are unique."""
        first = self._need()
        if not self._laws.has_unique_names:
            _expect(self._create(self.name).key.id != first.key.id, "both have one id")
            return
        try:
            self._create(self.name)
        except ProviderRefusedError:
            _skip("names are unique, and the second one is refused as the laws say")
        raise _FailedTrialError("the laws say that names are unique, and the second key was created")

    def try_refresh(self) -> None:
        """Expect of a refresh without grace that it ends the old raw key."""
        old, new = self._refresh(_NO_GRACE)
        _expect(self.ports.writer.verify(new.raw), "the new raw key is not accepted")
        _expect(not self.ports.writer.verify(old.raw), "the old raw key is still accepted")

    def try_grace(self) -> None:
        """Expect of a refresh with grace that both raw keys work."""
        if not self._laws.longest_grace:
            _skip("there is no grace")
        old, new = self._refresh(min(self._laws.longest_grace, timedelta(hours=1)))
        _expect(self.ports.writer.verify(new.raw), "the new raw key is not accepted")
        _expect(self.ports.writer.verify(old.raw), "the old raw key is not accepted any more")

    def try_delete(self) -> None:
        """Expect of a delete that it ends the raw key, and that the key leaves the listing."""
        first = self._need()
        self.ports.writer.delete(first.key.id)
        _expect(not self.ports.writer.verify(first.raw), "its raw key is still accepted")
        _expect(first.key.id not in self._list(), "it is still listed")

    def try_delete_again(self) -> None:
        """Delete a key that is gone."""
        self.ports.writer.delete(self._need().key.id)

    def try_clock(self) -> None:
        """Expect that the server shows its time, and that it is ours."""
        skew = self.ports.reader.clock_skew()
        if skew is None:
            _skip("the server does not show its time")
        _expect(abs(skew) <= timedelta(seconds=60), f"it is {skew.total_seconds():.0f} s from ours")

    def remove_all(self) -> None:
        """Delete every key of this check, also one whose answer was lost."""
        problems: list[str] = []
        ids = self._made.keys() | set(self._find_own(problems))
        for key_id in sorted(ids):
            try:
                self.ports.writer.delete(key_id)
            except (ProviderError, InputError) as error:
                problems.append(f"delete key {key_id} by hand ({error.message})")
        left = sorted(self._find_own(problems))
        if left:
            problems.append(f"still listed: {', '.join(left)}")
        _expect(not problems, "; ".join(dict.fromkeys(problems)))

    def _find_own(self, problems: list[str]) -> Iterator[KeyId]:
        """Yield the listed keys of this check. A listing that fails becomes a problem, and ends nothing."""
        try:
            keys = self._list()
        except (ProviderError, InputError) as error:
            problems.append(f"whether a key named {self.name} is left can't be seen ({error.message})")
            return
        yield from (key.id for key in keys.values() if key.name.startswith(self.name))

    @property
    def _laws(self) -> Laws:
        return self.ports.reader.laws()

    def _list(self) -> dict[KeyId, Observation]:
        return {key.id: key for key in self.ports.reader.list_keys(())}

    def _see(self, key_id: KeyId) -> Observation:
        key = self._list().get(key_id)
        if key is None:
            raise _FailedTrialError(f"key {key_id} is not listed")
        return key

    def _need(self) -> Issued:
        """Return the first key."""
        if self._first is None:
            _skip("no key could be created")
        return self._first

    def _create(self, name: str, *, expires_at: datetime | None = None) -> Issued:
        issued = self.ports.writer.create(self._desire(name), expires_at=expires_at)
        self._made[issued.key.id] = issued
        return issued

    def _refresh(self, grace: timedelta) -> tuple[Issued, Issued]:
        """Return a new key and what its refresh gave."""
        if not self._laws.has_refresh:
            _skip("there is no refresh")
        self._need()
        old = self._create(f"{self.name}-refresh-{len(self._made)}")
        new = self.ports.writer.refresh(old.key.id, expires_at=None, grace=grace)
        self._made[new.key.id] = new
        return old, new

    def _desire(self, name: str) -> Desired:
        key_type = min(self._laws.key_types, key=lambda kind: (kind is not KeyType.API, kind is not KeyType.USER))
        address = Address(f"{key_type.value}/{name}")
        declared = Declaration(
            address=address, name=name, key_type=key_type, deliveries=(), place=Place("the check", 1, 1)
        )
        marker = Marker.of(_IDENTITY, address) if self._laws.takes_marker else None
        return Desired(declaration=declared, identity=_IDENTITY, marker=marker, access=None)
