"""One helm after the other, and the schemas of Kubernetes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chart.rendering import Helm
from chart.tools import list_programs

OLDEST, NEWEST = "1.27.0", "1.37.0"
"""What the chart asks for, and the newest that the schemas know."""


@pytest.fixture(scope="session", params=[0, 1], ids=["newest helm", "older helm"])
def helm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Return each helm that there is."""
    programs = list_programs()
    if len(programs) <= request.param:
        pytest.skip("no such helm is unpacked: run `make chart`, or name one in KEYPLAN_HELM")
    return Helm(programs[request.param], tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Return the newest helm that there is."""
    programs = list_programs()
    if not programs:
        pytest.skip("no helm is unpacked: run `make chart`, or name one in KEYPLAN_HELM")
    return Helm(programs[0], tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def judge() -> Callable[[list[dict[str, Any]]], list[str]]:
    """Return what validates documents strictly against the schemas of the oldest and the newest Kubernetes."""
    validation = pytest.importorskip("kubernetes_validate", reason="the schemas are not installed: run `make chart`")

    def find_problems(documents: list[dict[str, Any]]) -> list[str]:
        problems = []
        for document in documents:
            # Schemas of the Prometheus operator are its own.
            if document["apiVersion"].startswith("monitoring.coreos.com/"):
                continue
            for version in (OLDEST, NEWEST):
                try:
                    validation.validate(document, version, strict=True)
                except validation.ValidationError as error:
                    problems.append(f"{version} {document['kind']}: {error}")
        return problems

    return find_problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder for packages."""
    return tmp_path
