"""The sink `github-actions`: raw keys as secrets of a repository, an environment or an organization.

In: slots, raw keys, receipts. Out: secrets, sealed here with GitHub's public key. Never: a value read back, which
GitHub does not allow; a secret overwritten that no receipt tells of, unless the manifest says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.manifest import Declaration, Delivery, SinkSettings
from keyplan.model.observation import Abilities, Holding, Slot
from keyplan.model.receipt import CLOCK_SKEW, Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.net.http import check_base_url
from keyplan.ports import Sink
from keyplan.sinks.forge import open_forge
from keyplan.sinks.github.client import GitHub, Sealer
from keyplan.sinks.github.places import DEFAULT_NAME, Place, Store, fill_slot
from keyplan.system.secrets import SECRET_SCHEMA

TYPE: Final = "github-actions"
_DEFAULT_TOKEN: Final = {"env": "GITHUB_TOKEN"}
_FIXED: Final = ("token", "api_url")
_MOST_THREADS: Final = 8
_HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

OPTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Stores each raw key as a GitHub secret of a repository, an environment or an organization.",
    "properties": {
        "repository": {
            "type": ["string", "null"],
            "pattern": r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$",
            "errorMessage": "must be OWNER/REPOSITORY",
            "description": "OWNER/REPOSITORY; excludes organization.",
        },
        "environment": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "An environment of the repository, which has to exist.",
        },
        "organization": {
            "type": ["string", "null"],
            "pattern": r"^[A-Za-z0-9._-]+$",
            "errorMessage": "must be the name of an organization",
            "description": "Stores the secret once for many repositories; excludes repository.",
        },
        "visibility": {
            "enum": ["all", "private", "selected"],
            "description": "For organization: which repositories may use the secret; default private.",
        },
        "selected_repositories": {
            "type": ["array", "null"],
            "items": {"type": "integer"},
            "description": "For visibility selected: ids, as `gh api repos/OWNER/REPOSITORY --jq .id` prints them.",
        },
        "dependabot": {
            "type": "boolean",
            "default": False,
            "description": "Whether it is a secret for Dependabot, which does not see those of Actions.",
        },
        "name": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_NAME,
            "description": "Of the secret. Template of {name} {key_type} {space} {owner} {address}.",
        },
        "newline": {"type": "boolean", "default": False, "description": "Whether the value ends with one."},
        "token": {**SECRET_SCHEMA, "default": _DEFAULT_TOKEN},
        "api_url": {
            "type": ["string", "null"],
            "description": "Of a GitHub Enterprise Server: https://HOST/api/v3. Plain http for this machine only.",
        },
        "overwrite": {
            "type": "boolean",
            "default": False,
            "description": "Whether a secret may be overwritten that no receipt tells of.",
        },
        "on_remove": {
            "enum": ["delete", "keep"],
            "default": "delete",
            "description": "What happens to the secret when its declaration is removed.",
        },
    },
    "additionalProperties": False,
}


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent and no token is fetched yet.

    Raises InputError where PyNaCl is not installed, or api_url cannot be used.
    """
    return open_sink(settings, context)


def open_sink(settings: SinkSettings, context: PluginContext) -> GitHubSink:
    """Return what `build` returns, as what it is: who closes it needs to know that."""
    options = {**settings.options, "token": settings.options.get("token") or _DEFAULT_TOKEN}
    base_url = check_base_url(str(options.get("api_url") or "https://api.github.com"), whose=f"{TYPE}: api_url")
    return GitHubSink(
        settings, github=GitHub(open_forge(base_url, options, context, _HEADERS)), sealer=Sealer(extra=TYPE)
    )


