"""The sink `kubernetes`: raw keys as entries of Secrets, receipts and intents as their annotations.

With `write_only` no raw key is ever asked for: field managers then show what was changed by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.identity import Lineage
from keyplan.model.manifest import SinkSettings
from keyplan.model.observation import Abilities
from keyplan.ports import Sink
from keyplan.sinks.answers import CEILING, read_max_keys
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.kubernetes.client import KubeApi
from keyplan.sinks.kubernetes.config import find_connection
from keyplan.sinks.kubernetes.places import DEFAULT_ENTRY, FIXED, fill_slot
from keyplan.sinks.kubernetes.store import KubernetesSecrets
from keyplan.sinks.kubernetes.tls import open_http
from keyplan.sinks.options import PATIENCE, TEMPLATE, build_schema
from keyplan.sinks.patience import open_retrier
from keyplan.sinks.places import SinkPlaces
from keyplan.sinks.value_store import Seals

_METADATA_NAME: Mapping[str, Any] = {
    # kubernetes.io/docs, "Labels and Selectors", "Syntax and character set"; without keyplan's own names.
    "pattern": r"^(?!keyplan/|app\.kubernetes\.io/managed-by$)"
    r"([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
    "errorMessage": "must be a name as Kubernetes takes it, such as example.com/team, and none of keyplan's own "
    "(keyplan/..., app.kubernetes.io/managed-by)",
}

OPTIONS: Mapping[str, Any] = build_schema(
    "Writes each raw key into an entry of a Secret in Kubernetes.",
    {
        "namespace": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Of the Secrets; without it, that of the context, or of the pod.",
            "examples": ["payments"],
            "x-access": "host",
        },
        "name": {
            "type": "string",
            "minLength": 1,
            "description": f"{TEMPLATE}: the Secret's name.",
            "examples": ["arize-{name}"],
            "x-access": "place",
        },
        "entry": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_ENTRY,
            "description": f"{TEMPLATE}: the name under the Secret's data. Others stay as they are.",
            "x-access": "place",
        },
        "labels": {
            "type": ["object", "null"],
            "propertyNames": _METADATA_NAME,
            "additionalProperties": {
                "type": "string",
                "pattern": r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$",
                "errorMessage": "must be at most 63 letters, digits, '-', '_' and '.', a letter or digit at both ends",
            },
            "description": "Of the Secret, beside keyplan's own. Those of others stay as they are.",
            "examples": [{"team": "payments"}],
            "x-access": "none",
        },
        "annotations": {
            "type": ["object", "null"],
            "propertyNames": _METADATA_NAME,
            "additionalProperties": {"type": "string"},
            "description": "Of the Secret, beside keyplan's own. Those of others stay as they are.",
            "examples": [{"reloader.stakater.com/match": "true"}],
            "x-access": "none",
        },
        "context": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Of the kubeconfig; else its current.",
            "examples": ["production"],
            "x-access": "profile",
        },
        "kubeconfig": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Path; else KUBECONFIG, ~/.kube/config, and in a pod its service account.",
            "examples": ["~/.kube/config"],
            "x-access": ["file", "command"],
        },
        "write_only": {
            "type": "boolean",
            "default": False,
            "description": "Whether keyplan never reads values; field managers then show what was changed by hand.",
        },
        **PATIENCE,
        **CEILING,
    },
    required=["name"],
)


def _check(settings: SinkSettings) -> None:
    """Raise InputError for options that don't fit together."""
    if settings.options.get("copy_from") and settings.options.get("write_only"):
        raise InputError(f"sink '{settings.name}': a sink with 'write_only: true' can't be copied from")


PLACES = SinkPlaces(
    # The kubeconfig alone knows its context's namespace; any name will do that no delivery names.
    fill_slot=partial(fill_slot, namespace="namespace-of-the-context"),
    fixed=FIXED,
    store=("context", "kubeconfig"),
    check=_check,
)


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent yet. Raises InputError if there is no kubeconfig that can be used."""
    _check(settings)
    connection = find_connection(settings.options, context)
    api = KubeApi(
        connection,
        open_http=open_http,
        retrier=open_retrier(settings.options, context, name=settings.name),
        metadata_only=bool(settings.options.get("write_only")),
        max_keys=read_max_keys(settings.options),
    )
    return build_on(settings, api, lineage=context.lineage, namespace=connection.namespace)


def build_on(settings: SinkSettings, api: KubeApi, *, lineage: Lineage, namespace: str) -> SinkEngine:
    """Return the sink on a client, with the namespace of slots that name none."""
    return SinkEngine(
        settings,
        lineage=lineage,
        store=KubernetesSecrets(api, owner=lineage.identity.owner),
        kind=SinkKind(
            fill_slot=partial(fill_slot, namespace=namespace),
            abilities=Abilities(holds_receipts=True, readable=not settings.options.get("write_only"), compares=True),
            fixed=FIXED,
            seals=Seals.CHANGE,
            give_way=api.give_way,
        ),
    )
