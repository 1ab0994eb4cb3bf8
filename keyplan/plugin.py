"""Everything that an author of a sink, provider or ledger imports, each under one name that stays.

A plugin imports `keyplan.plugin` and nothing else of keyplan; all other modules may change with any release.
`docs/writing-a-plugin.md` says what the module of a plugin has to define. Built-in plugins never import this module,
which imports theirs.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from keyplan.context import PluginContext
from keyplan.errors import (
    InDoubtError,
    InputError,
    KeyplanError,
    LeaseLostError,
    LedgerDamagedError,
    LedgerError,
    LedgerForeignError,
    LedgerLockedError,
    LedgerUntrustedError,
    PlanSpentError,
    ProviderDeniedError,
    ProviderError,
    ProviderRefusedError,
    ProviderUnavailableError,
    SinkBusyError,
    SinkDeniedError,
    SinkError,
    SinkPausedError,
    SinkUnavailableError,
)
from keyplan.ledgers.lease import LeaseStore, LockRequest, hold_lease, make_lost_error
from keyplan.model.audit import AuditEntry, AuditLog, AuditQuery
from keyplan.model.checked_file import CheckedFile
from keyplan.model.desired import Desired
from keyplan.model.examination import Area, ExaminableLedger, Finding, Health
from keyplan.model.history import AppliedAction, Author, ChainCheck, ChainLink, HistoryEntry, chain_entry, check_chain
from keyplan.model.identity import (
    Address,
    Identity,
    KeyId,
    Lineage,
    ManifestId,
    OrganizationId,
    Origin,
    ScopeId,
    SinkName,
    UserId,
)
from keyplan.model.intent import Intent, IntentId, Runner
from keyplan.model.laws import KeyForm, Laws
from keyplan.model.ledger import Holder, LockName, Memory, Spending
from keyplan.model.manifest import (
    DEFAULT_LEASE,
    Declaration,
    Delivery,
    FromCommand,
    FromEnvironment,
    FromFile,
    Json,
    KeyType,
    LedgerSettings,
    OrganizationGrant,
    ProviderSettings,
    Role,
    Roles,
    ScopeById,
    ScopeByName,
    ScopeRef,
    SecretSource,
    SinkSettings,
    SpaceGrant,
)
from keyplan.model.observation import (
    Abilities,
    Access,
    Content,
    Holding,
    Marker,
    Observation,
    Revision,
    Scope,
    Slot,
    Survey,
    split_marker,
)
from keyplan.model.place import Place
from keyplan.model.receipt import Delivered, Receipt, Superseded
from keyplan.model.secret import Credential, Fingerprint, RawKey
from keyplan.model.times import read_time, show_time, write_time
from keyplan.ports import (
    Auditable,
    Clock,
    Editor,
    Examinable,
    Issued,
    KeyReader,
    KeyWriter,
    Lease,
    Ledger,
    LedgerReader,
    Matchable,
    ProviderPorts,
    ReaderPorts,
    RebuildableLedger,
    Sink,
    SinkReader,
    Surveyable,
)
from keyplan.providers.options import MAX_KEYS_OPTION, PATIENCE_SECONDS
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.formats import FileFormat
from keyplan.sinks.notes import Entry, read_note, write_note
from keyplan.sinks.options import COMMON_OPTIONS, PATIENCE, TEMPLATE, build_schema, format_of
from keyplan.sinks.places import FillSlot, PlaceIdentity, SinkPlaces, identify_file
from keyplan.sinks.templates import describe as template_fields
from keyplan.sinks.templates import fill as fill_template
from keyplan.sinks.templates import to_path_part, to_variable_part
from keyplan.sinks.value_store import (
    Change,
    ComparingStore,
    Decide,
    ExaminableStore,
    LazyStore,
    Loaded,
    Presence,
    Seals,
    StoreConflictError,
    ValueStore,
    find_broken,
)
from keyplan.system.secrets import SECRET_SCHEMA, is_header_safe, read_source

if TYPE_CHECKING:
    from keyplan.net.http import (
        Answer,
        Bearer,
        Exchange,
        Failure,
        check_base_url,
        exchange,
        make_opener,
        open_client,
        read_retry_after,
    )
    from keyplan.net.retry import Again, Gate, Patience, Retrier
    from keyplan.providers.answers import ProviderWords
    from keyplan.providers.client import IssueForm, Probe, ProviderClient, ProviderReadClient, ProviderServer
    from keyplan.providers.connection import ProviderConnection, fetch_reader_credential
    from keyplan.sinks.patience import explain_throttled, open_retrier

__all__ = [
    "COMMON_OPTIONS",
    "DEFAULT_LEASE",
    "MAX_KEYS_OPTION",
    "PATIENCE",
    "PATIENCE_SECONDS",
    "SECRET_SCHEMA",
    "TEMPLATE",
    "Abilities",
    "Access",
    "Address",
    "Again",
    "Answer",
    "AppliedAction",
    "Area",
    "AuditEntry",
    "AuditLog",
    "AuditQuery",
    "Auditable",
    "Author",
    "Bearer",
    "ChainCheck",
    "ChainLink",
    "Change",
    "CheckedFile",
    "Clock",
    "ComparingStore",
    "Content",
    "Credential",
    "Decide",
    "Declaration",
    "Delivered",
    "Delivery",
    "Desired",
    "Editor",
    "Entry",
    "Examinable",
    "ExaminableLedger",
    "ExaminableStore",
    "Exchange",
    "Failure",
    "FileFormat",
    "FillSlot",
    "Finding",
    "Fingerprint",
    "FromCommand",
    "FromEnvironment",
    "FromFile",
    "Gate",
    "Health",
    "HistoryEntry",
    "Holder",
    "Holding",
    "Identity",
    "InDoubtError",
    "InputError",
    "Intent",
    "IntentId",
    "IssueForm",
    "Issued",
    "Json",
    "KeyForm",
    "KeyId",
    "KeyReader",
    "KeyType",
    "KeyWriter",
    "KeyplanError",
    "Laws",
    "LazyStore",
    "Lease",
    "LeaseLostError",
    "LeaseStore",
    "Ledger",
    "LedgerDamagedError",
    "LedgerError",
    "LedgerForeignError",
    "LedgerLockedError",
    "LedgerReader",
    "LedgerSettings",
    "LedgerUntrustedError",
    "Lineage",
    "Loaded",
    "LockName",
    "LockRequest",
    "ManifestId",
    "Marker",
    "Matchable",
    "Memory",
    "Observation",
    "OrganizationGrant",
    "OrganizationId",
    "Origin",
    "Patience",
    "Place",
    "PlaceIdentity",
    "PlanSpentError",
    "PluginContext",
    "Presence",
    "Probe",
    "ProviderClient",
    "ProviderConnection",
    "ProviderDeniedError",
    "ProviderError",
    "ProviderPorts",
    "ProviderReadClient",
    "ProviderRefusedError",
    "ProviderServer",
    "ProviderSettings",
    "ProviderUnavailableError",
    "ProviderWords",
    "RawKey",
    "ReaderPorts",
    "RebuildableLedger",
    "Receipt",
    "Retrier",
    "Revision",
    "Role",
    "Roles",
    "Runner",
    "Scope",
    "ScopeById",
    "ScopeByName",
    "ScopeId",
    "ScopeRef",
    "Seals",
    "SecretSource",
    "Sink",
    "SinkBusyError",
    "SinkDeniedError",
    "SinkEngine",
    "SinkError",
    "SinkKind",
    "SinkName",
    "SinkPausedError",
    "SinkPlaces",
    "SinkReader",
    "SinkSettings",
    "SinkUnavailableError",
    "Slot",
    "SpaceGrant",
    "Spending",
    "StoreConflictError",
    "Superseded",
    "Survey",
    "Surveyable",
    "UserId",
    "ValueStore",
    "build_schema",
    "chain_entry",
    "check_base_url",
    "check_chain",
    "exchange",
    "explain_throttled",
    "fetch_reader_credential",
    "fill_template",
    "find_broken",
    "format_of",
    "hold_lease",
    "identify_file",
    "is_header_safe",
    "make_lost_error",
    "make_opener",
    "open_client",
    "open_retrier",
    "read_note",
    "read_retry_after",
    "read_source",
    "read_time",
    "show_time",
    "split_marker",
    "template_fields",
    "to_path_part",
    "to_variable_part",
    "write_note",
    "write_time",
]

# Imported when first used: httpx and tenacity take 70 ms, and `keyplan validate` imports every plugin that a manifest
# names for its OPTIONS alone.
_LAZY = MappingProxyType(
    {
        "keyplan.net.http": frozenset(
            {
                "Answer",
                "Bearer",
                "Exchange",
                "Failure",
                "check_base_url",
                "exchange",
                "make_opener",
                "open_client",
                "read_retry_after",
            }
        ),
        "keyplan.net.retry": frozenset({"Again", "Gate", "Patience", "Retrier"}),
        "keyplan.providers.answers": frozenset({"ProviderWords"}),
        "keyplan.providers.client": frozenset(
            {"IssueForm", "Probe", "ProviderClient", "ProviderReadClient", "ProviderServer"}
        ),
        "keyplan.providers.connection": frozenset({"ProviderConnection", "fetch_reader_credential"}),
        "keyplan.sinks.patience": frozenset({"explain_throttled", "open_retrier"}),
    }
)


def __getattr__(name: str) -> object:
    """Return a name of the HTTP client, of the retry law or of the client of providers."""
    for module, names in _LAZY.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
