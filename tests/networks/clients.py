"""Runs in an environment with the installed wheel: sends one request of a client for each line of standard input.

A line is a cell as JSON: client, URL, environment, and a folder with what the client needs. The answer is a line as
well: the error that a user would read, empty if there was none.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from keyplan.errors import KeyplanError
from keyplan.model.notice import Mood, Notice
from keyplan.model.secret import Credential
from keyplan.net.http import open_client
from keyplan.notify import open_notifier
from keyplan.notify.targets import NotifyTarget, Shape
from keyplan.providers.arize.factory import open_provider
from keyplan.testing.samples import (
    OWNER,
    SimulatedClock,
    make_context,
    make_declaration,
    make_delivery,
    make_provider_settings,
    make_sink_settings,
)

Cell = Mapping[str, Any]


def ask_arize(cell: Cell) -> None:
    """List keys."""
    settings = make_provider_settings({"base_url": cell["url"], "api": cell["api"]}, provider_type="arize")
    ports = open_provider(settings, make_context(cell["folder"], cell["environment"]), transport=None)
    try:
        ports.reader.list_keys([])
    finally:
        ports.close()


def ask_webhook(cell: Cell) -> None:
    """Send a notice."""
    target = NotifyTarget(shape=Shape.JSON, name=cell["url"], url=Credential(cell["url"]))
    notifier = open_notifier(
        target,
        clock=SimulatedClock(),
        jitter=lambda limit: limit,
        client=lambda: open_client(environment=cell["environment"]),
    )
    notifier.notify(Notice(title="title", text="", mood=Mood.CALM, document={}, slack={}))


def ask_sink(cell: Cell) -> None:
    """Look at a place."""
    (found,) = entry_points(group="keyplan.sinks", name=cell["client"])
    settings = make_sink_settings(SINKS[cell["client"]](cell), sink_type=cell["client"])
    sink = found.load().build(settings, make_context(cell["folder"], cell["environment"]))
    sink.inspect([sink.locate(OWNER, make_declaration("ci"), make_delivery())])


def with_ca(cell: Cell, option: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return options with the sink's own bundle, if the cell has one."""
    return {**options, option: cell["ca_file"]} if cell["ca_file"] else options


SINKS: Mapping[str, Callable[[Cell], dict[str, Any]]] = {
    "vault": lambda cell: with_ca(cell, "ca_file", {"address": cell["url"], "path": "arize/{name}"}),
    "kubernetes": lambda cell: {"kubeconfig": cell["kubeconfig"], "name": "keys"},
    "github-actions": lambda cell: {"repository": "acme/app", "api_url": cell["url"], "token": {"env": "TOKEN"}},
    "gitlab-ci": lambda cell: {"project": "acme/app", "url": cell["url"], "token": {"env": "TOKEN"}},
    "aws-ssm": lambda cell: {"endpoint_url": cell["url"], "region": "eu-west-1", "name": "/arize/{name}"},
    "aws-secrets-manager": lambda cell: {"endpoint_url": cell["url"], "region": "eu-west-1", "name": "arize/{name}"},
    "gcp-secret-manager": lambda cell: {"endpoint": cell["url"], "project": "acme-prod", "name": "arize-{name}"},
    "azure-key-vault": lambda cell: with_ca(cell, "ca_file", {"vault_url": cell["url"], "name": "ci"}),
}
ASK: Mapping[str, Callable[[Cell], None]] = {"arize": ask_arize, "webhook": ask_webhook}


def main() -> None:
    """Answer every line."""
    kept = dict(os.environ)
    for line in sys.stdin:
        cell = json.loads(line)
        # Some SDKs read the process's environment.
        os.environ.clear()
        os.environ.update(kept | cell["environment"])
        try:
            ASK.get(cell["client"], ask_sink)(cell)
            said = ""
        except KeyplanError as error:
            said = f"{error.message} -- {error.advice}"
        except Exception as error:  # noqa: BLE001 - the table of the run shows it
            said = f"BUG {type(error).__name__}: {error}"
        sys.stdout.write(f"{json.dumps(said)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
