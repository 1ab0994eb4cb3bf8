"""Rewrites a YAML text in one spacing and indentation, with ruamel.yaml, which keeps its comments.

The nodes of the text are written, never the values that they stand for: what is on, 012 or a time stays as it is spelt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.anchor import Anchor
from ruamel.yaml.emitter import RoundTripEmitter
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from keyplan.manifest.comments import BLANKS
from keyplan.manifest.long_texts import LayoutError

WIDTH = 120
"""Where lists and mappings between brackets are continued on a new line; texts never are."""

Path: TypeAlias = "tuple[str | int, ...]"
_UNBOUNDED = 2**31
FindOrder: TypeAlias = "Callable[[Path], Sequence[str]]"
"""Returns the fields of the mapping at a path in the order in which they are to be written."""


class _Spelt(str):
    """A scalar that is written as it stood."""

    __slots__ = ("spelling",)
    spelling: str


class _Emitter(RoundTripEmitter):
    """Breaks no text into lines, and keeps the spelling of what was on one line."""

    def process_scalar(self) -> None:
        """Write the scalar of the current event."""
        width, self.best_width = self.best_width, _UNBOUNDED
        spelling = getattr(self.event.value, "spelling", None)
        if spelling is None:
            super().process_scalar()
        else:
            if self.sequence_context and not self.flow_level:
                self.write_indent()
            self.write_plain(spelling, split=False)
            self.analysis = self.style = None
            if self.event.comment:
                self.write_post_comment(self.event)
        self.best_width = width


def lay_out(text: str, find_order: FindOrder) -> str:
    """Return the text of the same nodes and comments; `find_order` is asked for each mapping between brackets.

    Raises LayoutError if ruamel.yaml cannot read or write it.
    """
    yaml = YAML()
    yaml.Emitter = _Emitter
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.explicit_start = any(line.rstrip(BLANKS) == "---" for line in text.split("\n"))
    written = StringIO()
    try:
        root = yaml.compose(text)
        _prepare(root, text.split("\n"), (), find_order, set())
        yaml.serialize(root, written)
    except (YAMLError, AttributeError, IndexError, TypeError, ValueError, AssertionError) as error:
        # ruamel.yaml meets comments that it did not expect with whatever fails next.
        raise LayoutError("its comments stand where keyplan cannot keep them") from error
    return written.getvalue()


def _prepare(node: Node, lines: list[str], path: Path, find_order: FindOrder, seen: set[int]) -> None:
    """Make a node, and all below it, ready to be written; an alias leads to a node that was seen."""
    if id(node) in seen:
        return
    seen.add(id(node))
    _keep_anchor(node)
    if isinstance(node, ScalarNode):
        _keep_spelling(node, lines)
    for inner, below in _list_inner(node, path):
        _prepare(inner, lines, below, find_order, seen)
    if isinstance(node, MappingNode) and node.flow_style:
        order = find_order(path)
        node.value.sort(key=lambda pair: order.index(pair[0].value))


def _list_inner(node: Node, path: Path) -> Iterator[tuple[Node, Path]]:
    if isinstance(node, SequenceNode):
        yield from ((item, (*path, index)) for index, item in enumerate(node.value))
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            yield key, path
            yield value, (*path, key.value)


def _keep_anchor(node: Node) -> None:
    """Have an anchor written under its own name."""
    if isinstance(node.anchor, str):
        name, node.anchor = node.anchor, Anchor()
        node.anchor.value, node.anchor.always_dump = name, True


def _keep_spelling(node: ScalarNode, lines: list[str]) -> None:
    start, end = node.start_mark, node.end_mark
    spelling = lines[start.line][start.column : end.column]
    # A tag or an anchor would be written twice; of an absent value there is nothing to keep.
    if spelling and spelling[0] not in "!&":
        node.value = _Spelt(node.value)
        node.value.spelling = spelling
