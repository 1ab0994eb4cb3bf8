"""The rules of the source tree hold, and each of them notices a planted violation.

A rule of `tests/house` takes a tree and yields violations. It runs here on the real tree, where it finds nothing, and
on one with a planted file, where it finds exactly that. `tests/house/contracts.py` does the same with import contracts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from house import imports, network, references, secrecy, shape, texts
from house.contracts import find_broken_contracts, read_contracts
from house.debts import DEBTS
from house.tree import ROOT, Tree, Violation

Rule = Callable[[Tree], Iterator[Violation]]

DOCSTRING = '"""A planted module."""\n'
LINES = "# A line.\n" * shape.SMALLEST


def find_unlisted_siblings(tree: Tree) -> Iterator[Violation]:
    """Yield what a contract of independence should list and does not."""
    listed = frozenset(read_contracts()["sinks"]["modules"])
    return imports.find_unlisted_siblings(tree, {"keyplan.sinks": listed})


RULES: tuple[Rule, ...] = (
    imports.find_third_party_imports,
    imports.find_standard_library_imports,
    imports.find_impure_calls,
    find_unlisted_siblings,
    network.find_unlisted_clients,
    network.find_clients_without_environment,
    secrecy.find_reveals,
    shape.find_sizes,
    shape.find_names_in_ing,
    shape.find_class_names,
    shape.find_functions,
    shape.find_stray_tests,
    references.find_dangling_references,
    texts.find_second_words,
)

PLANTED: dict[str, tuple[Rule, str, str, str]] = {
    "an app module prints with click": (
        imports.find_third_party_imports,
        "keyplan/app/planted.py",
        "import click\n",
        "keyplan.app may not import click",
    ),
    "a renderer imports a library lazily": (
        imports.find_third_party_imports,
        "keyplan/renderers/text/planted.py",
        "def load():\n    from jinja2 import Template\n    return Template\n",
        "keyplan.renderers may not import jinja2",
    ),
    "a sink imports another sink's client by name": (
        imports.find_third_party_imports,
        "keyplan/sinks/vault/planted.py",
        'boto3 = require("boto3.session", extra="vault")\n',
        "keyplan.sinks may not import boto3",
    ),
    "the planner speaks HTTP": (
        imports.find_standard_library_imports,
        "keyplan/planner/planted.py",
        "from http.client import HTTPSConnection\n",
        "keyplan.planner may not import http.client.HTTPSConnection",
    ),
    "the applier opens a database": (
        imports.find_standard_library_imports,
        "keyplan/applier/planted.py",
        "import sqlite3\n",
        "keyplan.applier may not import sqlite3",
    ),
    "a sink runs a program by itself": (
        imports.find_standard_library_imports,
        "keyplan/sinks/sops/planted.py",
        "import subprocess\n",
        "subprocess is for keyplan.system alone",
    ),
    "the planner reads the clock": (
        imports.find_impure_calls,
        "keyplan/planner/planted.py",
        "from datetime import UTC, datetime\nNOW = datetime.now(UTC)\n",
        "datetime.now() reads the clock",
    ),
    "a renderer opens a file": (
        imports.find_impure_calls,
        "keyplan/renderers/text/planted.py",
        'TEXT = open("template.txt").read()\n',
        "open() opens a file",
    ),
    "a new sink is in no contract": (
        find_unlisted_siblings,
        "keyplan/sinks/planted/sink.py",
        DOCSTRING,
        "keyplan.sinks.planted is in no contract of independence",
    ),
    "a sink speaks HTTP by a library of its own": (
        network.find_unlisted_clients,
        "keyplan/sinks/vault/planted.py",
        "def load():\n    import urllib3\n    return urllib3.PoolManager()\n",
        "urllib3 sends requests, and is for listed modules alone",
    ),
    "a sink makes a client of its own": (
        network.find_unlisted_clients,
        "keyplan/sinks/forge.py",
        f"import httpx\n{LINES}CLIENT = httpx.Client()\n",
        "httpx.Client() finds proxies or certificates by itself",
    ),
    "a sink trusts by itself": (
        network.find_unlisted_clients,
        "keyplan/sinks/vault/planted.py",
        "import ssl\nCONTEXT = ssl.create_default_context()\n",
        "ssl.create_default_context() finds proxies or certificates by itself",
    ),
    "a sink opens a client without the environment": (
        network.find_clients_without_environment,
        "keyplan/sinks/planted.py",
        "from keyplan.net.http import make_opener\nCLIENT = make_opener(URL)()\n",
        "make_opener() is not given the environment",
    ),
    "a raw key gets a name": (
        secrecy.find_reveals,
        "keyplan/sinks/planted.py",
        "def leak(raw):\n    text = raw.reveal()\n    return f'{text}'\n",
        "a revealed secret is something else than the argument of a call",
    ),
    "a raw key gets a name in the applier": (
        secrecy.find_reveals,
        "keyplan/applier/planted.py",
        "def leak(raw):\n    text = raw.reveal()\n    return f'{text}'\n",
        "a revealed secret is something else than the argument of a call",
    ),
    "a raw key is formatted": (
        secrecy.find_reveals,
        "keyplan/sinks/planted.py",
        "def leak(raw):\n    return f'export KEY={raw.reveal()}'\n",
        "a revealed secret is something else than the argument of a call",
    ),
    "a raw key is taken apart": (
        secrecy.find_reveals,
        "keyplan/sinks/planted.py",
        "def leak(raw):\n    return store(raw.reveal().strip())\n",
        "a revealed secret is something else than the argument of a call",
    ),
    "a raw key is turned into text": (
        secrecy.find_reveals,
        "keyplan/sinks/planted.py",
        "def leak(raw):\n    return str(raw.reveal())\n",
        "a revealed secret is given to str()",
    ),
    "a raw key is logged": (
        secrecy.find_reveals,
        "keyplan/sinks/planted.py",
        "def leak(raw):\n    logger.debug('stored %s', raw.reveal())\n",
        "a revealed secret is given to debug()",
    ),
    "a raw key is revealed by name": (
        secrecy.find_reveals,
        "keyplan/sinks/planted.py",
        "def leak(raw):\n    return getattr(raw, 'reveal')()\n",
        "`reveal` is called by name",
    ),
    "the method itself is passed on": (
        secrecy.find_reveals,
        "keyplan/sinks/planted.py",
        "def leak(raw):\n    return deliver(raw.reveal)\n",
        "`reveal` is passed on without a call",
    ),
    "the planner reveals something": (
        secrecy.find_reveals,
        "keyplan/planner/planted.py",
        "def leak(raw):\n    return store(raw.reveal())\n",
        "no secret is revealed in this file",
    ),
    "a module is one function of its neighbour": (
        shape.find_sizes,
        "keyplan/planner/planted.py",
        DOCSTRING,
        "1 lines; 40 are the least",
    ),
    "a module is two things": (
        shape.find_sizes,
        "keyplan/planner/planted.py",
        "# A line.\n" * (shape.LARGEST + 1),
        "401 lines; 400 are the most",
    ),
    "a module is named for what it does": (
        shape.find_names_in_ing,
        "keyplan/planner/deciding.py",
        LINES,
        "a module is named by a noun, not in -ing",
    ),
    "a package is named for what it does": (
        shape.find_names_in_ing,
        "keyplan/planning/__init__.py",
        DOCSTRING,
        "a module is named by a noun, not in -ing",
    ),
    "two modules have a class of one name": (
        shape.find_class_names,
        "keyplan/renderers/text/planted.py",
        "class Receipt: ...\n",
        "class Receipt is in keyplan/renderers/text/planted.py, too",
    ),
    "a function takes too much": (
        shape.find_functions,
        "keyplan/planner/planted.py",
        "class Planted:\n    def take(self, a, b, c, /, d, *, e, f, g): ...\n",
        "take has 7 parameters",
    ),
    "a function is too long": (
        shape.find_functions,
        "keyplan/planner/planted.py",
        "async def run():\n" + "    await step()\n" * shape.LONGEST_FUNCTION,
        "run has 41 lines",
    ),
    "a test mirrors no module": (
        shape.find_stray_tests,
        "tests/planner/test_planted.py",
        DOCSTRING,
        "keyplan/planner has no module that this file is named after",
    ),
    "a comment names a module that was renamed": (
        references.find_dangling_references,
        "keyplan/planner/planted.py",
        "# As planner/ageing.py has it.\n",
        "there is no planner/ageing.py",
    ),
    "a docstring names a document that never was": (
        references.find_dangling_references,
        "keyplan/planner/planted.py",
        '"""See docs/planning-table.md."""\n',
        "there is no docs/planning-table.md",
    ),
    "a comment names a decision that was not made": (
        references.find_dangling_references,
        "keyplan/planner/planted.py",
        "# docs/decisions/0999 says why.\n",
        "there is no decision 0999",
    ),
    "a document links to a document that was moved": (
        references.find_dangling_references,
        "docs/planted.md",
        "See [the table](plan-table.md#rows).\n",
        "there is nothing at plan-table.md",
    ),
    "a document names a test that was moved": (
        references.find_dangling_references,
        "docs/planted.md",
        "`tests/planner/test_deciding.py` holds it.\n",
        "there is no tests/planner/test_deciding.py",
    ),
    "a comment cites a document that is not in the repository": (
        references.find_dangling_references,
        "keyplan/planner/planted.py",
        "# DES" + "IGN section 6.\n",
        "DES" + "IGN is not in the repository",
    ),
    "a format has words of its own for a verb": (
        texts.find_second_words,
        "keyplan/renderers/text/planted.py",
        'PAST = {Verb.CREATE: ("made", Tone.ADD), Verb.KEEP: Tone.FAINT}\n',
        "a text for Verb.CREATE is not in keyplan/renderers/words.py",
    ),
    "a format lists its words in pairs": (
        texts.find_second_words,
        "keyplan/renderers/html/planted.py",
        'TILES = ((Happening.EXPIRES, "ends"),)\n',
        "a text for Happening.EXPIRES is not in keyplan/renderers/words.py",
    ),
}
"""What is planted: the rule, path and text of a file, and the one problem that the rule finds in it."""

IMPORTED: dict[str, tuple[str, str, set[str]]] = {
    "the model imports the planner": ("keyplan.model.plan", "keyplan.planner.rules", {"layers", "cycles"}),
    "the planner imports the applier": ("keyplan.planner.planted", "keyplan.applier.apply", {"layers"}),
    "a room has no layer": ("keyplan.planted.module", "keyplan.errors", {"layers"}),
    "two modules import each other": ("keyplan.planner.diff", "keyplan.planner.plan", {"cycles"}),
    "vault imports the file sink": ("keyplan.sinks.vault.planted", "keyplan.sinks.file", {"sinks"}),
    "a provider imports another": ("keyplan.providers.other", "keyplan.providers.arize.reader", {"providers"}),
    "a ledger imports another": ("keyplan.ledgers.postgres.ledger", "keyplan.ledgers.sqlite.ledger", {"ledgers"}),
    "a metric imports a sheet": ("keyplan.renderers.machine.planted", "keyplan.renderers.ci.sarif", {"renderers"}),
    "a command imports another": ("keyplan.cli.commands.planted", "keyplan.cli.commands.plan", {"commands"}),
    "the planner speaks HTTP": ("keyplan.planner.planted", "http", {"pure"}),
    "a renderer reads the environment": ("keyplan.renderers.text.planted", "os", {"pure"}),
    "the applier opens a database": ("keyplan.applier.planted", "sqlite3", {"applier", "databases"}),
    "a renderer retries": (
        "keyplan.renderers.text.planted",
        "keyplan.net.retry",
        {"adapters-for-net-and-system"},
    ),
    "the command line reads files by itself": (
        "keyplan.cli.planted",
        "keyplan.system.files",
        {"adapters-for-net-and-system"},
    ),
    "the sandbox borrows a model": ("keyplan.sandbox.planted", "keyplan.model.times", {"sandbox-stands-alone"}),
    "a renderer imports the sandbox": ("keyplan.renderers.text.planted", "keyplan.sandbox.server", {"sandbox-for-cli"}),
    "a simulated sink writes a file": ("keyplan.simulated.planted", "os", {"simulated-in-memory"}),
    "a command runs the simulation": ("keyplan.cli.planted", "keyplan.simulated.sink", {"simulated-for-app"}),
    "the application echoes": ("keyplan.app.planted", "click", {"terminal"}),
    "a document is fetched": ("keyplan.documents.planted", "httpx", {"http"}),
    "a document is YAML": ("keyplan.documents.planted", "yaml", {"yaml"}),
    "a sink tries again by itself": ("keyplan.sinks.vault.planted", "tenacity", {"retry"}),
    "a sink keeps a database": ("keyplan.sinks.vault.planted", "sqlite3", {"databases"}),
    "the application asks a database itself": ("keyplan.app.planted", "psycopg", {"postgresql"}),
    "the planner matches a pattern itself": ("keyplan.planner.planted", "re2", {"patterns"}),
    "a sink runs a program by itself": ("keyplan.sinks.sops.planted", "subprocess", {"programs"}),
    "a command uses what plugin authors get": ("keyplan.cli.planted", "keyplan.plugin", {"plugin-for-others"}),
    "a contract suite looks inside": ("keyplan.testing.planted", "keyplan.sinks.engine", {"testing-as-authors"}),
    "a sink serves": ("keyplan.sinks.vault.planted", "starlette", {"servers"}),
}
"""An import that is planted, and the ids of the contracts that it breaks."""

TREE = Tree.read()


@cache
def apply(rule: Rule) -> frozenset[Violation]:
    """Return what a rule finds in the real tree."""
    return frozenset(rule(TREE))


@cache
def broken_contracts() -> set[str]:
    """Return the ids of the contracts that the real tree breaks."""
    return find_broken_contracts()


def name_rule(rule: Rule) -> str:
    """Return a rule's name without its verb."""
    return rule.__name__.removeprefix("find_").replace("_", " ")


