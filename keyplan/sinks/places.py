"""What a manifest alone decides about the places of one type of sink: where they are, and when two are the same.

A module of a sink offers it as `PLACES`, so that `keyplan validate` needs no network, no credential and no SDK. Nothing
here reads the disk, the environment or a clock.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Delivery, Json, SinkSettings
from keyplan.model.observation import Slot
from keyplan.model.quick import quick
from keyplan.sinks.options import merge_options

FillSlot: TypeAlias = Callable[[SinkName, str, Declaration, Mapping[str, Json]], Slot]
"""Returns where a delivery goes: sink, owner, declaration, options of sink and delivery together."""


@quick
@dataclass(frozen=True, slots=True)
class PlaceIdentity:
    """What a slot is in its store: two deliveries with the same container and entry would overwrite each other."""

    container: str
    """The file, the secret: all of it has one form."""
    entry: str = ""
    """Which value in it; empty if it holds one value."""
    form: str = ""
    """How values stand in the container; two forms exclude each other."""


def _accept(_settings: SinkSettings) -> None:
    """Accept all options that fit the schema."""


def _find_none(_options: Mapping[str, Json]) -> Collection[Mapping[str, Json]]:
    return ()


def _identify_location(slot: Slot, _folder: str) -> PlaceIdentity:
    return PlaceIdentity(slot.location)


def identify_file(path: str, folder: str, *, entry: str, form: str) -> PlaceIdentity:
    """Return the identity of a value in a local file, whose path is absolute or relative to a folder."""
    whole = path if path.startswith("/") else f"{folder}/{path}"
    # Nearly every path is in normal form already, and to see that takes a tenth of the time of `normpath`.
    is_normal = whole.startswith("/") and "/." not in whole and "//" not in whole and not whole.endswith("/")
    return PlaceIdentity(f"file {whole if is_normal else posixpath.normpath(whole)}", entry, form)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkPlaces:
    """The places of one type of sink."""

    fill_slot: FillSlot
    fixed: Collection[str] = ()
    """The type's own options that can't differ for one delivery."""
    store: Collection[str] = ()
    """Those options that say which server, account or the like it is."""
    check: Callable[[SinkSettings], None] = _accept
    """Raises InputError for options that don't fit together."""
    find_identity: Callable[[Slot, str], PlaceIdentity] = _identify_location
    """Returns the identity of a slot, given the manifest's folder; by default, each location is one."""
    find_secrets: Callable[[Mapping[str, Json]], Collection[Mapping[str, Json]]] = _find_none
    """Returns where the secrets stand that the options use without naming them, beside the defaults of the schema."""
    is_local: bool = False
    """Whether places are files of this machine: then they can be those of another type of sink."""

    def locate(self, settings: SinkSettings, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return where a delivery goes. Raises InputError if its options make no place, or can't differ."""
        options = merge_options(settings, delivery, fixed=self.fixed)
        return self.fill_slot(settings.name, owner, declaration, options)

    def identify(self, settings: SinkSettings, slot: Slot, folder: str) -> PlaceIdentity:
        """Return the identity of a slot; it is equal for two sinks on one store, as far as their options show."""
        found = self.find_identity(slot, folder)
        if self.is_local:
            return found
        store = json.dumps({name: settings.options.get(name) for name in sorted(self.store)}, sort_keys=True)
        return PlaceIdentity(f"{settings.type} {store} {found.container}", found.entry, found.form)
