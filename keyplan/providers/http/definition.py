"""What a definition says of one API, as values: `definition_reader` makes them, and everything else follows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from keyplan.model.laws import Laws
from keyplan.model.manifest import Json
from keyplan.providers.http.page_rules import Paging
from keyplan.providers.http.pointers import Pointer, Source
from keyplan.providers.http.times import SpanForm, TimeForm


class SchemeKind(Enum):
    """How a secret is presented."""

    BEARER = "bearer"
    BASIC = "basic"
    HEADER = "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How a secret is presented to the server."""

    kind: SchemeKind
    header: str = ""
    """Of `SchemeKind.HEADER` alone."""


class MarkerPlace(Enum):
    """Which text of a key carries the marker."""

    DESCRIPTION = "description"
    NAME = "name"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFields:
    """Where the fields of a key stand in its object; None for one that the server does not show."""

    id: Source
    name: Source | None = None
    description: Source | None = None
    created: Source | None = None
    expires: Source | None = None
    last_used: Source | None = None
    rotated: Source | None = None
    redacted: Source | None = None
    creator: Source | None = None
    disabled: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """In which forms instants are written."""

    sent_expiry: TimeForm = TimeForm.RFC_3339
    shown_expiry: TimeForm = TimeForm.RFC_3339
    shown_times: TimeForm = TimeForm.RFC_3339
    """Of creation, last use and rotation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest:
    """How all keys are listed."""

    path: str
    query: Mapping[str, Json] = field(default_factory=dict, hash=False)
    items: Pointer = ()
    pages: Paging


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRequest:
    """How a raw key is issued: by a create, or by a refresh."""

    method: str
    path: str
    body: Mapping[str, Json] = field(default_factory=dict, hash=False)
    statuses: frozenset[int] = frozenset()
    """Of an answer with a raw key; none: every 2xx."""
    key: Pointer = ()
    """Where the object of the key stands in the answer."""
    fields: KeyFields
    """Of that object."""
    raw: Source
    """In the whole answer."""
    keeps_id: bool = False
    """Whether the key keeps its id, as a refresh may."""
    grace: SpanForm = SpanForm.SECONDS
    """How ``${grace}`` is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """How a key is deleted."""

    method: str
    path: str
    body: Mapping[str, Json] | None = field(default=None, hash=False)
    gone: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How a raw key shows whether it is accepted."""

    method: str
    path: str
    scheme: Scheme
    accepted: frozenset[int]
    """Beside 2xx."""
    refused: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableForm:
    """A word that the manifest gives a value."""

    default: str | None = None
    """None if the manifest has to give one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One API of keys."""

    name: str
    base_url: str = ""
    """Empty if the manifest has to name it."""
    scheme: Scheme
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    variables: Mapping[str, VariableForm] = field(default_factory=dict, hash=False)
    listing: ListRequest
    fields: KeyFields
    forms: Forms = Forms()
    marker: MarkerPlace
    create: IssueRequest
    refresh: IssueRequest | None = None
    delete: Deletion
    verify: Verification
    laws: Laws
