"""The sink `gitlab-ci`: raw keys as CI/CD variables of a project or a group, each with a variable of notes beside it.

In: slots, raw keys, receipts, intents. Out: variables; the value first and then the notes, so that no receipt speaks of
a value that is not there yet. Never: a variable overwritten that carries no mark of ours, unless the manifest says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.manifest import Declaration, Delivery, Json, SinkSettings
from keyplan.model.observation import Abilities, Content, Holding, Slot
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.net.http import check_base_url
from keyplan.ports import Sink
from keyplan.sinks.forge import open_forge
from keyplan.sinks.gitlab.client import GitLab, Variable
from keyplan.sinks.gitlab.places import DEFAULT_NAME, DEFAULT_SCOPE, Home, Place, fill_slot
from keyplan.sinks.gitlab.state import Finding, write_mark, write_notes
from keyplan.sinks.notes import Entry
from keyplan.system.secrets import SECRET_SCHEMA

TYPE: Final = "gitlab-ci"
_DEFAULT_TOKEN: Final = {"env": "GITLAB_TOKEN"}
_FIXED: Final = ("token", "url", "copy_from")
_MOST_THREADS: Final = 8
# gitlab-org/gitlab, app/models/concerns/ci/maskable.rb, MASK_AND_RAW_REGEX: what can be masked, if it is not expanded.
_MASKABLE: Final = re.compile(r"\S{8,}")

OPTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Stores each raw key as a GitLab CI/CD variable of a project or a group.",
    "properties": {
        "project": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "GROUP/PROJECT, or the project's id as text; excludes group.",
        },
        "group": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Path of a group, or its id as text; excludes project.",
        },
        "name": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_NAME,
            "description": "Of the variable. Template of {name} {key_type} {space} {owner} {address}.",
        },
        "environment_scope": {
            "type": "string",
            # gitlab-org/gitlab, lib/gitlab/regex.rb, environment_scope_regex
            "pattern": r"^[A-Za-z0-9_/${}. *-]{1,200}$",
            "errorMessage": "must be at most 200 of the letters, digits, spaces and - _ / $ { } . *",
            "default": DEFAULT_SCOPE,
            "description": "Which environments see the variable. A group's can be scoped from GitLab Premium on.",
        },
        "masked": {"type": "boolean", "default": True, "description": "Whether job logs show [MASKED] for the value."},
        "hidden": {
            "type": "boolean",
            "default": False,
            "description": "Whether nobody can read the value in GitLab any more; from GitLab 17.4 on.",
        },
        "protected": {
            "type": "boolean",
            "default": True,
            "description": "Whether only protected branches and tags see the variable.",
        },
        "variable_type": {
            "enum": ["env_var", "file"],
            "default": "env_var",
            "description": "file: the job finds the value in a file, whose path is in the variable.",
        },
        "newline": {"type": "boolean", "default": False, "description": "Whether the value ends with one."},
        "token": {**SECRET_SCHEMA, "default": _DEFAULT_TOKEN},
        "url": {
            "type": ["string", "null"],
            "description": "Of the server; default https://gitlab.com. Plain http for this machine only.",
        },
        "overwrite": {
            "type": "boolean",
            "default": False,
            "description": "Whether a variable that keyplan did not put there may be overwritten.",
        },
        "on_remove": {
            "enum": ["delete", "keep"],
            "default": "delete",
            "description": "What happens to the variable when its declaration is removed.",
        },
        "copy_from": {
            "type": "boolean",
            "default": False,
            "description": "Whether other sinks may be filled from this one; not with hidden.",
        },
    },
    "additionalProperties": False,
}


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent and no token is fetched yet. Raises InputError where url cannot be used."""
    return open_sink(settings, context)


def open_sink(settings: SinkSettings, context: PluginContext) -> GitLabSink:
    """Return what `build` returns, as what it is: who closes it needs to know that."""
    options = {**settings.options, "token": settings.options.get("token") or _DEFAULT_TOKEN}
    base_url = check_base_url(str(options.get("url") or "https://gitlab.com"), whose=f"{TYPE}: url")
    return GitLabSink(
        settings, gitlab=GitLab(open_forge(f"{base_url}/api/v4", options, context, {})), owner=context.owner
    )


