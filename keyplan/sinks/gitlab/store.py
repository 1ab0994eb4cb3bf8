"""CI/CD variables of GitLab as a store of the sink engine: the value in one variable, its notes in another.

A value carries its mark in its description, written in one request with it: ``[keyplan OWNER DIGEST]``, DIGEST being
that of the raw key's fingerprint. Receipt and intent do not fit into the 255 characters of a description.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hmac import compare_digest
from typing import Final

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.sinks.gitlab.client import GitLab, GitLabVariable
from keyplan.sinks.gitlab.places import GitLabHome, GitLabPlace
from keyplan.sinks.notes import Entry, Sidecar
from keyplan.sinks.value_store import Change, Decide, Loaded, Presence

_MOST_THREADS: Final = 8
_MARK = re.compile(r"\[keyplan (?P<owner>[a-z0-9][a-z0-9._-]*) (?P<digest>[0-9a-f]{32}|-)\]")
# gitlab-org/gitlab, app/models/concerns/ci/maskable.rb, MASK_AND_RAW_REGEX: what can be masked, if it is not expanded.
_MASKABLE: Final = re.compile(r"\S{8,}")


class GitLabVariables:
    """Implements ValueStore and LazyStore on GitLab's CI/CD variables. Safe for threads."""

    def __init__(self, gitlab: GitLab) -> None:
        self._gitlab = gitlab

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds: one listing per project or group, whatever their number."""
        by_home: defaultdict[GitLabHome, list[tuple[Slot, GitLabPlace]]] = defaultdict(list)
        for slot in slots:
            place = GitLabPlace.of(slot)
            by_home[place.home].append((slot, place))
        with ThreadPoolExecutor(max_workers=_MOST_THREADS) as pool:
            parts = pool.map(self._load_home, by_home, by_home.values())
            return {slot: loaded for part in parts for slot, loaded in part.items()}

    def load_content(self, slot: Slot) -> bytes | None:
        """Return the value; None if there is none, or it is hidden."""
        place = GitLabPlace.of(slot)
        return _content_of(self._gitlab.find(place.home, place.name))

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:  # noqa: ARG002 - nothing has to be made first
        """Change value and notes, the value first, so that no receipt speaks of a value that is not there yet."""
        place = GitLabPlace.of(slot)
        variable = self._gitlab.find(place.home, place.name)
        notes = self._gitlab.find(place.home, place.notes)
        loaded = _interpret(slot, place, variable, notes)
        change = decide(loaded)
        if change is None:
            return
        # The mark comes in one request with the value, so `change.first` has nothing to do here.
        if change.content:
            self._store(place, variable, change)
        elif change.content is not None:
            self._gitlab.delete(place.home, place.name)
        if change.entry is None:
            self._gitlab.delete(place.home, place.notes)
            return
        noted = self._note(place, change.entry, is_new=notes is None)
        if change.must_prove and (trouble := _find_trouble(place, noted)):
            if notes is None:
                self._gitlab.delete(place.home, noted.name)
            raise SinkDeniedError(f"{place.location}: {trouble}", advice="upgrade GitLab, or leave that option out")

    def close(self) -> None:
        """Close all connections."""
        self._gitlab.close()

    def _load_home(self, home: GitLabHome, members: Collection[tuple[Slot, GitLabPlace]]) -> dict[Slot, Loaded]:
        wanted = {name for _, place in members for name in (place.name, place.notes)}
        shown = self._gitlab.list_variables(home, wanted)
        return {slot: _interpret(slot, place, shown.get(place.name), shown.get(place.notes)) for slot, place in members}

    def _store(self, place: GitLabPlace, variable: GitLabVariable | None, change: Change) -> None:
        content, raw = change.content or b"", change.raw
        if place.is_masked and raw is not None and not _MASKABLE.fullmatch(raw.reveal()):
            raise SinkDeniedError(
                f"{place.location}: GitLab masks only values of at least 8 characters without spaces",
                advice="set 'masked: false' on this sink",
            )
        fields: dict[str, Json] = {
            "value": content.decode(),
            "description": write_mark(change.entry.receipt if change.entry else None),
            "protected": place.is_protected,
            "variable_type": place.kind,
            # Without it GitLab would look for other variables' names after a $ in the value.
            "raw": True,
        }
        # GitLab refuses to change masking once a value is hidden.
        masking: dict[str, Json] = {"masked": place.is_masked}
        if variable is None:
            hiding: dict[str, Json] = {"masked_and_hidden": True} if place.is_hidden else masking
            stored = self._gitlab.create(place.home, place.name, fields | hiding)
        else:
            stored = self._gitlab.replace(place.home, place.name, fields if place.is_hidden else fields | masking)
        if stored.value is not None and not compare_digest(str.encode(stored.value.reveal()), content):
            raise SinkUnavailableError(f"{place.location}: GitLab has stored another value", advice="apply again")

    def _note(self, place: GitLabPlace, entry: Entry, *, is_new: bool) -> GitLabVariable:
        fields: dict[str, Json] = {
            # The seal follows from the receipt, so it is not stored.
            "value": Sidecar({"": replace(entry, seal="")}).to_bytes().decode(),
            "description": f"keyplan's notes on {place.name.key}; no secret",
            "masked": False,
            "protected": place.is_protected,
            "raw": True,
        }
        write = self._gitlab.create if is_new else self._gitlab.replace
        return write(place.home, place.notes, fields)


def _interpret(slot: Slot, place: GitLabPlace, variable: GitLabVariable | None, notes: GitLabVariable | None) -> Loaded:
    """Return what two variables mean. Raises SinkUnavailableError if the notes cannot be understood."""
    mark = _MARK.search(variable.description) if variable else None
    entry = _read_entry(place, notes)
    if entry is None and mark is not None:
        # Only the notes are lost: the mark still says whose the value is.
        entry = Entry(owner=mark["owner"])
    return Loaded(
        presence=Presence.PRESENT if variable else Presence.AS_READ,
        content=_content_of(variable),
        entry=entry,
        owner=mark["owner"] if mark and not _is_noted(entry, mark["digest"]) else "",
        is_foreign=variable is not None and mark is None,
        seal=mark["digest"] if mark else "",
        obstacle=_find_obstacle(slot, place, variable, is_marked=mark is not None),
    )


def _read_entry(place: GitLabPlace, notes: GitLabVariable | None) -> Entry | None:
    if notes is None or notes.value is None:
        return None
    named = f"variable {place.notes.key} of {place.home.title}"
    entry = Sidecar.from_bytes(str.encode(notes.value.reveal()) or None, named).entries.get("")
    receipt = entry.receipt if entry else None
    # Whether a hidden value is another one shows only in the mark's digest, compared with the receipt's.
    if entry is None or receipt is None or receipt.fingerprint is None:
        return entry
    return replace(entry, seal=receipt.fingerprint.digest)


def _is_noted(entry: Entry | None, digest: str) -> bool:
    """Whether the notes describe the value that bears a digest.

    Then they alone show whose it is: taking a place over changes the notes, and the mark only with the next value.
    """
    fingerprint = entry.receipt.fingerprint if entry and entry.receipt else None
    return fingerprint is not None and fingerprint.digest == digest


def _content_of(variable: GitLabVariable | None) -> bytes | None:
    value: RawKey | None = variable.value if variable else None
    return None if value is None else str.encode(value.reveal())


def _find_obstacle(
    slot: Slot, place: GitLabPlace, variable: GitLabVariable | None, *, is_marked: bool
) -> SinkDeniedError | None:
    """Return why the place can't be written: GitLab can't hide a variable that was made without hiding."""
    if variable is None or variable.value is None or not place.is_hidden:
        return None
    if not is_marked and not slot.options.get("overwrite"):
        return None  # It is another's value, which is said first.
    return SinkDeniedError(
        f"{place.location}: a variable is there that is not hidden, and GitLab can't hide it any more",
        advice="delete it by hand, then apply again; or leave 'hidden' out",
    )


def write_mark(receipt: Receipt | None) -> str:
    """Return the description of a value."""
    digest = receipt.fingerprint.digest if receipt and receipt.fingerprint else "-"
    owner = receipt.owner if receipt else "-"
    return f"Delivered by keyplan, which overwrites changes [keyplan {owner} {digest}]"


def _find_trouble(place: GitLabPlace, noted: GitLabVariable) -> str:
    """Return what this GitLab can't do that the place needs, as its answer to the notes shows; empty if all is well."""
    if noted.name.scope != place.notes.scope:
        return "this GitLab can't scope the variables of a group (Premium can)"
    if not noted.description:
        return "this GitLab keeps no descriptions of variables, by which keyplan knows its own (16.2 does)"
    if place.is_hidden and not noted.knows_hiding:
        return "this GitLab can't hide variables (17.4 can)"
    return ""
