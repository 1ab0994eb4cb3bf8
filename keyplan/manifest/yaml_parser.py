"""Parse YAML text into plain values that know where they stand, in one pass over the parser's events.

Only tables, lists and scalars of the YAML 1.2 core schema can come out: no other type, no merge key, no cycle, no
alias that expands without bounds. PyYAML's C parser is used if it is built in, else its Python parser; the global
tables of neither are changed.

Events are used rather than composed nodes: reading is three times as fast as with `yaml.load` and the C loader, and
the depth of nesting is bounded here instead of by the C stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from sys import intern
from typing import Any, ClassVar, Protocol

import yaml

from keyplan.manifest.problems import COLUMN_BITS, START, Problems, Spot, spot_at
from keyplan.manifest.scalars import construct, is_scalar_tag, resolve_plain
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.yaml_errors import explain
from keyplan.model.quotes import quote

MOST_EXPANDED_VALUES = 1_000_000
"""How many values aliases may stand for, all together."""
DEEPEST_NESTING = 100

_CORE_TAG = "tag:yaml.org,2002:"
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_NO_KEY = object()
_DROPPED = object()


class EventParser(Protocol):
    """What is used of a PyYAML parser."""

    def get_event(self) -> yaml.Event | None:
        """Return the next event; None behind the last one."""
        ...


PARSER: Callable[[str], EventParser] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's C parser, or its Python parser if PyYAML was built without libyaml."""


def parse_yaml(text: str, problems: Problems, *, parser: Callable[[str], EventParser] = PARSER) -> Any:
    """Return the one document of a text: a Table, an ItemList or a scalar; None if there is nothing in it.

    Duplicate and odd keys and unknown tags are added to the problems and passed over.

    Raises ManifestError if the text is not YAML, or is more than one document, or expands without bounds.
    """
    builder = _TreeBuilder(problems)
    try:
        builder.take_all(parser(text).get_event)
    except yaml.YAMLError as error:
        spot, message = explain(error, text)
        problems.fail(spot, message)
    except (ValueError, OverflowError):  # PyYAML's Python parser leaves an escape such as "\UFFFFFFFF" to chr()
        problems.fail(START, "this is not valid YAML: an escape names no character")
    return builder.root


class _OpenNode:
    """A value that is still open: a table, a row, or the document itself."""

    __slots__ = ("anchor", "began", "height", "value")

    def __init__(self, value: Any, anchor: str | None = None, began: int = 0) -> None:
        self.value = value
        self.anchor = anchor
        self.began = began
        """How many values there were before it."""
        self.height = 1
        """Levels of nesting in it, its own included."""

    def add(self, value: Any, spot: Spot) -> None:  # noqa: ARG002 - a document is read as if it began in line 1
        """Put a finished value where it belongs: it is the whole document."""
        self.value = value


class _OpenList(_OpenNode):
    """A row that is still open."""

    __slots__ = ()
    value: ItemList

    def add(self, value: Any, spot: Spot) -> None:
        """Put a finished value where it belongs: it is the next item."""
        self.value.append(value)
        self.value.value_spots.append(spot)


class _OpenTable(_OpenNode):
    """A table that is still open."""

    __slots__ = ("_key", "_key_spot", "_problems")
    value: Table

    def __init__(self, value: Table, anchor: str | None, began: int, problems: Problems) -> None:
        super().__init__(value, anchor, began)
        self._problems = problems
        self._key: Any = _NO_KEY
        """The field whose value comes next."""
        self._key_spot = START

    def add(self, value: Any, spot: Spot) -> None:
        """Put a finished value where it belongs: it is by turns a field's name and its value."""
        key = self._key
        if key is _NO_KEY:
            # Ten thousand declarations name the same few fields: one text each instead of 2 MB.
            self._key = intern(value) if self._is_key(value, spot) else _DROPPED
            self._key_spot = spot
            return
        self._key = _NO_KEY
        if key is not _DROPPED:
            table = self.value
            table[key] = value
            table.key_spots.append(self._key_spot)
            table.value_spots.append(spot)

    def _is_key(self, key: Any, spot: Spot) -> bool:
        """Whether a value can be the next field's name; if not, that is noted as a problem."""
        if not isinstance(key, str):
            self._problems.add(spot, "a field's name must be text; put it between quotation marks", "yaml")
        # YAML 1.2 has no merge keys; reading them as text would silently drop the fields.
        elif key == "<<":
            self._problems.add(
                spot, "merge keys ('<<') are not supported; use 'defaults', or repeat the fields", "yaml"
            )
        elif key in self.value:
            first = self._problems.place_of(self.value.key_spot(key))
            self._problems.add(
                spot,
                f"field {quote(key)} is given twice; first in line {first.line}, column {first.column}",
                "duplicate",
            )
        else:
            return True
        return False


class _Anchored:
    """A value that aliases may name."""

    __slots__ = ("height", "size", "value")

    def __init__(self, value: Any, size: int, height: int) -> None:
        self.value = value
        self.size = size
        """How many values an alias stands for; zero while the value is still open."""
        self.height = height


