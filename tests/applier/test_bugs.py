"""What may be shown of an exception that nobody foresaw."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from keyplan.applier.bugs import describe_bug
from keyplan.errors import BugError
from keyplan.model.times import write_duration

SECRET = "canary-in-the-words-of-an-exception"
PLUGIN = """
import json
from keyplan.model.times import write_duration

def build():
    raise TypeError("%s")

def call_a_library():
    json.loads("{%s")

def call_keyplan():
    write_duration(None)
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return the module of an installed package that offers a sink."""
    (tmp_path / "acme_sink.py").write_text(PLUGIN.replace("%s", SECRET))
    metadata = tmp_path / "keyplan_acme-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: keyplan-acme\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[keyplan.sinks]\nacme = acme_sink\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("acme_sink")
    monkeypatch.delitem(importlib.import_module("sys").modules, "acme_sink")
    return module


def bug_of(function: object, *arguments: object) -> BugError:
    try:
        function(*arguments)  # type: ignore[operator]  # a function of a module that mypy does not know
    except Exception as error:  # noqa: BLE001 - as the command line catches it
        return describe_bug(error)
    raise AssertionError


def test_a_plugins_bug_is_called_one_of_its_package(plugin: object) -> None:
    bug = bug_of(plugin.build)  # type: ignore[attr-defined]  # a module that mypy does not know
    assert bug.message.startswith("this is a bug in keyplan-acme: TypeError at ")
    assert bug.advice == "please report it to the authors of keyplan-acme; KEYPLAN_DEBUG=1 shows the way to it"


def test_a_library_that_raises_was_called_wrongly_by_the_plugin(plugin: object) -> None:
    bug = bug_of(plugin.call_a_library)  # type: ignore[attr-defined]  # as above
    assert bug.message.startswith("this is a bug in keyplan-acme: JSONDecodeError at ")


def test_a_bug_inside_keyplan_is_keyplans_though_a_plugin_called_it(plugin: object) -> None:
    bug = bug_of(plugin.call_keyplan)  # type: ignore[attr-defined]  # as above
    assert bug.message.startswith("this is a bug in keyplan: ")


def test_a_bug_that_no_plugin_has_is_keyplans() -> None:
    bug = bug_of(write_duration, None)
    assert bug.message.startswith("this is a bug in keyplan: ")
    assert bug.advice == "please report it; KEYPLAN_DEBUG=1 shows the way to it"


def test_the_way_to_a_bug_names_calls_and_no_words(plugin: object) -> None:
    bug = bug_of(plugin.build)  # type: ignore[attr-defined]  # as above
    assert bug.trace.splitlines()[-2].endswith(" in build")
    assert bug.trace.splitlines()[-1] == "TypeError"
    assert SECRET not in f"{bug} {bug.advice} {bug.trace}"


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    assert describe_bug(TypeError(SECRET)).message == "this is a bug in keyplan: TypeError"
