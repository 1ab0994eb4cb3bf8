"""Which keys of a snapshot stand in a leaked text, and what proves it.

A text is presented to a provider only if it fits the redacted form of a live key there. Of several providers, none is
shown what another one issued, or a piece of it, as far as the ledger or that provider's own answer shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from keyplan.applier.route import writer_at
from keyplan.errors import ProviderUnavailableError
from keyplan.model.identity import KeyId, ProviderName
from keyplan.model.leak import LeakProof
from keyplan.model.leaked_text import FormMatch, LeakedText
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.secret import RawKey
from keyplan.ports import ProviderPorts

_MOST_TRIES = 20
"""How many texts are presented to a provider for one redacted form: what is glued to a key makes a few of one."""


@dataclass(frozen=True, slots=True)
class _Try:
    """A text that may be presented to one provider, and the keys there whose redacted form it fits."""

    form: str
    provider: ProviderName
    keys: list[Observation]
    raw: RawKey


class LeakSearch:
    """Looks for the keys of a snapshot in a text."""

    def __init__(self, snapshot: Snapshot, text: LeakedText, provider: ProviderPorts) -> None:
        self.keys: tuple[Observation, ...] = tuple(key for key in snapshot.keys if key.is_live(snapshot.now))
        self.raws: list[tuple[KeyId, RawKey]] = []
        self.matches: dict[str, FormMatch] = {}
        self._snapshot, self._text, self._provider = snapshot, text, provider
        self._receipts = {receipt.key_id: receipt for receipt in snapshot.receipts}
        self._proofs: dict[KeyId, LeakProof] = {}
        self._issued: list[tuple[ProviderName, RawKey]] = []
        """Texts that are, or may be, a raw key of one provider: no other is shown them."""

    def find(self) -> dict[KeyId, LeakProof]:
        """Return the keys in the text, and the best proof of each."""
        self._look(self.keys, is_live=True)
        if not self._proofs:
            # One listing more, only if nothing that works was found.
            live = {key.id for key in self.keys}
            listed = self._provider.reader.search_keys(key_type=None, active=None, scope_id=None)
            dead = tuple(key for key in listed if key.id not in live and not key.is_live(self._snapshot.now))
            self._look(dead, is_live=False)
            self.keys = (*self.keys, *dead)
        self.keys = tuple(sorted(self.keys, key=lambda key: key.id))
        return self._proofs

    def _look(self, keys: Iterable[Observation], *, is_live: bool) -> None:
        by_form: dict[str, list[Observation]] = {}
        for key in keys:
            if key.redacted:
                by_form.setdefault(key.redacted, []).append(key)
        matches = self._text.find(by_form)
        self.matches.update(matches)
        unknown: dict[str, list[RawKey]] = {}
        for form, match in sorted(matches.items()):
            if match.is_shown:
                self._note(by_form[form], LeakProof.REDACTED)
            # First of all: what the ledger knows is shown to no provider.
            unknown[form] = [raw for raw in match.raws if not self._recognize(by_form[form], raw)]
        for form, raws in unknown.items():
            if raws and not is_live:
                self._note(by_form[form], LeakProof.FORM)
        if is_live:
            self._present(_list_tries(unknown, by_form))

    def _recognize(self, keys: list[Observation], raw: RawKey) -> bool:
        """Note the keys that the ledger knows by this raw text; whether there is one."""
        recorded = [key for key in keys if self._is_recorded(key.id, raw)] or self._find_elsewhere(keys, raw)
        self._note(recorded, LeakProof.FINGERPRINT, raw)
        self._issued += ((key.provider, raw) for key in recorded)
        return bool(recorded)

    def _find_elsewhere(self, keys: list[Observation], raw: RawKey) -> list[Observation]:
        """Return the live keys of other providers that the ledger knows by this raw text, whatever their form is."""
        names = {key.provider for key in keys}
        others = (key for key in self._snapshot.keys if key.provider not in names)
        return [key for key in others if key.is_live(self._snapshot.now) and self._is_recorded(key.id, raw)]

    def _present(self, tries: list[_Try]) -> None:
        """Present texts to the providers whose keys they fit; a piece of another one after that."""
        if len({one.provider for one in tries}) > 1:
            tries = [one for _, one in sorted(enumerate(tries), key=lambda pair: (_is_piece(pair[1], tries), pair[0]))]
        counts: dict[tuple[str, ProviderName], int] = {}
        for one in tries:
            about = (one.form, one.provider)
            counts[about] = counts.get(about, 0) + 1
            if counts[about] <= _MOST_TRIES and not self._is_of_another(one):
                self._try(one)

    def _is_of_another(self, one: _Try) -> bool:
        return any(name != one.provider and one.raw.overlaps(raw) for name, raw in self._issued)

    def _try(self, one: _Try) -> None:
        try:
            if not writer_at(self._provider.writer, one.provider).verify(one.raw):
                return
        except ProviderUnavailableError:
            self._issued.append((one.provider, one.raw))
            self._note(one.keys, LeakProof.FORM)
            return
        self._issued.append((one.provider, one.raw))
        if len(one.keys) == 1:
            self._note(one.keys, LeakProof.AUTHENTICATED, one.raw)
        else:
            self._note(one.keys, LeakProof.FORM)

    def _is_recorded(self, key_id: KeyId, raw: RawKey) -> bool:
        # The ledger's receipts alone: one beside a secret could turn a public text into the proof of another's key.
        receipt = self._receipts.get(key_id)
        return receipt is not None and receipt.fingerprint is not None and receipt.fingerprint.matches(raw)

    def _note(self, keys: Iterable[Observation], proof: LeakProof, raw: RawKey | None = None) -> None:
        ranks = list(LeakProof)
        for key in keys:
            known = self._proofs.get(key.id)
            if known is None or ranks.index(proof) < ranks.index(known):
                self._proofs[key.id] = proof
            if raw is not None:
                self.raws.append((key.id, raw))


def _list_tries(unknown: Mapping[str, list[RawKey]], by_form: Mapping[str, list[Observation]]) -> list[_Try]:
    return [
        _Try(form, provider, keys, raw)
        for form, raws in unknown.items()
        for raw in raws
        for provider, keys in _group(by_form[form])
    ]


def _group(keys: list[Observation]) -> Iterator[tuple[ProviderName, list[Observation]]]:
    for name in sorted({key.provider for key in keys}):
        yield name, [key for key in keys if key.provider == name]


def _is_piece(one: _Try, others: list[_Try]) -> bool:
    """Whether a text is a piece of one that fits a key of another provider."""
    return any(one.provider != other.provider and one.raw.is_piece_of(other.raw) for other in others)
