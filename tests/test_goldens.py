"""The published documents as they were first written: what reads them today must read them for ever.

A minor version adds fields: every path of a golden file is still written, with a value of the same type. A golden file
is never changed; a new minor version gets a new one, made with: python tests/test_goldens.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plans import DELETE, DONE, FAILED, FULL, IN_DOUBT, NOT_TRIED, make_plan, make_report

from keyplan.documents import plan as plan_document
from keyplan.documents import plan_set as plan_set_document
from keyplan.documents import report as report_document

FOLDER = Path(__file__).with_name("goldens")
OTHER = make_plan(DELETE, owner="search", manifest="envs/test/keys.yaml")
REPORTS = [make_report(DONE, FAILED, IN_DOUBT, NOT_TRIED, interrupted_by=15), make_report(DONE)]
DOCUMENTS = {
    "plan": plan_document.to_document(FULL),
    "plans": plan_set_document.to_documents([FULL, OTHER]),
    "report": report_document.to_document(REPORTS[0]),
    "reports": report_document.to_documents(REPORTS),
}
GOLDENS = sorted(FOLDER.glob("*.json"))


def list_paths(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each path in a document and the type of what stands there; lists by their first element."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from list_paths(inner, f"{path}.{name}")
    elif isinstance(value, list):
        yield f"{path}[]", "list"
        for number, inner in enumerate(value):
            yield from list_paths(inner, f"{path}[{number}]")
    else:
        yield path, type(value).__name__


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_version_of_today_has_a_golden_file(name: str) -> None:
    golden = FOLDER / f"{name}.{DOCUMENTS[name]['format_version']}.json"
    assert json.loads(golden.read_text()) == DOCUMENTS[name]


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.stem)
def test_nothing_that_was_ever_written_is_missing_today(golden: Path) -> None:
    written = set(list_paths(DOCUMENTS[golden.name.partition(".")[0]]))
    assert set(list_paths(json.loads(golden.read_text()))) - written == set()


@pytest.mark.parametrize("golden", sorted(FOLDER.glob("plan*.json")), ids=lambda path: path.stem)
def test_a_plan_that_was_ever_written_is_read_today(golden: Path) -> None:
    document = json.loads(golden.read_text())
    plans = plan_set_document.from_documents(document)
    assert [plan_document.digest(plan) for plan in plans] == [
        one["digest"] for one in document.get("plans", [document])
    ]


def _write() -> None:
    for name, document in DOCUMENTS.items():
        path = FOLDER / f"{name}.{document['format_version']}.json"
        path.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(_write())
