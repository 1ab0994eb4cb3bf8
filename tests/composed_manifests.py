"""Manifests that are composed of several texts, without files and without a real environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keyplan.documents.schemas import load
from keyplan.errors import InputError, ManifestError
from keyplan.manifest import PluginSchemas, Refusal, Sources, TextFile, compose_text, read, render_composed
from keyplan.model.manifest import Manifest

HEAD = """\
version: 1
owner: ml
id: k7f3a9c2
sinks: {local: {type: file, path: "secrets/{name}.env"}}
defaults: {sink: local}
"""
SINKS: Mapping[str, Mapping[str, Any]] = {
    "file": {
        "type": "object",
        "properties": {
            "path": {"type": "string", "x-access": "file"},
            "format": {"enum": ["raw", "json"]},
            "ca_file": {"type": "string", "x-access": "file"},
            "url": {"type": "string", "x-access": "url"},
            "mount": {"type": "string", "x-access": "place"},
            "labels": {"type": "object", "x-access": "none"},
            "auth": {"type": "object", "properties": {"role": {"type": "string", "x-access": "place"}}},
            "token": {"type": "object", "x-access": "secret"},
            "kubeconfig": {"type": "string", "x-access": ["file", "command"]},
            "silent": {"type": "string"},
        },
    }
}


def find_sink(kind: str) -> Mapping[str, Any]:
    """Return the options of a sink type. Raises InputError if it is unknown."""
    if kind not in SINKS:
        raise InputError(f"sink type '{kind}' is unknown; known are: file")
    return SINKS[kind]


PLUGINS = PluginSchemas(
    provider=lambda _: {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("region", "base_url", "username")},
    },
    sink=find_sink,
    ledger=lambda _: {"type": "object", "properties": {"path": {"type": "string"}}},
)


@dataclass
class Texts:
    """A manifest called keys.yaml, and all that it may be composed of."""

    manifest: str
    overlays: Mapping[str, str] = field(default_factory=dict)
    included: Mapping[str, str | Refusal] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    var_files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    refused: Sequence[str] = ()
    """Variables that a manifest may not read."""

    def read(self) -> Manifest:
        """Return the manifest. Raises ManifestError."""
        text = self.manifest.encode()
        return read(text, file="keys.yaml", schema=load("manifest.v1"), plugins=PLUGINS, sources=self._sources)

    def write(self) -> str:
        """Return the manifest written out."""
        text = self.manifest.encode()
        schema = load("manifest.v1")
        root, problems = compose_text(text, file="keys.yaml", schema=schema, plugins=PLUGINS, sources=self._sources)
        return render_composed(root, problems)

    def problems(self) -> list[str]:
        """Return every problem, with its place."""
        try:
            self.read()
        except ManifestError as error:
            return list(map(str, error.problems))
        return []

    def addresses(self) -> list[str]:
        """Return the addresses of the declarations, in order."""
        return [declared.address for declared in self.read().keys]

    @property
    def _sources(self) -> Sources:
        return Sources(
            overlays=_list_files(self.overlays),
            variables=self.variables,
            var_files=_list_files(self.var_files),
            environment=self.environment,
            include=self._include,
            judge_variable=lambda name: Refusal(message=f"no {name}") if name in self.refused else None,
        )

    def _include(self, _file: str, path: str) -> TextFile | Refusal:
        found = self.included.get(path, Refusal(message=f"no file {path}", rule="include"))
        return found if isinstance(found, Refusal) else TextFile(name=path, content=found.encode())


def _list_files(texts: Mapping[str, str]) -> tuple[TextFile, ...]:
    return tuple(TextFile(name=name, content=text.encode()) for name, text in texts.items())
