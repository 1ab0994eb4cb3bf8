"""A Secret of Kubernetes, as its API shows it: marks, entries, and who owns which of them.

In: JSON of a Secret, or of its metadata alone. Out: what is there. Never: a value in a repr.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple


class Ref(NamedTuple):
    """Which Secret; sorted by namespace first."""

    namespace: str
    name: str


class Kind(Enum):
    """The three maps of a Secret that keyplan writes into."""

    DATA = "data"
    LABEL = "labels"
    ANNOTATION = "annotations"


class Field(NamedTuple):
    """One entry of one of these maps."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """A field manager, and what it owns (kubernetes.io/docs, "Server-Side Apply", managed fields)."""

    name: str
    applies: bool
    """Whether it declares what it owns, and will come back to it; not so a person's edit."""
    fields: frozenset[Field]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What is known of one Secret."""

    ref: Ref
    uid: str
    version: str
    """Its resourceVersion; empty where it was only rehearsed."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    data: Mapping[str, bytes] | None = field(repr=False)
    """None where only metadata was asked for."""
    managers: tuple[Manager, ...]

    @property
    def entries(self) -> frozenset[str]:
        """Names of its values. Without them, the managed fields tell: each was written by somebody."""
        if self.data is not None:
            return frozenset(self.data)
        return frozenset(owned.name for manager in self.managers for owned in manager.fields if owned.kind is Kind.DATA)

    def owners(self, owned: Field) -> tuple[Manager, ...]:
        """Return who owns a field."""
        return tuple(manager for manager in self.managers if owned in manager.fields)

    def is_applied_by(self, manager: str, owned: Field) -> bool:
        """Whether a manager declares a field, and nobody has changed it since."""
        return any(owner.applies and owner.name == manager for owner in self.owners(owned))

    def text(self, of: Field) -> str | None:
        """Return a label or an annotation; None where there is none."""
        return (self.labels if of.kind is Kind.LABEL else self.annotations).get(of.name)


def read_secret(document: Mapping[str, Any], *, metadata_only: bool) -> Secret:
    """Return the Secret of a document. Raises KeyError, TypeError, ValueError or AttributeError where it is none."""
    metadata = document["metadata"]
    return Secret(
        ref=Ref(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=metadata.get("resourceVersion", ""),
        labels=dict(metadata.get("labels") or {}),
        annotations=dict(metadata.get("annotations") or {}),
        data=None if metadata_only else _decode(document.get("data") or {}),
        managers=tuple(_read_manager(entry) for entry in metadata.get("managedFields") or ()),
    )


def _decode(data: Mapping[str, str]) -> dict[str, bytes]:
    try:
        return {name: base64.b64decode(value, validate=True) for name, value in data.items()}
    except binascii.Error:
        raise ValueError("data is not base64") from None


def _read_manager(entry: Mapping[str, Any]) -> Manager:
    owned = entry.get("fieldsV1") or {}
    metadata = owned.get("f:metadata") or {}
    return Manager(
        name=entry.get("manager", ""),
        applies=entry.get("operation") == "Apply",
        fields=frozenset(
            [
                *_names(owned, Kind.DATA),
                *_names(metadata, Kind.LABEL),
                *_names(metadata, Kind.ANNOTATION),
            ]
        ),
    )


def _names(owned: Mapping[str, Any], kind: Kind) -> Iterator[Field]:
    names = owned.get(f"f:{kind.value}") or {}
    return (Field(kind, name.removeprefix("f:")) for name in names if name.startswith("f:"))