class GitHubSink:
    """Implements Sink on GitHub's secrets. Safe for threads."""

    abilities = Abilities(holds_receipts=False, readable=False, weak_proof=True)

    def __init__(self, settings: SinkSettings, *, github: GitHub, sealer: Sealer) -> None:
        self._settings = settings
        self._github = github
        self._sealer = sealer
        self._stored: set[str] = set()
        """Locations that this run wrote, which are ours for certain."""

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the secret: ``acme/app#ARIZE_API_KEY``, ``acme/app@production#ARIZE_API_KEY``, ``acme#...``."""
        if fixed := [name for name in _FIXED if name in delivery.options]:
            raise InputError(
                f"{delivery.place}: '{fixed[0]}' can't differ for one key", advice="configure a second sink with it"
            )
        return fill_slot(self._settings.name, owner, declaration, {**self._settings.options, **delivery.options})

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return which secrets there are and when they changed: one listing per store, whatever their number."""
        by_store: defaultdict[Store, list[tuple[Slot, str]]] = defaultdict(list)
        for slot in slots:
            place = Place.of(slot)
            by_store[place.store].append((slot, place.name))
        with ThreadPoolExecutor(max_workers=_MOST_THREADS) as pool:
            listings = pool.map(self._github.list_secrets, by_store)
            return {
                slot: Holding(present=name in changes, changed_at=changes.get(name))
                for members, changes in zip(by_store.values(), listings, strict=True)
                for slot, name in members
            }

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Prove that the slot may be written, and that what is there is ours. GitHub has no room for the intent."""
        place = Place.of(slot)
        self._github.public_key(place.store)
        self._github.prove_rights(place.store)
        self._refuse_unknown(slot, place, intent)

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Do nothing: no intent is noted."""

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:  # noqa: ARG002 - GitHub has no room for a receipt
        """Seal and store a raw key, and see that GitHub shows the secret."""
        place = Place.of(slot)
        if raw.is_empty():
            raise SinkDeniedError(f"{place.location}: an empty value is never written")
        if not self._store(place, raw):
            # The public key may be another one since it was asked for.
            self._github.forget_public_key(place.store)
            if not self._store(place, raw):
                raise SinkDeniedError(
                    f"{place.location}: GitHub finds the secret unfit",
                    advice="check visibility and selected_repositories of this sink",
                )
        self._stored.add(slot.location)
        if self._github.find_change(place.store, place.name) is None:
            raise SinkUnavailableError(
                f"{place.location}: GitHub took the secret but does not show it", advice="apply again"
            )

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Do nothing: GitHub has no room for a receipt."""

    def withdraw(self, slot: Slot, owner: str) -> None:  # noqa: ARG002 - GitHub tells nothing of owners
        """Delete the secret, unless option `on_remove` keeps it."""
        place = Place.of(slot)
        if place.is_deleted_on_removal:
            self._github.delete(place.store, place.name)
            self._stored.discard(slot.location)

    def read(self, slot: Slot) -> RawKey | None:  # noqa: ARG002 - the same for all
        """Return None: GitHub gives no value away."""
        return None

    def close(self) -> None:
        """Let go of all connections."""
        self._github.close()

    def _store(self, place: Place, raw: RawKey) -> bool:
        key = self._github.public_key(place.store)
        sealed = self._sealer.seal(raw, public_key=key.key, suffix=place.suffix)
        return self._github.put(
            place.store, place.name, {"encrypted_value": sealed, "key_id": key.id, **place.settings}
        )

    def _refuse_unknown(self, slot: Slot, place: Place, intent: Intent) -> None:
        """Refuse where a secret is there that nothing shows to be ours: no receipt, no attempt that was cut short."""
        if place.may_overwrite or slot.location in self._stored or slot.delivered in intent.held:
            return
        changed_at = self._github.find_change(place.store, place.name)
        if changed_at is None:
            return
        # An earlier attempt found the slot free, or it would not be open: what came since is its own.
        if intent.attempts > 1 and changed_at >= intent.at - CLOCK_SKEW:
            return
        raise SinkDeniedError(
            f"{place.location}: a secret is there, and keyplan does not know it to be its own",
            advice="if nothing else needs it, delete it or set 'overwrite: true' on this sink; or choose another name",
        )
