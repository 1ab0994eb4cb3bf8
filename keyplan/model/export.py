"""Keys that exist, as declarations of a manifest that is yet to be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keyplan.model.identity import ManifestId
from keyplan.model.manifest import Json, ProviderSettings, ScopeRef
from keyplan.model.observation import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedKey:
    """A key that exists, as a declaration of it."""

    key: Observation
    space: ScopeRef | None = None
    """How the declaration names the key's one space; None for a user key, and for a key of several spaces."""
    scope_field: str = "space"
    """The field of a declaration that names a scope by its name; Arize's are named by their ids, too."""
    provider: str = ""
    """What the manifest calls the provider of the key, if it is not the usual one of several."""
    obstacle: str = ""
    """Why it cannot be declared, half a sentence; empty if it can."""

    @property
    def is_declared(self) -> bool:
        """Whether it stands in the manifest as a declaration, and not as a comment."""
        return not self.obstacle


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedManifest:
    """A manifest of keys that exist."""

    owner: str
    id: ManifestId
    keys: tuple[ExportedKey, ...]
    """In the order of their declarations."""
    provider: Mapping[str, Json] = field(default_factory=dict, hash=False)
    """The options that the provider needs in every run; none if the environment gives them."""
    providers: tuple[ProviderSettings, ...] = ()
    """Those of the manifest that names them, the usual one first; if there are none, `provider` counts."""
    folder: str = ""
    """Below the output folder; empty if there is one manifest for all keys."""