class GitLabSink:
    """Implements Sink on GitLab's CI/CD variables. Safe for threads."""

    def __init__(self, settings: SinkSettings, *, gitlab: GitLab, owner: str) -> None:
        self._settings = settings
        self._gitlab = gitlab
        self._owner = owner
        self.abilities = Abilities(
            holds_receipts=True,
            readable=not settings.options.get("hidden"),
            may_copy=bool(settings.options.get("copy_from")),
        )
        """What is hidden can't be read."""

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the variable: ``acme/app#ARIZE_API_KEY``, ``group:acme@production#ARIZE_API_KEY``."""
        if fixed := [name for name in _FIXED if name in delivery.options]:
            raise InputError(
                f"{delivery.place}: '{fixed[0]}' can't differ for one key", advice="configure a second sink with it"
            )
        return fill_slot(self._settings.name, owner, declaration, {**self._settings.options, **delivery.options})

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds: one listing per project or group, whatever their number."""
        by_home: defaultdict[Home, list[tuple[Slot, Place]]] = defaultdict(list)
        for slot in slots:
            place = Place.of(slot)
            by_home[place.home].append((slot, place))
        with ThreadPoolExecutor(max_workers=_MOST_THREADS) as pool:
            parts = pool.map(self._inspect, by_home, by_home.values())
            return {slot: holding for part in parts for slot, holding in part.items()}

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Note an intent in the variable beside, which proves that variables can be written."""
        place = Place.of(slot)
        found = self._find(place)
        found.refuse_unwritable(place, intent.owner)
        entry = replace(found.notes or Entry(owner=intent.owner), intent=intent)
        noted = self._note(place, found, entry)
        if trouble := _find_trouble(place, noted):
            if found.notes is None:
                self._gitlab.delete(place.home, noted.name)
            raise SinkDeniedError(f"{place.location}: {trouble}", advice="upgrade GitLab, or leave that option out")

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove that intent, and the notes with it where nothing was delivered."""
        place = Place.of(slot)
        found = self._find(place)
        notes = found.notes
        if notes is None or notes.intent is None or notes.intent.id != intent_id:
            return
        if notes.receipt or found.variable:
            self._note(place, found, replace(notes, intent=None))
        else:
            self._gitlab.delete(place.home, place.notes)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Store the raw key with its mark, in one request, then its receipt; the intent is closed."""
        place = Place.of(slot)
        _refuse_unfit(place, raw)
        found = self._find(place)
        found.refuse_unwritable(place, receipt.owner)
        stored = self._store(place, found, raw, receipt)
        if stored.value is not None and not raw.fingerprint("read back").matches(_strip(stored.value, place)):
            raise SinkUnavailableError(f"{place.location}: GitLab has stored another value", advice="apply again")
        self._note(place, found, Entry(owner=receipt.owner, receipt=receipt))

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value; nothing where there is no value."""
        place = Place.of(slot)
        found = self._find(place)
        found.refuse_other_owner(place, receipt.owner)
        if found.variable:
            self._note(place, found, replace(found.notes or Entry(owner=receipt.owner), receipt=receipt))

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Remove value and notes; a value that a person put in its place stays, and so does one by `on_remove`."""
        place = Place.of(slot)
        found = self._find(place)
        if not found.is_of(owner):
            return
        is_a_persons = found.compare(place) is Content.DIFFERS and found.has_settled
        if place.is_deleted_on_removal and not is_a_persons:
            self._gitlab.delete(place.home, place.name)
        self._gitlab.delete(place.home, place.notes)

    def read(self, slot: Slot) -> RawKey | None:
        """Return the raw key that a slot holds; None where there is none, or where it is hidden."""
        place = Place.of(slot)
        return Finding(variable=self._gitlab.find(place.home, place.name), notes=None).read(place)

    def close(self) -> None:
        """Let go of all connections."""
        self._gitlab.close()

    def _inspect(self, home: Home, members: Collection[tuple[Slot, Place]]) -> dict[Slot, Holding]:
        wanted = {name for _, place in members for name in (place.name, place.notes)}
        shown = self._gitlab.list_variables(home, wanted)
        return {
            slot: Finding.of(place, shown.get(place.name), shown.get(place.notes)).hold(place, self._owner)
            for slot, place in members
        }

    def _find(self, place: Place) -> Finding:
        return Finding.of(place, self._gitlab.find(place.home, place.name), self._gitlab.find(place.home, place.notes))

    def _store(self, place: Place, found: Finding, raw: RawKey, receipt: Receipt) -> Variable:
        fields: dict[str, Json] = {
            "value": f"{raw.reveal()}{place.suffix}",
            "description": write_mark(receipt),
            "protected": place.is_protected,
            "variable_type": place.kind,
            # Without it GitLab would look for other variables' names after a $ in the value.
            "raw": True,
        }
        # GitLab refuses to change masking once a value is hidden.
        masking: dict[str, Json] = {"masked": place.is_masked}
        if found.variable is None:
            hiding: dict[str, Json] = {"masked_and_hidden": True} if place.is_hidden else masking
            return self._gitlab.create(place.home, place.name, fields | hiding)
        return self._gitlab.replace(place.home, place.name, fields if place.is_hidden else fields | masking)

    def _note(self, place: Place, found: Finding, entry: Entry) -> Variable:
        fields: dict[str, Json] = {
            "value": write_notes(entry),
            "description": f"keyplan's notes on {place.name.key}; no secret",
            "masked": False,
            "protected": place.is_protected,
            "raw": True,
        }
        write = self._gitlab.replace if found.notes else self._gitlab.create
        return write(place.home, place.notes, fields)


def _strip(value: RawKey, place: Place) -> RawKey:
    return RawKey(value.reveal().removesuffix(place.suffix))


def _refuse_unfit(place: Place, raw: RawKey) -> None:
    if raw.is_empty():
        raise SinkDeniedError(f"{place.location}: an empty value is never written")
    if place.is_masked and not _MASKABLE.fullmatch(raw.reveal()):
        raise SinkDeniedError(
            f"{place.location}: GitLab masks only values of at least 8 characters without spaces",
            advice="set 'masked: false' on this sink",
        )


def _find_trouble(place: Place, noted: Variable) -> str:
    """Return what this GitLab can't do that the place needs, as its answer to the notes shows; empty if all is well."""
    if noted.name.scope != place.notes.scope:
        return "this GitLab can't scope the variables of a group (Premium can)"
    if not noted.description:
        return "this GitLab keeps no descriptions of variables, by which keyplan knows its own (16.2 does)"
    if place.is_hidden and not noted.knows_hiding:
        return "this GitLab can't hide variables (17.4 can)"
    return ""
