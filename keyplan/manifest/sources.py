"""What a manifest is composed of: its own text, files that it includes, those laid over it, and values of variables.

The application reads all of it and hands it in: nothing here opens a file or reads the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from keyplan.manifest.problems import START, FileProblems, Problems, Spot, move_spot
from keyplan.manifest.secret_search import report_secrets
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.yaml_errors import decode
from keyplan.manifest.yaml_parser import parse_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """A file that was read."""

    name: str
    """What its places are called."""
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why something that a manifest asks for is not given."""

    message: str
    rule: str = "invalid"
    """The kind of the problem, or a whole rule such as ``policy/allow/folders``."""


def _include_nothing(_file: str, path: str) -> TextFile | Refusal:
    return Refusal(message=f"included file '{path}' is not read here")


def _judge_none(_name: str) -> Refusal | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything beside its own text that a manifest is composed of."""

    overlays: tuple[TextFile, ...] = ()
    """Laid over the manifest in this order."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the user gives by ``--var``; wins over `var_files`."""
    var_files: tuple[TextFile, ...] = ()
    """The last one wins."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    include: Callable[[str, str], TextFile | Refusal] = _include_nothing
    """Returns the file that a path, written in a file of a name, leads to."""
    judge_variable: Callable[[str], Refusal | None] = _judge_none
    """Returns why a manifest may not read a variable of the environment."""

    @property
    def is_empty(self) -> bool:
        """Whether the user gives nothing to compose with; the manifest itself may."""
        return not (self.overlays or self.variables or self.var_files)

    def remembering(self) -> Sources:
        """Return the same, which reads no included file twice: composed once more, the manifest is what it was."""
        return replace(self, include=cache(self.include))


NO_SOURCES = Sources(environment=MappingProxyType({}))


def read_source(file: TextFile, problems: Problems) -> tuple[Any, Spot]:
    """Return what a file holds, with spots of its own, and where it starts. Raises ManifestError if it is not YAML."""
    start = problems.add_file(file.name)
    inner = FileProblems(problems, start)
    text = decode(file.content, inner)
    root = parse_yaml(text, inner)
    # Here as for the manifest's own text: a later message must not quote a secret.
    report_secrets(text, root, inner)
    move_all(root, start, set())
    return root, start


def read_table(file: TextFile, problems: Problems, *, what: str) -> Table:
    """Return the mapping in a file; an empty one, and a problem, if it holds something else."""
    root, start = read_source(file, problems)
    if isinstance(root, Table):
        return root
    problems.add(start, f"{what} is a mapping of fields, and this is none", "schema")
    return Table(start)


def move_all(value: Any, start: Spot, seen: set[int]) -> None:
    """Move the spots of a value into a source; what aliases share is moved once."""
    if not isinstance(value, Table | ItemList) or id(value) in seen:
        return
    seen.add(id(value))
    value.spot = move_spot(value.spot, start)
    value.value_spots = [move_spot(spot, start) for spot in value.value_spots]
    if isinstance(value, Table):
        value.key_spots = [move_spot(spot, start) for spot in value.key_spots]
    for inner in list_values(value):
        move_all(inner, start, seen)


def list_values(value: Table | ItemList) -> list[Any]:
    """Return the values of a mapping or list, in order."""
    return list(value.values()) if isinstance(value, Table) else list(value)


def iter_texts(value: Any, spot: Spot = START) -> Iterator[tuple[str, Spot]]:
    """Yield every text in a value with its spot; names of fields are not among them."""
    if isinstance(value, str):
        yield value, spot
    elif isinstance(value, Table | ItemList):
        for inner, inner_spot in zip(list_values(value), value.value_spots, strict=True):
            yield from iter_texts(inner, inner_spot)
