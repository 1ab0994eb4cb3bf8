"""Who keyplan is at the provider, and whose marks prove that a key is ours: "Creators" in docs/planning.md.

Any user who may create keys can copy a marker. So a marker proves something only beside a creator who is one of ours,
and nothing that a sink holds can make a creator one of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType

from keyplan.model.identity import NO_USER, Identity, Lineage, ProviderName, UserId, read_provider
from keyplan.model.manifest import KeyType, Manifest, ProviderSettings
from keyplan.model.observation import Marker, Observation, Snapshot


class CreatorSource(Enum):
    """How keyplan knows that a creator is one of ours."""

    CREDENTIAL = "the user of the credential"
    LISTING = "the only creator of the user keys that the credential sees"
    LEDGER = "named in answers to keyplan's own creates"
    MANIFEST = "named under provider.creators"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What decides for one manifest which marks count."""

    lineage: Lineage
    creators: Mapping[UserId, CreatorSource]
    """The users whose marked keys are ours, and how keyplan knows each."""
    trusts_marks: bool = False
    """Whether at this provider a marker alone proves who made a key."""
    elsewhere: Mapping[ProviderName, Authority] = field(default_factory=dict)
    """What decides at each further provider."""

    @classmethod
    def of(cls, manifest: Manifest, snapshot: Snapshot) -> Authority:
        """Return the authority of a manifest over what a snapshot shows."""
        usual, *others = (cls._at(manifest, snapshot, settings) for settings in manifest.providers)
        names = (settings.name for settings in manifest.further_providers)
        return replace(usual, elsewhere=dict(zip(names, others, strict=True))) if others else usual

    @classmethod
    def _at(cls, manifest: Manifest, snapshot: Snapshot, settings: ProviderSettings) -> Authority:
        return cls(
            lineage=manifest.lineage,
            creators=find_creators(manifest, snapshot, settings),
            trusts_marks=snapshot.laws_of(settings.name).marks_prove_creator,
        )

    def at(self, provider: ProviderName) -> Authority:
        """Return what decides at one of the manifest's providers."""
        return self.elsewhere.get(provider, self)

    @property
    def knows_creators(self) -> bool:
        """Whether any creator could be learned. Without one, marks are not enough to act on."""
        return self.trusts_marks or bool(self.creators)

    def made(self, key: Observation) -> bool:
        """Whether one of ours created this key, as the provider says."""
        local = self.at(key.provider)
        return local.trusts_marks or key.created_by in local.creators

    def may_have_made(self, key: Observation) -> bool:
        """Whether one of ours created this key, or the provider does not show who did.

        A key that a stranger certainly made is never in the way: any user who may create keys could stop every create.
        """
        return self.made(key) or not self.at(key.provider).knows_creators or not key.created_by

    def is_ambiguous(self, marker: Marker) -> bool:
        """Whether another manifest of the same owner may have written this marker, because no id is in it."""
        return not marker.manifest_id and marker.identity not in self.lineage.formerly


def find_creators(manifest: Manifest, snapshot: Snapshot, settings: ProviderSettings) -> Mapping[UserId, CreatorSource]:
    """Return the users of a provider whose marked keys are ours, sorted by id, with the strongest source of each."""
    own = _find_own_users(snapshot, settings.name)
    found = dict.fromkeys(settings.creators, CreatorSource.MANIFEST)
    # Only answers to our own creates fill this field, and only keyplan writes the ledger.
    identities = frozenset(manifest.lineage.identities)
    found |= dict.fromkeys(
        (
            one.creator
            for one in snapshot.receipts
            if one.creator and one.identity in identities and read_provider(one.address) == settings.name
        ),
        CreatorSource.LEDGER,
    )
    found |= own or dict.fromkeys(_find_only_user(snapshot, settings.name), CreatorSource.LISTING)
    return MappingProxyType(dict(sorted(found.items())))


def _find_own_users(snapshot: Snapshot, provider: ProviderName) -> dict[UserId, CreatorSource]:
    """Return who the credential acts as; nothing if its key isn't listed, or if keys of several users look like it."""
    own = [key for key in snapshot.keys if key.id in snapshot.own_keys and key.provider == provider]
    # A redacted form shows a few characters: if keys of two users fit, neither may become ours by it.
    if len({key.created_by for key in own}) != 1:
        return {}
    # A service key creates keys as the user that it acts as (docs/arize-api.md, A14).
    users = {user for key in own for user in (key.created_by, key.acts_as)} - {NO_USER}
    return dict.fromkeys(users, CreatorSource.CREDENTIAL)


def _find_only_user(snapshot: Snapshot, provider: ProviderName) -> frozenset[UserId]:
    """Return the creator of the listed user keys, if it is one: they are the caller's (docs/arize-api.md, A13)."""
    users = {key.created_by for key in snapshot.keys if key.key_type is KeyType.USER and key.provider == provider}
    return frozenset(users) if len(users) == 1 and NO_USER not in users else frozenset()


def name_manifest(identity: Identity) -> str:
    """Return how users know another manifest."""
    return f"owner {identity.owner} (id {identity.id})" if identity.id else f"owner {identity.owner}"
