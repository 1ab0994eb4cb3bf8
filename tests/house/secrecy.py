"""Where a raw key or a credential may be revealed, and how."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from house.tree import Tree, Violation

MAY_REVEAL = (
    # The mask that the runner of GitHub Actions needs: docs/decisions/0011.
    "keyplan/app/masks.py",
    # The URL of a database with its password.
    "keyplan/ledgers/postgres/target.py",
    # The text in which `keyplan leak` looks for keys.
    "keyplan/model/leak_report.py",
    "keyplan/model/secret.py",
    "keyplan/net/http.py",
    "keyplan/notify/",
    # The password of a login, in the form that is sent.
    "keyplan/providers/zenml/login.py",
    # Its raw keys are made up.
    "keyplan/simulated/",
    "keyplan/sinks/",
    "keyplan/system/programs.py",
)
"""Files, and folders with all that is in them."""
_SHOWS = frozenset(
    [
        "ascii",
        "critical",
        "debug",
        "echo",
        "error",
        "exception",
        "format",
        "info",
        "join",
        "log",
        "print",
        "repr",
        "say",
        "str",
        "warn",
        "warning",
        "write",
    ]
)
"""Names of functions and methods that turn an argument into something that is shown."""


def find_reveals(tree: Tree) -> Iterator[Violation]:
    """Yield each `reveal` that is not the argument of an ordinary call in one of the listed files.

    A secret that is bound to a name, formatted, returned, compared or taken apart can go anywhere from there; as an
    argument it goes to one function, which a reader can look at.
    """
    for module in tree.modules():
        if "reveal" not in module.text:
            continue
        parents = {child: node for node in module.nodes for child in ast.iter_child_nodes(node)}
        for node in module.nodes:
            problem = _judge(node, parents)
            if problem is None:
                continue
            if problem:
                yield Violation(module.path, node.lineno, problem)  # type: ignore[attr-defined]  # an expression
            elif not module.path.startswith(MAY_REVEAL):
                yield Violation(module.path, node.lineno, "no secret is revealed in this file")  # type: ignore[attr-defined]  # an expression


def _judge(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> str | None:
    """Return what is wrong with a use of `reveal`: an empty text if nothing is, None for anything else."""
    if isinstance(node, ast.Constant) and node.value == "reveal":
        return "`reveal` is called by name"
    if not isinstance(node, ast.Attribute) or node.attr != "reveal":
        return None
    call = parents[node]
    if not isinstance(call, ast.Call) or call.func is not node:
        return "`reveal` is passed on without a call"
    user = parents[call]
    # One of two arguments, and by name, is an argument as well.
    while isinstance(user, ast.keyword | ast.IfExp):
        user = parents[user]
    if not isinstance(user, ast.Call) or user.func is call:
        return "a revealed secret is something else than the argument of a call"
    function = user.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return f"a revealed secret is given to {name}()" if name in _SHOWS else ""
