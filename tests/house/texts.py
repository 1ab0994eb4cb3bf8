"""The words for verbs, reasons, guards, findings and happenings are in one module: every format says the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from house.tree import Tree, Violation

WORDS = "keyplan/renderers/words.py"
ENUMS = frozenset({"Verb", "Reason", "Guard", "DriftKind", "Cause", "Happening"})
ALLOWED: Mapping[tuple[str, str], str] = {
    ("keyplan/renderers/html/timeline.py", "Happening"): "the texts are paths of SVG, which no reader sees as words",
    ("keyplan/renderers/machine/events.py", "Verb"): "the texts are Terraform's names of actions, which programs match",
}
"""Modules that map one of these enums to other texts than words, and what these texts are."""


def find_second_words(tree: Tree) -> Iterator[Violation]:
    """Yield dict literals of renderers, and tuples, that give one of the enums a text outside the module of words."""
    for module in tree.modules("keyplan/renderers"):
        if module.path == WORDS:
            continue
        for key, value in (pair for node in module.nodes for pair in _list_pairs(node)):
            name = _name_enum(key)
            if name and _has_text(value) and (module.path, name.partition(".")[0]) not in ALLOWED:
                yield Violation(module.path, key.lineno, f"a text for {name} is not in {WORDS}")


def _list_pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield keys and values of a dict, or what stands after the first element of a tuple."""
    if isinstance(node, ast.Dict):
        yield from ((key, value) for key, value in zip(node.keys, node.values, strict=True) if key)
    elif isinstance(node, ast.Tuple):
        yield from ((node.elts[0], value) for value in node.elts[1:])


def _name_enum(node: ast.expr) -> str:
    """Return the dotted name of a member of one of the enums; empty for everything else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ENUMS:
        return f"{node.value.id}.{node.attr}"
    return ""


def _has_text(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in ast.walk(node))
