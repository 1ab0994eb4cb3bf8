"""Every problem has a stable rule for programs, beside its words for people."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from samples import make_problem

from keyplan.documents.schemas import load
from keyplan.errors import ManifestError, Problem
from keyplan.manifest import PluginSchemas, read_with_problems
from keyplan.model.manifest import Manifest

Survey = Callable[[str], tuple[Manifest, tuple[Problem, ...]]]

HEAD = "version: 1\nowner: ml\nsinks: {local: {type: file}}\nkeys:\n"
SOUND = "  - {name: a, key_type: user, sink: local}\n"


@pytest.fixture(scope="module")
def look() -> Survey:
    """Return what surveys a manifest whose plugins take anything."""
    plugins = PluginSchemas(provider=lambda _: {}, sink=lambda _: {}, ledger=lambda _: {})
    schema = load("manifest.v1")
    return lambda text: read_with_problems(text.encode(), file="keys.yaml", schema=schema, plugins=plugins)


def rules_in(look: Survey, text: str) -> list[str]:
    try:
        return [problem.rule for problem in look(text)[1]]
    except ManifestError as error:
        return [problem.rule for problem in error.problems]


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        pytest.param("  - [", "yaml", id="no YAML"),
        pytest.param("  - !x {name: a, key_type: user, sink: local}", "yaml", id="a tag"),
        pytest.param("  - {name: 3, key_type: user, sink: local}", "schema", id="another type"),
        pytest.param("  - {name: a, name: b, key_type: user, sink: local}", "duplicate", id="a field given twice"),
        pytest.param(SOUND + SOUND, "duplicate", id="an address declared twice"),
        pytest.param("  - {name: a, key_type: user, sink: [local, local]}", "duplicate", id="a sink named twice"),
        pytest.param("  - {name: a, key_type: user}", "missing", id="no sink"),
        pytest.param("  - {name: a, sink: local}", "missing", id="no type"),
        pytest.param("  - {name: a, key_type: service, sink: local}", "missing", id="no space"),
        pytest.param("  - {name: a, key_type: user, sink: vault}", "unknown_sink", id="a sink that nobody declared"),
        pytest.param(f"  - {{name: a, key_type: user, sink: local}} # ghp_{'a1' * 16}", "secret", id="a secret"),
        pytest.param("  - {name: a, key_type: user, sink: local, space: x}", "invalid", id="anything else"),
    ],
)
def test_a_problem_has_a_rule(keys: str, rule: str, look: Survey) -> None:
    assert rules_in(look, f"{HEAD}{keys}\n") == [f"manifest/{rule}"]


def test_a_problem_reads_as_compilers_write_them() -> None:
    assert str(make_problem("it is wrong", line=3, column=7)) == "keys.yaml:3:7: it is wrong"
    problem = make_problem("it never ends", subject="user/ci", advice="set expires_in")
    assert str(problem) == "keys.yaml:1:1: user/ci: it never ends; set expires_in"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("  - {name: b, key_type: usr, sink: local}", id="a field that the schema refuses"),
        pytest.param("  - {name: b, key_type: user, sink: vault}", id="an unknown sink"),
        pytest.param("  - {name: b, key_type: user, sink: local, expires_in: 0d}", id="a field without meaning"),
        pytest.param("  - {name: a, key_type: user, sink: local}", id="an address that is taken"),
        pytest.param("  - text", id="no mapping"),
    ],
)
def test_declarations_with_a_problem_are_left_out_and_the_sound_ones_stay(other: str, look: Survey) -> None:
    manifest, problems = look(f"{HEAD}{SOUND}{other}\n")
    assert (len(manifest.keys), len(problems)) == (1, 1)


@pytest.mark.parametrize("defaults", ["{sink: local, expires_in: 0d}", "{sink: nowhere}"])
def test_the_same_problem_of_the_defaults_makes_every_declaration_unsound(defaults: str, look: Survey) -> None:
    text = HEAD.replace("keys:", f"defaults: {defaults}\nkeys:")
    manifest, problems = look(f"{text}  - {{name: a, key_type: user}}\n  - {{name: b, key_type: user}}\n")
    assert (len(manifest.keys), len(problems)) == (0, 1)


@pytest.mark.parametrize("line", ["defaults: {expires_in: x}", "sinks: {local: {type: 7}}"])
def test_nothing_is_sound_on_defaults_or_sinks_that_the_schema_refuses(line: str, look: Survey) -> None:
    manifest, problems = look(f"version: 1\nowner: ml\n{line}\nkeys:\n{SOUND}")
    assert manifest.keys == ()
    assert problems
