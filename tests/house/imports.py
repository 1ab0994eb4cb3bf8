"""What each package may import from outside: the tables, and the rules that hold them.

import-linter forbids named modules and can't allow them by name, so the lists of what is allowed are here. The longest
entry that a module's name begins with is its own.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping

from house.tree import Tree, Violation

THIRD_PARTY: Mapping[str, frozenset[str]] = {
    "keyplan": frozenset(),
    "keyplan.app.pages": frozenset({"htpy"}),
    "keyplan.cli": frozenset({"click", "rich"}),
    "keyplan.ledgers.postgres": frozenset({"psycopg"}),
    "keyplan.ledgers.s3": frozenset({"boto3", "botocore"}),
    "keyplan.manifest": frozenset({"jsonschema", "yaml"}),
    "keyplan.manifest.layout": frozenset({"ruamel"}),
    "keyplan.model.patterns": frozenset({"re2"}),
    "keyplan.net": frozenset(
        {"botocore", "certifi", "httpcore", "httpx", "requests", "tenacity", "truststore", "urllib3"}
    ),
    "keyplan.net.report_signatures": frozenset({"cryptography"}),
    "keyplan.notify": frozenset({"apprise", "httpx"}),
    "keyplan.providers": frozenset({"httpx"}),
    "keyplan.renderers.html": frozenset({"htpy", "markupsafe"}),
    "keyplan.renderers.text": frozenset({"deepdiff"}),
    "keyplan.sandbox": frozenset({"starlette", "uvicorn"}),
    "keyplan.sinks.age": frozenset({"pyrage"}),
    "keyplan.sinks.aws": frozenset({"boto3", "botocore"}),
    "keyplan.sinks.azure": frozenset({"azure"}),
    "keyplan.sinks.forge": frozenset({"httpx"}),
    "keyplan.sinks.gcp": frozenset({"google", "google_crc32c", "requests"}),
    "keyplan.sinks.github": frozenset({"nacl"}),
    "keyplan.sinks.keyring": frozenset({"keyring"}),
    "keyplan.sinks.kubernetes": frozenset({"httpx", "jsonschema", "yaml"}),
    "keyplan.sinks.sops": frozenset({"yaml"}),
    "keyplan.sinks.vault": frozenset({"hvac", "requests"}),
    "keyplan.testing": frozenset({"pytest"}),
}
"""Packages of others, by the first part of their name."""

_VALUES = frozenset(
    [
        "__future__",
        "abc",
        "collections",
        "dataclasses",
        "datetime",
        "enum",
        "functools",
        "itertools",
        "operator",
        "re",
        "types",
        "typing",
    ]
)
STANDARD_LIBRARY: Mapping[str, frozenset[str]] = {
    "keyplan.errors": _VALUES,
    "keyplan.model": _VALUES | {"difflib", "fnmatch", "hashlib", "hmac", "json", "sys.intern", "unicodedata"},
    # The mask knows every encoding in which a secret may be repeated.
    "keyplan.model.mask": _VALUES | {"bisect.bisect_left", "contextlib.contextmanager", "json"},
    "keyplan.model.leak_report": _VALUES | {"contextlib.contextmanager"},
    "keyplan.model.leaked_text": _VALUES | {"binascii.a2b_base64", "html.unescape", "urllib.parse.unquote"},
    "keyplan.model.secret_forms": _VALUES | {"binascii.b2a_base64", "html.escape", "json", "urllib.parse"},
    "keyplan.documents": _VALUES | {"hashlib", "json"},
    # The schemas are files of the package, and the one thing that is read here.
    "keyplan.documents.schemas": _VALUES | {"importlib.resources", "json", "pathlib.Path"},
    "keyplan.ports": _VALUES | {"contextlib"},
    "keyplan.manifest": _VALUES | {"difflib", "sys.intern", "warnings"},
    "keyplan.manifest.layout": _VALUES | {"io.StringIO"},
    "keyplan.planner": _VALUES | {"bisect", "difflib", "heapq"},
    # A format is imported when it is first asked for.
    "keyplan.renderers": _VALUES
    | {"csv", "hashlib", "importlib.import_module", "io.StringIO", "json", "unicodedata", "urllib.parse"}
    | {"xml.etree.ElementTree"},
    # The policy of a page names the digests of its own style and script.
    "keyplan.renderers.html": _VALUES | {"base64.b64encode", "hashlib", "importlib.import_module"},
    "keyplan.simulated": _VALUES | {"contextlib", "copy.copy", "fnmatch", "threading"},
    # importlib.metadata names the plugin that has a bug.
    "keyplan.applier": _VALUES
    | {"concurrent.futures", "contextlib", "hashlib", "importlib.metadata.entry_points"}
    | {"pathlib.PurePath", "threading", "types"},
}
"""Modules, or names of modules, of the standard library; what has no entry may import all that is not `RESERVED`."""

RESERVED: Mapping[str, tuple[str, ...]] = {
    "asyncio": ("keyplan.sandbox",),
    "ctypes": (),
    "ftplib": (),
    "http.client": (),
    # For probes, metrics and signed reports, and nothing that a user signs in to.
    "http.server": ("keyplan.net.probes",),
    "multiprocessing": (),
    "pickle": (),
    "shelve": (),
    "smtplib": (),
    "socket": ("keyplan.app", "keyplan.net.probes", "keyplan.sandbox"),
    "sqlite3": ("keyplan.ledgers.sqlite", "keyplan.sandbox"),
    "subprocess": ("keyplan.system",),
    "time": ("keyplan.net.deadline", "keyplan.sandbox", "keyplan.system"),
    "urllib.request": (),
}
"""Modules with effects, and the packages that alone may import them."""

SHARED = frozenset(
    f"keyplan.sinks.{name}"
    for name in (
        *(
            "answers",
            "chunks",
            "claims",
            "comparison",
            "concurrency",
            "engine",
            "file_obstacles",
            "file_store",
            "forge",
            "formats",
            "local_files",
            "marks",
            "notes",
            "options",
            "patience",
        ),
        *("places", "read_only", "templates", "traced", "value_store"),
    )
)
"""What sinks share; everything else beside them is a sink."""

_IMPURE_CALLS = {
    "__import__": "imports by name",
    "datetime.now": "reads the clock",
    "datetime.today": "reads the clock",
    "datetime.utcnow": "reads the clock",
    "date.today": "reads the clock",
    "input": "reads the terminal",
    "open": "opens a file",
    "print": "writes to the terminal",
}
_PURE = ("keyplan.errors", "keyplan.manifest", "keyplan.model", "keyplan.planner", "keyplan.renderers")


def find_third_party_imports(tree: Tree) -> Iterator[Violation]:
    """Yield imports of packages that `THIRD_PARTY` does not allow, and entries that nothing needs any longer."""
    used = set[tuple[str, str]]()
    for module in tree.modules():
        package = _longest_prefix(module.name, THIRD_PARTY)
        for line, name in module.imports():
            top = name.partition(".")[0]
            if top == "keyplan" or top in sys.stdlib_module_names:
                continue
            used.add((package, top))
            if top not in THIRD_PARTY[package]:
                yield Violation(module.path, line, f"{module.room} may not import {top}")
    allowed = {(package, top) for package, tops in THIRD_PARTY.items() for top in tops}
    for package, top in sorted(allowed - used):
        yield Violation("tests/house/imports.py", 1, f"THIRD_PARTY allows {package} to import {top}; it does not")


def find_standard_library_imports(tree: Tree) -> Iterator[Violation]:
    """Yield imports from the standard library that are not on the list of the importing package."""
    for module in tree.modules():
        package = _longest_prefix(module.name, STANDARD_LIBRARY)
        for line, name in module.imports():
            if name.partition(".")[0] not in sys.stdlib_module_names:
                continue
            if package:
                if not _is_listed(name, STANDARD_LIBRARY[package]):
                    yield Violation(module.path, line, f"{package} may not import {name}")
            elif (reserved := _longest_prefix(name, RESERVED)) and not _longest_prefix(module.name, RESERVED[reserved]):
                holders = ", ".join(RESERVED[reserved]) or "nothing"
                yield Violation(module.path, line, f"{reserved} is for {holders} alone")


def find_impure_calls(tree: Tree) -> Iterator[Violation]:
    """Yield calls of the pure packages that read clock, files or terminal without an import that would show it."""
    for module in tree.modules():
        if not _longest_prefix(module.name, _PURE):
            continue
        for node in module.nodes:
            if isinstance(node, ast.Call) and (problem := _IMPURE_CALLS.get(ast.unparse(node.func))):
                yield Violation(module.path, node.lineno, f"{ast.unparse(node.func)}() {problem}")


def find_unlisted_siblings(tree: Tree, contracts: Mapping[str, frozenset[str]]) -> Iterator[Violation]:
    """Yield modules and packages that neither a contract of independence lists nor `SHARED` excuses.

    `contracts` has what the contract lists, by the package whose children are to be independent.
    """
    for package, listed in contracts.items():
        children = {".".join(module.name.split(".")[:3]) for module in tree.modules(package.replace(".", "/"))}
        for child in sorted(children - {package} - listed - SHARED):
            yield Violation("pyproject.toml", 1, f"{child} is in no contract of independence")
        for child in sorted((listed | SHARED) - children):
            yield Violation("pyproject.toml", 1, f"there is no {child}")


def _longest_prefix(name: str, table: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return the longest entry that a dotted name is, or is below; empty if there is none."""
    return max((entry for entry in table if f"{name}.".startswith(f"{entry}.")), key=len, default="")


def _is_listed(name: str, allowed: frozenset[str]) -> bool:
    return any(f"{name}.".startswith(f"{entry}.") for entry in allowed)