@pytest.mark.parametrize("rule", RULES, ids=name_rule)
def test_the_source_tree_keeps_every_rule(rule: Rule) -> None:
    owed = DEBTS.get(rule.__name__, frozenset())
    assert sorted(str(found) for found in apply(rule) if found.path not in owed) == []


@pytest.mark.parametrize(("rule", "path", "text", "problem"), PLANTED.values(), ids=PLANTED)
def test_a_rule_finds_exactly_what_is_planted(rule: Rule, path: str, text: str, problem: str) -> None:
    found = set(rule(TREE.plant(path, text))) - apply(rule)
    assert [violation.problem for violation in found] == [problem]


def test_every_rule_is_proven() -> None:
    assert {rule for rule, *_ in PLANTED.values()} == set(RULES)


def test_the_source_tree_keeps_every_contract() -> None:
    assert broken_contracts() == set()


@pytest.mark.parametrize(("importer", "imported", "broken"), IMPORTED.values(), ids=IMPORTED)
def test_a_contract_is_broken_by_a_planted_import(importer: str, imported: str, broken: set[str]) -> None:
    assert find_broken_contracts([(importer, imported)]) - broken_contracts() == broken


def test_every_contract_is_proven() -> None:
    assert set[str]().union(*(broken for *_, broken in IMPORTED.values())) == set(read_contracts())


def test_the_linter_itself_finds_planted_files(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "keyplan", tmp_path / "keyplan", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "keyplan/renderers/text/planted.py").write_text("from keyplan.sandbox.server import Sandbox\n")
    (tmp_path / "keyplan/sinks/vault/planted.py").write_text("import keyplan.sinks.file\n")
    (tmp_path / "keyplan/applier/planted.py").write_text("def record():\n    import sqlite3\n    return sqlite3\n")
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    # Found there, not where it is installed.
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
    linted = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    contracts = read_contracts()
    expected = {"sandbox-for-cli", "sinks", "applier", "databases"} | broken_contracts()
    broken = {name for name, options in contracts.items() if f"{options['name']} BROKEN" in linted.stdout}
    assert (linted.returncode, broken) == (1, expected), linted.stdout
