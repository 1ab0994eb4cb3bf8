"""The chart as helm renders it, and what its documents have in common."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "keyplan"
CASES = sorted(CHART.glob("ci/*-values.yaml"))
Document = dict[str, Any]


class HelmError(Exception):
    """helm refused; its words are the message."""


class Helm:
    """One helm program, with a home of its own, and without a cluster."""

    def __init__(self, program: Path, home: Path) -> None:
        self.program = program
        self.home = home
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(home / "kubeconfig")}
        # At this port nothing answers, whatever else runs on this machine.
        cluster = {"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}
        context = {"name": "none", "context": {"cluster": "none"}}
        config = {"current-context": "none", "clusters": [cluster], "contexts": [context]}
        (home / "kubeconfig").write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **config}))

    def run(self, *arguments: str | Path, folder: Path | None = None) -> str:
        """Return what it prints to stdout, started in a folder.

        Raises:
            HelmError: It ended with another status than 0.
        """
        done = subprocess.run(
            [self.program, *arguments],
            env=self._environment,
            cwd=folder or ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise HelmError(done.stderr + done.stdout)
        return done.stdout

    def write(self, values: Mapping[str, Any], number: int = 0) -> Path:
        """Return a file of values. It is JSON, since YAML libraries differ about which texts need quotes."""
        path = self.home / f"values-{number}.yaml"
        path.write_text(json.dumps(values))
        return path

    def render(self, *values: Path | Mapping[str, Any], release: str = "keyplan") -> list[Document]:
        """Return the documents of a release in the namespace keyplan; values are files, or given as they are."""
        options = list[str]()
        for number, one in enumerate(values):
            path = one if isinstance(one, Path) else self.write(one, number)
            options += ["--values", str(path)]
        text = self.run("template", release, CHART, "--namespace", "keyplan", *options)
        return [document for document in yaml.safe_load_all(text) if document]


def list_pods(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    """Yield the name of each workload, with the spec of its pods."""
    for document in documents:
        spec = document.get("spec", {})
        match document["kind"]:
            case "CronJob":
                yield document["metadata"]["name"], spec["jobTemplate"]["spec"]["template"]["spec"]
            case "Deployment":
                yield document["metadata"]["name"], spec["template"]["spec"]
            case "Pod":
                yield document["metadata"]["name"], spec


def find(documents: list[Document], kind: str, name: str, namespace: str = "keyplan") -> Document:
    """Return the one document of this kind and name."""
    (found,) = [
        document
        for document in documents
        if (document["kind"], document["metadata"]["name"], document["metadata"]["namespace"])
        == (kind, name, namespace)
    ]
    return found
