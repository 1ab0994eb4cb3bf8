"""Sizes, names and places of modules, classes, functions and tests."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from house.tree import Module, Tree, Violation

SMALLEST, LARGEST = 40, 400
LONGEST_FUNCTION = 40
MOST_PARAMETERS = 6

SMALL: Mapping[str, str] = {
    "keyplan/app/context.py": "what every use case is given, so it imports none of them",
    "keyplan/app/pages.py": "asked at every start with formats, so it imports nothing of the pages",
    "keyplan/cli/commands/completion.py": "a module for each command",
    "keyplan/cli/commands/version.py": "a module for each command",
    "keyplan/cli/sandbox_server.py": "the one place that imports the sandbox's server, for two commands",
    "keyplan/documents/doctor.py": "a module for each published document",
    "keyplan/model/notice.py": "a noun of its own, which notifiers share with the renderers",
    "keyplan/renderers/json_text.py": "importing json costs every start 2 ms, so it stands apart from sanitize",
    "keyplan/renderers/text/problems.py": "every start needs it for errors, and nothing of the other texts",
    "keyplan/system/clock.py": "the one module that reads the clock",
    "keyplan/system/optional.py": "imported by every sink, so it imports nothing itself",
}
"""Modules under `SMALLEST` lines, each with the reason why it is no part of a neighbour."""

LARGE: Mapping[str, str] = {}
"""Modules over `LARGEST` lines, each with the reason why it is one thing."""

IN_ING: Mapping[str, str] = {
    "keyplan/app/wiring.py": "the common noun for putting an application together",
    "keyplan/sinks/keyring/__init__.py": "the product is called so",
    "keyplan/testing/__init__.py": "the field's name for what helps others test, as in numpy.testing",
}
"""Modules named in -ing, each with its reason; packages likewise."""

MANY_PARAMETERS: Mapping[str, str] = {
    "keyplan/app/api.py": "the Python API: each option of a command is a keyword",
    "keyplan/app/api_keys.py": "the Python API: each option of a command is a keyword",
    "keyplan/cli/apply_options.py": "click gives each option by name to the function that gathers them",
    "keyplan/cli/options.py": "click gives each option by name to the function that gathers them",
}
"""Modules with functions of more than `MOST_PARAMETERS` parameters, each with the reason."""

SAME_CLASS_NAMES: Mapping[str, str] = {}
"""Names that more than one module gives to a class, each with its reason."""

WITHOUT_MODULE: Mapping[str, str] = {}
"""Test files below the folder of a package that mirror no module, each with its reason."""

CROSS_CUTTING = frozenset(
    [
        "contracts",
        "e2e",
        "goldens",
        "house",
        "image",
        "networks",
        "official_sdk",
        "pictures",
        "pipelines",
        "agreement",
        "browser",
        "chart",
        "documentation",
        "races",
        "repository",
        "release",
        "security",
        "servers",
        "simulated",
        "upgrades",
        "website",
    ]
)
"""Folders of `tests` whose files are about the whole and mirror no module; so are the files directly in `tests`."""


def find_sizes(tree: Tree) -> Iterator[Violation]:
    """Yield modules that are too small or too large, and entries of `SMALL` that nothing needs any longer."""
    small, large = set[str](), set[str]()
    for module in tree.modules():
        lines = module.text.count("\n")
        if lines > LARGEST:
            large.add(module.path)
            if module.path not in LARGE:
                yield Violation(module.path, lines, f"{lines} lines; {LARGEST} are the most")
        if lines < SMALLEST and module.stem not in ("__init__", "__main__"):
            small.add(module.path)
            if module.path not in SMALL:
                yield Violation(module.path, lines, f"{lines} lines; {SMALLEST} are the least")
    yield from _list_stale("SMALL", SMALL, small)
    yield from _list_stale("LARGE", LARGE, large)


def find_names_in_ing(tree: Tree) -> Iterator[Violation]:
    """Yield modules and packages that are named for what they do rather than for what they are."""
    met = set()
    for module in tree.modules():
        if PurePosixPath(module.name.replace(".", "/")).name.endswith("ing"):
            met.add(module.path)
            if module.path not in IN_ING:
                yield Violation(module.path, 1, "a module is named by a noun, not in -ing")
    yield from _list_stale("IN_ING", IN_ING, met)


def find_class_names(tree: Tree) -> Iterator[Violation]:
    """Yield classes whose name another module gives to a class, too; private ones count."""
    places = defaultdict[str, list[tuple[str, int]]](list)
    for module in tree.modules():
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                places[node.name].append((module.path, node.lineno))
    repeated = {name: found for name, found in places.items() if len({path for path, _ in found}) > 1}
    for name, found in sorted(repeated.items()):
        if name not in SAME_CLASS_NAMES:
            (path, line), *others = found
            yield Violation(path, line, f"class {name} is in {', '.join(other for other, _ in others)}, too")
    yield from _list_stale("SAME_CLASS_NAMES", SAME_CLASS_NAMES, set(repeated))


def find_functions(tree: Tree) -> Iterator[Violation]:
    """Yield functions with too many lines or parameters; ruff counts their paths. Docstrings are no lines of code."""
    met = set()
    for module in tree.modules():
        for node in module.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for violation in _measure(module, node):
                    if "parameters" in violation.problem:
                        met.add(module.path)
                    if "parameters" not in violation.problem or module.path not in MANY_PARAMETERS:
                        yield violation
    yield from _list_stale("MANY_PARAMETERS", MANY_PARAMETERS, met)


def _measure(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Violation]:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if isinstance(text := function.body[0], ast.Expr) and ast.get_docstring(function):
        # A command's docstring is its help.
        lines -= (text.end_lineno or text.lineno) - text.lineno + 1
    if lines > LONGEST_FUNCTION:
        yield Violation(module.path, function.lineno, f"{function.name} has {lines} lines")
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs) if one.arg not in ("self", "cls")]
    # click gives a command each of its options by name; nothing else calls it.
    is_command = any(".command(" in ast.unparse(decorator) for decorator in function.decorator_list)
    if len(names) > MOST_PARAMETERS and not is_command:
        yield Violation(module.path, function.lineno, f"{function.name} has {len(names)} parameters")


def find_stray_tests(tree: Tree) -> Iterator[Violation]:
    """Yield test files below the folder of a package that are named after none of its modules.

    In the folder of a package, ``test_MODULE.py`` and ``test_MODULE_ASPECT.py`` belong to that module of the package,
    or to the package of that name in it. Tests of commands lie beside those of the command line.
    """
    met = set()
    for module in tree.modules("tests"):
        path = PurePosixPath(module.path)
        folder = path.parent.relative_to("tests")
        if not module.stem.startswith("test_") or not folder.parts or folder.parts[0] in CROSS_CUTTING:
            continue
        homes = (f"keyplan/{folder}", f"keyplan/{folder}/commands")
        if not any(tree.has(f"{home}/{name}") for home in homes for name in _candidates(module.stem)):
            met.add(module.path)
            if module.path not in WITHOUT_MODULE:
                yield Violation(module.path, 1, f"keyplan/{folder} has no module that this file is named after")
    yield from _list_stale("WITHOUT_MODULE", WITHOUT_MODULE, met)


def _candidates(stem: str) -> Iterator[str]:
    """Yield the file and folder names of what a test file may be about, the longest first."""
    words = stem.removeprefix("test_").split("_")
    for length in range(len(words), 0, -1):
        name = "_".join(words[:length])
        # `import_.py` has its underscore for the sake of Python.
        yield from (f"{name}.py", f"{name}_.py", name)


def _list_stale(table: str, listed: Mapping[str, str], met: set[str]) -> Iterator[Violation]:
    for entry in sorted(set(listed) - met):
        yield Violation("tests/house/shape.py", 1, f"{table} lists {entry}, which needs no exception")
