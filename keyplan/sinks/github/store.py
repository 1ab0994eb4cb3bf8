"""Secrets on GitHub as a store of the sink engine: which there are, when they changed, and sealed values.

GitHub shows no value and has no room for a note, so keyplan's secrets are known from others only by the ledger and
the time of change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.observation import Slot
from keyplan.sinks.github.client import GitHub, Sealer
from keyplan.sinks.github.places import GitHubPlace, SecretScope
from keyplan.sinks.value_store import Decide, Loaded, Presence

_MOST_THREADS = 8


class GitHubSecrets:
    """Implements ValueStore and LazyStore on GitHub's secrets. Safe for threads."""

    def __init__(self, github: GitHub, sealer: Sealer) -> None:
        self._github = github
        self._sealer = sealer

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return which secrets there are and when they changed: one listing per scope, whatever their number."""
        by_scope: defaultdict[SecretScope, list[tuple[Slot, str]]] = defaultdict(list)
        for slot in slots:
            place = GitHubPlace.of(slot)
            by_scope[place.scope].append((slot, place.name))
        with ThreadPoolExecutor(max_workers=_MOST_THREADS) as pool:
            listings = pool.map(self._github.list_secrets, by_scope)
            return {
                slot: _show(changes.get(name))
                for members, changes in zip(by_scope.values(), listings, strict=True)
                for slot, name in members
            }

    def load_content(self, slot: Slot) -> bytes | None:  # noqa: ARG002 - the same for all
        """Return None: GitHub gives no value away, so there is no need to ask."""
        return None

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Store, delete, or prove that a value could be stored. GitHub can't keep other writers out."""
        place = GitHubPlace.of(slot)
        if create:
            # Asked first: with the wrong rights, GitHub hides the scope itself, and this names the missing right.
            self._github.public_key(place.scope)
        change = decide(_show(self._github.find_change(place.scope, place.name)))
        if change is None:
            return
        if change.must_prove:
            self._github.prove_rights(place.scope)
        if change.content:
            self._store(place, change.content)
        elif change.content is not None:
            self._github.delete(place.scope, place.name)

    def close(self) -> None:
        """Close all connections."""
        self._github.close()

    def _store(self, place: GitHubPlace, content: bytes) -> None:
        if not self._put(place, content):
            # The public key may be another one since it was asked for.
            self._github.forget_public_key(place.scope)
            if not self._put(place, content):
                raise SinkDeniedError(
                    f"{place.location}: GitHub finds the secret unfit",
                    advice="check visibility and selected_repositories of this sink",
                )
        # GitHub has answered 2xx and stored nothing: without this look, a key would count as delivered.
        if self._github.find_change(place.scope, place.name) is None:
            raise SinkUnavailableError(
                f"{place.location}: GitHub took the secret but does not show it", advice="apply again"
            )

    def _put(self, place: GitHubPlace, content: bytes) -> bool:
        key = self._github.public_key(place.scope)
        sealed = self._sealer.seal(content, public_key=key.key)
        return self._github.put(
            place.scope, place.name, {"encrypted_value": sealed, "key_id": key.id, **place.settings}
        )


def _show(changed_at: datetime | None) -> Loaded:
    return Loaded(presence=Presence.PRESENT if changed_at else Presence.AS_READ, changed_at=changed_at)
