"""What `${...}` stands for in a manifest: its variables, variables of the environment, and the element of `for_each`.

A value is put in as it is and never searched for `${` again, so that none can grow. No secret may come out of here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.sources import Sources, read_table
from keyplan.manifest.tables import ItemList, Table
from keyplan.model.quotes import escape, quote, suggest
from keyplan.model.secret_shapes import looks_secret

_USED = re.compile(r"(?<!\$)\$\{(?:var\.|env:|each[.}])")


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a `for_each`."""

    name: str
    """As messages call it: the text of a list, or the key of a map."""
    values: Mapping[str, str]
    """What ``each`` and its parts stand for."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why an expression stands for nothing."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """What the expressions of one manifest stand for."""

    given: Mapping[str, str | Unknown]
    """By name, those under `vars`."""
    environment: Mapping[str, str | Unknown]
    """By name, those under `environment`."""

    def find(self, expression: str, element: Element | None) -> str | Unknown:
        """Return what stands between ``${`` and ``}`` means."""
        if expression.startswith("var."):
            return _look_up(expression.removeprefix("var."), self.given, "'vars'")
        if expression.startswith("env:"):
            return _look_up(expression.removeprefix("env:"), self.environment, "'environment'")
        if expression == "each" or expression.startswith("each."):
            return _find_each(expression, element)
        known = "${var.NAME}, ${env:NAME}" + (", ${each}" if element else "")
        shown = quote("${" + expression + "}")
        return Unknown(f"{shown} is unknown; known are {known}; a literal '${{' is written '$${{'")


def find_variable(text: str) -> str:
    """Return the beginning of an expression that stands for something in a manifest with variables; empty if none."""
    found = _USED.search(text)
    return found[0] if found else ""


def _look_up(name: str, known: Mapping[str, str | Unknown], field: str) -> str | Unknown:
    if name in known:
        return known[name]
    return Unknown(f"variable {quote(name)} is not declared under {field}{suggest(name, known)}")


def _find_each(expression: str, element: Element | None) -> str | Unknown:
    shown = quote("${" + expression + "}")
    if element is None:
        return Unknown(f"{shown} has a value only in a declaration with 'for_each'")
    if expression in element.values:
        return element.values[expression]
    known = ", ".join("${" + escape(one) + "}" for one in sorted(element.values))
    return Unknown(f"{shown} has no value here; known are {known}")


def read_variables(
    declared: Table, environment: Mapping[str, Spot], sources: Sources, secrets: frozenset[str], problems: Problems
) -> Variables:
    """Return the values of a manifest's variables; problems are added.

    `environment` says where each variable is listed; `secrets` are those that the manifest reads secrets from.
    """
    given = _list_given(declared, sources, problems)
    values: dict[str, str | Unknown] = {}
    for (name, default), spot in zip(declared.items(), declared.key_spots, strict=True):
        value = given.get(name, default)
        if value is None:
            message = f"variable {quote(name)} has neither a default nor a value"
            problems.add(spot, f"{message}; give it one with --var {escape(name)}=VALUE", "variable")
        elif name not in given and find_variable(value):
            problems.add(spot, f"the default of variable {quote(name)} is taken as it is, and cannot use another one")
        elif name in sources.variables and looks_secret(value):
            problems.add_secret(spot, f"the value of variable {quote(name)} looks like a secret; no key may hold one")
        # Reported once where it is declared, and not again where it is used.
        values[name] = value if isinstance(value, str) else ""
    return Variables(
        given=values,
        environment={
            name: _read_environment(name, spot, sources, secrets, problems) for name, spot in environment.items()
        },
    )


def _list_given(declared: Table, sources: Sources, problems: Problems) -> Mapping[str, str]:
    """Return what the user gives; a name that the manifest does not declare is a problem."""
    given: dict[str, str] = {}
    for file in sources.var_files:
        table = read_table(file, problems, what="a file of variables")
        for (name, value), key_spot, spot in zip(table.items(), table.key_spots, table.value_spots, strict=True):
            if not isinstance(value, str):
                problems.add(spot, f"variable {quote(name)} must be text; put it between quotation marks", "schema")
            elif name not in declared:
                problems.add(key_spot, _describe_undeclared(name, declared), "variable")
            else:
                given[name] = value
    for name in sources.variables:
        if name not in declared:
            problems.add(declared.spot, f"--var: {_describe_undeclared(name, declared)}", "variable")
    return {**given, **sources.variables}


def _describe_undeclared(name: str, declared: Table) -> str:
    return f"variable {quote(name)} is not declared under 'vars'{suggest(name, declared)}"


def _read_environment(
    name: str, spot: Spot, sources: Sources, secrets: frozenset[str], problems: Problems
) -> str | Unknown:
    refusal = sources.judge_variable(name)
    if name in secrets:
        problems.add(spot, f"{quote(name)} holds a secret of this manifest, which nothing else may read", "secret")
    elif refusal is not None:
        problems.add(spot, refusal.message, refusal.rule)
    elif name not in sources.environment:
        return Unknown(f"{quote(name)} is not set in the environment")
    elif looks_secret(sources.environment[name]):
        problems.add(spot, f"the value of {quote(name)} looks like a secret; no key may hold one", "secret")
    else:
        return sources.environment[name]
    return ""


def list_environment(value: Any) -> dict[str, Spot]:
    """Return the variables that a list names, with the first spot of each."""
    found: dict[str, Spot] = {}
    if isinstance(value, ItemList):
        for name, spot in zip(value, value.value_spots, strict=True):
            found.setdefault(name, spot)
    return found


def find_secret_variables(value: Any) -> Iterator[str]:
    """Yield the variables of every ``{env: NAME}`` in a value."""
    if isinstance(value, Table):
        if isinstance(name := value.get("env"), str):
            yield name
        for inner in value.values():
            yield from find_secret_variables(inner)
    elif isinstance(value, ItemList):
        for inner in value:
            yield from find_secret_variables(inner)