class _TreeBuilder:
    """Takes events one by one and keeps the branches that are open."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._document = _OpenNode(None)
        self._node = self._document
        """The innermost that is open."""
        self._outer: list[_OpenNode] = []
        """Those around it, the document first."""
        self._anchors: dict[str, _Anchored] = {}
        self._count = 0
        self._expanded = 0
        self._documents = 0

    @property
    def root(self) -> Any:
        """What the document is; None if there is nothing in it."""
        return self._document.value

    def take_all(self, next_event: Callable[[], yaml.Event | None]) -> None:
        """Take all events of a parser."""
        handlers = self._HANDLERS
        for event in iter(next_event, None):
            handlers[type(event)](self, event)

    def _pass(self, _event: yaml.Event) -> None:
        """Do nothing."""

    def _begin_document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            self._problems.fail(_spot_of(event), "a manifest is one YAML document; a second one begins here")

    def _take_scalar(self, event: Any) -> None:
        # Of 10,000 declarations 75,000 scalars come by. Each call that is spared here takes 5 ms off them.
        mark = event.start_mark
        spot = mark.line << COLUMN_BITS | mark.column
        is_plain = event.tag is None and event.implicit[0]
        value = resolve_plain(event.value) if is_plain else self._evaluate(event, spot)
        self._count += 1
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, 1, 0)
        self._node.add(value, spot)

    def _evaluate(self, event: yaml.ScalarEvent, spot: Spot) -> Any:
        text: str = event.value
        if event.tag is None:
            if event.style == '"' and _NOT_TEXT.search(text):
                self._problems.add(spot, "text holds an escape for NUL or for half a character", "yaml")
                return ""
            return text
        kind = event.tag.removeprefix(_CORE_TAG)
        if event.tag.startswith(_CORE_TAG) and is_scalar_tag(kind):
            try:
                return construct(kind, text)
            except ValueError as error:
                self._problems.add(spot, f"{quote(text)} {error}", "yaml")
        elif event.tag != "!":
            self._refuse_tag(event.tag, spot)
        return text

    def _open_node(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        spot = _spot_of(event)
        is_table = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", f"{_CORE_TAG}{'map' if is_table else 'seq'}"):
            self._refuse_tag(event.tag, spot)
        self._outer.append(self._node)
        self._require_shallow(len(self._outer), spot)
        self._node = (
            _OpenTable(Table(spot), event.anchor, self._count, self._problems)
            if is_table
            else _OpenList(ItemList(spot), event.anchor, self._count)
        )
        self._count += 1
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(self._node.value, 0, 0)

    def _close_node(self, _event: yaml.Event) -> None:
        node = self._node
        self._node = self._outer.pop()
        if node.anchor is not None:
            size = self._count - node.began
            self._anchors[node.anchor] = _Anchored(node.value, size, node.height)
        self._raise_parent(node.height)
        self._node.add(node.value, node.value.spot)

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        spot, name = _spot_of(event), quote(f"*{event.anchor}")
        anchored = self._anchors.get(str(event.anchor))
        if anchored is None:
            self._problems.fail(spot, f"alias {name} names an anchor that is not set above it")
        # A cycle: it would expand for ever.
        if anchored.size == 0:
            self._problems.fail(spot, f"alias {name} stands inside the value that it names")
        self._count += anchored.size
        self._expanded += anchored.size
        # The "billion laughs": nine lines of aliases can stand for 10^9 values.
        if self._expanded > MOST_EXPANDED_VALUES:
            self._problems.fail(spot, f"aliases stand for more than {MOST_EXPANDED_VALUES:,} values")
        self._require_shallow(len(self._outer) + anchored.height, spot)
        self._raise_parent(anchored.height)
        self._node.add(anchored.value, spot)

    def _raise_parent(self, height: int) -> None:
        self._node.height = max(self._node.height, height + 1)

    def _require_shallow(self, depth: int, spot: Spot) -> None:
        if depth > DEEPEST_NESTING:
            self._problems.fail(spot, f"values are nested more than {DEEPEST_NESTING} deep")

    def _refuse_tag(self, tag: str, spot: Spot) -> None:
        shown = tag.replace(_CORE_TAG, "!!")
        self._problems.add(spot, f"tag {quote(shown)} is not supported; only the core tags of YAML 1.2 are", "yaml")

    _HANDLERS: ClassVar[Mapping[type[yaml.Event], Callable[[_TreeBuilder, Any], None]]] = {
        yaml.StreamStartEvent: _pass,
        yaml.StreamEndEvent: _pass,
        yaml.DocumentStartEvent: _begin_document,
        yaml.DocumentEndEvent: _pass,
        yaml.ScalarEvent: _take_scalar,
        yaml.MappingStartEvent: _open_node,
        yaml.SequenceStartEvent: _open_node,
        yaml.MappingEndEvent: _close_node,
        yaml.SequenceEndEvent: _close_node,
        yaml.AliasEvent: _take_alias,
    }


def _spot_of(event: Any) -> Spot:
    return spot_at(event.start_mark.line, event.start_mark.column)
