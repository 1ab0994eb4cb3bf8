"""A Secret of Kubernetes, as its API shows it: marks, entries, and the owner of each. No value is in a repr."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from keyplan.sinks.answers import to_list, to_mapping, to_text, to_texts


class SecretRef(NamedTuple):
    """Which Secret; sorted by namespace first."""

    namespace: str
    name: str


class SecretMap(Enum):
    """The three maps of a Secret that keyplan writes into."""

    DATA = "data"
    LABEL = "labels"
    ANNOTATION = "annotations"


class SecretField(NamedTuple):
    """One entry of one of these maps."""

    kind: SecretMap
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldManager:
    """A field manager, and what it owns (kubernetes.io/docs, "Server-Side Apply", managed fields)."""

    name: str
    applies: bool
    """Whether it declares what it owns, and will come back to it; a user's edit does not."""
    fields: frozenset[SecretField]


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSecret:
    """What is known of one Secret."""

    ref: SecretRef
    uid: str
    version: str
    """Its resourceVersion; empty if it was only rehearsed."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    data: Mapping[str, bytes] | None = field(repr=False)
    """None if only metadata was asked for."""
    managers: tuple[FieldManager, ...]
    is_immutable: bool = False
    """Whether no value in it can be changed any more; not known if only metadata was asked for."""

    @property
    def entries(self) -> frozenset[str]:
        """Names of its values. Without the values, the managed fields name them: each was written by some manager."""
        if self.data is not None:
            return frozenset(self.data)
        return frozenset(
            owned.name for manager in self.managers for owned in manager.fields if owned.kind is SecretMap.DATA
        )

    def owners(self, owned: SecretField) -> tuple[FieldManager, ...]:
        """Return who owns a field."""
        return tuple(manager for manager in self.managers if owned in manager.fields)

    def is_applied_by(self, manager: str, owned: SecretField) -> bool:
        """Whether a manager declares a field, and nothing has changed it since."""
        return any(owner.applies and owner.name == manager for owner in self.owners(owned))

    def text(self, of: SecretField) -> str | None:
        """Return a label or an annotation; None if there is none."""
        return (self.labels if of.kind is SecretMap.LABEL else self.annotations).get(of.name)


def read_secret(document: Mapping[str, Any], *, metadata_only: bool) -> KubernetesSecret:
    """Return the Secret of a document. Raises KeyError, TypeError, ValueError or AttributeError if it is none."""
    metadata = document["metadata"]
    return KubernetesSecret(
        ref=SecretRef(to_text(metadata["namespace"]), to_text(metadata["name"])),
        uid=to_text(metadata["uid"]),
        version=to_text(metadata.get("resourceVersion") or ""),
        labels=to_texts(metadata.get("labels")),
        annotations=to_texts(metadata.get("annotations")),
        data=None if metadata_only else _decode(to_texts(document.get("data"))),
        managers=tuple(_read_manager(entry) for entry in to_list(metadata.get("managedFields"))),
        is_immutable=document.get("immutable") is True,
    )


def _decode(data: Mapping[str, str]) -> dict[str, bytes]:
    try:
        return {name: base64.b64decode(value, validate=True) for name, value in data.items()}
    except binascii.Error:
        raise ValueError("data is not base64") from None


def _read_manager(entry: Mapping[str, Any]) -> FieldManager:
    owned = to_mapping(entry.get("fieldsV1"))
    metadata = to_mapping(owned.get("f:metadata"))
    return FieldManager(
        name=to_text(entry.get("manager") or ""),
        applies=entry.get("operation") == "Apply",
        fields=frozenset(
            [
                *_names(owned, SecretMap.DATA),
                *_names(metadata, SecretMap.LABEL),
                *_names(metadata, SecretMap.ANNOTATION),
            ]
        ),
    )


def _names(owned: Mapping[str, Any], kind: SecretMap) -> Iterator[SecretField]:
    names = to_mapping(owned.get(f"f:{kind.value}"))
    return (SecretField(kind, name.removeprefix("f:")) for name in names if name.startswith("f:"))
