"""The plugin `arize`: its options, and how reader and writer are put together.

In: the manifest's provider settings and the surroundings. Out: both doors to one account. Nothing is
sent and no credential is fetched before the first call.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import httpx

from keyplan.adapters.http import open_client
from keyplan.adapters.providers.arize.client import Client
from keyplan.adapters.providers.arize.detecting import Detector, choose_dialect
from keyplan.adapters.providers.arize.locating import REGION_PATTERN, locate
from keyplan.adapters.providers.arize.parsing import Notices
from keyplan.adapters.providers.arize.reading import ArizeReader
from keyplan.adapters.providers.arize.writing import ArizeWriter
from keyplan.adapters.retrying import Gate, Patience, Retrier
from keyplan.adapters.surroundings import Surroundings
from keyplan.model.manifest import Json, ProviderSettings
from keyplan.ports import ProviderPorts

OPTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "region": {
            "type": "string",
            "pattern": REGION_PATTERN,
            "description": "Region of the account, such as eu-west-1a; excludes base_url.",
        },
        "base_url": {
            "type": "string",
            "format": "uri",
            "description": "Where the API is; default https://api.arize.com. Plain http for this machine only.",
        },
        "api": {
            "enum": ["auto", "alpha", "beta"],
            "default": "auto",
            "description": "Generation of the API; auto asks the beta way first.",
        },
        "patience_seconds": {
            "type": "integer",
            "minimum": 1,
            "maximum": 3600,
            "default": 120,
            "description": "How long a request is repeated while the API asks for less, or cannot be reached.",
        },
    },
}


def build(
    settings: ProviderSettings, surroundings: Surroundings, *, transport: httpx.BaseTransport | None = None
) -> ProviderPorts:
    """Return reader and writer of one account; they share connections, retry law and dialect.

    Raises InputError where an option or a variable of the environment cannot be used.
    """
    base_url = locate(settings.options, surroundings.environment)
    chosen = choose_dialect(settings.options)
    client = Client(
        http=open_client(transport=transport, ca_file=surroundings.environment.get("ARIZE_SSL_CA_CERT", "")),
        base_url=base_url,
        fetch_credential=lambda: surroundings.resolve(settings.credential),
        retrier=Retrier(
            clock=surroundings.clock,
            jitter=surroundings.jitter,
            gate=Gate(surroundings.clock),
            patience=_read_patience(settings.options),
        ),
    )
    notices = Notices(surroundings.say)
    detector = Detector(client, notices, chosen)
    return ProviderPorts(
        reader=ArizeReader(client, detector, notices),
        writer=ArizeWriter(client, detector, notices),
        close=client.close,
    )


def _read_patience(options: Mapping[str, Json]) -> Patience:
    seconds = options.get("patience_seconds")
    return Patience(deadline=timedelta(seconds=seconds)) if isinstance(seconds, int) else Patience()
