"""Reads raw keys that the user gives for keys that are to be imported (`--values`).

A value becomes a `RawKey` at once and stays in memory; no message quotes one, and none is taken for a name.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from keyplan.app.context import RunContext
from keyplan.app.files import STDIN, Input, read_input
from keyplan.app.workspace import Workspace
from keyplan.errors import InputError
from keyplan.model.identity import Address
from keyplan.model.manifest import Declaration
from keyplan.model.quotes import quote
from keyplan.model.secret import RawKey
from keyplan.model.secret_shapes import looks_secret
from keyplan.sinks.formats import read_variables

_FORMS = 'JSON such as {"user/ci": "..."}, by address or key id, or lines such as USER_CI=...'
_OTHERS = re.compile(r"[^A-Z0-9]")
_MOST_NAMED = 5


def give_values(workspaces: Sequence[Workspace], named: str | None, context: RunContext) -> tuple[Workspace, ...]:
    """Return the workspaces with the values of a file, or of standard input, that are meant for their declarations.

    Raises InputError if the file can't be read, names nothing that is declared, or is ambiguous.
    """
    if named is None:
        return tuple(workspaces)
    source = read_input(named, context, if_missing="name the file that holds the raw keys")
    _warn_of_readers(source, context)
    found = _assign(_read(source), workspaces, source.name)
    return tuple(
        replace(workspace, values={address: raw for (number, address), raw in found.items() if number == each})
        for each, workspace in enumerate(workspaces)
    )


def name_variable(address: Address) -> str:
    """Return the variable that stands for an address in a dotenv file: `USER_CI` for `user/ci`."""
    return _OTHERS.sub("_", address.upper())


def _warn_of_readers(source: Input, context: RunContext) -> None:
    path = source.folder / source.name
    if source.name == STDIN or not path.is_file():
        return
    if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH):
        context.say(f"{source.name} holds raw keys, and other users can read it: chmod 600, and delete it afterwards")


def _read(source: Input) -> list[tuple[str, RawKey, bool]]:
    """Return each name with its value, and whether it is a variable's."""
    if source.content.lstrip()[:1] == b"{":
        pairs, is_variable = _read_json(source), False
    else:
        pairs, is_variable = read_variables(source.content), True
    if not pairs:
        raise InputError(f"{source.name} holds no values", advice=f"write {_FORMS}")
    return [(name, RawKey(value), is_variable) for name, value in pairs]


def _read_json(source: Input) -> list[tuple[str, str]]:
    try:
        pairs = json.loads(source.content, object_pairs_hook=list)
    except (ValueError, RecursionError):
        # Not chained: the parser's error holds the text that it was parsing.
        raise InputError(f"{source.name} is not valid JSON", advice=f"write {_FORMS}") from None
    if not all(isinstance(value, str) for _, value in pairs):
        raise InputError(f"{source.name} holds a value that is not a text", advice=f"write {_FORMS}")
    return [(name, value) for name, value in pairs]


def _assign(
    given: Iterable[tuple[str, RawKey, bool]], workspaces: Sequence[Workspace], file: str
) -> Mapping[tuple[int, Address], RawKey]:
    """Return the values by the number of the manifest and the address that they are meant for."""
    index = _index(workspaces)
    found: dict[tuple[int, Address], RawKey] = {}
    unknown = []
    for number, (name, raw, is_variable) in enumerate(given, start=1):
        called = _call(name, number)
        if raw.is_empty():
            raise InputError(f"{file}: the value of {called} is empty")
        meant = sorted(index[is_variable].get(name, ()))
        if not meant:
            unknown.append(called)
        elif len(meant) > 1:
            addresses = " and ".join(quote(address) for _, address in meant)
            raise InputError(f"{file}: {called} stands for {addresses}", advice="give their values as JSON, by key id")
        elif meant[0] in found:
            raise InputError(f"{file}: {quote(meant[0][1])} is given twice")
        else:
            found[meant[0]] = raw
    if unknown:
        more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        raise InputError(
            f"{file}: no declaration that imports a key fits {', '.join(unknown[:_MOST_NAMED])}{more}",
            advice=f"write {_FORMS}",
        )
    return found


def _call(name: str, number: int) -> str:
    """Return what to call an entry: a name that may be a secret, because the two were swapped, is not shown."""
    return f"entry {number}" if looks_secret(name) else quote(name)


def _index(workspaces: Sequence[Workspace]) -> Mapping[bool, Mapping[str, set[tuple[int, Address]]]]:
    """Return what every name stands for: by whether it is a variable's, then by the name."""
    names: dict[bool, dict[str, set[tuple[int, Address]]]] = {False: {}, True: {}}
    for number, workspace in enumerate(workspaces):
        for declared in workspace.manifest.keys:
            for is_variable, name in _name(declared):
                names[is_variable].setdefault(name, set()).add((number, declared.address))
    return names


def _name(declared: Declaration) -> Iterator[tuple[bool, str]]:
    yield True, name_variable(declared.address)
    yield False, declared.address
    if declared.import_id:
        yield False, declared.import_id
