"""Fills templates of places: ``secrets/{name}.env`` and a declaration make ``secrets/ci.env``.

Template and declaration are untrusted. No value may lead out of its place, and two names must never share one.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache

from keyplan.errors import InputError
from keyplan.model.manifest import Declaration

_UNSAFE_IN_PATH = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_PART = 100
"""File systems stop at 255 bytes; a side file adds some to the name, and a template may hold several values."""
_DIGEST_DIGITS = 16


def describe(owner: str, declaration: Declaration) -> Mapping[str, str]:
    """Return the fields that a template may name: name, key_type, space, owner, address."""
    return {
        "name": declaration.name,
        "key_type": declaration.key_type.value,
        "space": _space_of(declaration),
        "owner": owner,
        "address": declaration.address,
    }


def _space_of(declaration: Declaration) -> str:
    if declaration.scope is not None:
        return str(declaration.scope)
    if not declaration.organizations:
        return ""
    granted = [grant.space_id for organization in declaration.organizations for grant in organization.spaces]
    return granted[0] if granted else ""


def fill(template: str, fields: Mapping[str, str], make_safe: Callable[[str], str]) -> str:
    """Return the template with every ``{field}`` replaced by its safe value; ``{{`` is a brace.

    Raises InputError if it names an unknown field, or is not a template at all.
    """
    filled = ""
    for literal, field, form, conversion in _parse(template):
        filled += literal
        if field is None:
            continue
        if literal.endswith("$"):
            raise InputError(
                f"'{template}': ${{{field}}} is not filled in: keyplan reads no variables of the environment here",
                advice=f"write {{{field}}}" if field in fields else "write the text itself",
            )
        if form or conversion:
            raise InputError(f"'{template}': write {{{field}}} alone, without conversion or format")
        if field not in fields:
            raise _refusal(field, template, fields)
        filled += make_safe(fields[field])
    return filled


@lru_cache
def _parse(template: str) -> tuple[tuple[str, str | None, str | None, str | None], ...]:
    try:
        return tuple(string.Formatter().parse(template))
    except ValueError as error:
        raise InputError(f"'{template}' is not a template: {error}") from error


def _refusal(field: str, template: str, fields: Mapping[str, str]) -> InputError:
    near = get_close_matches(field, fields, n=1)
    known = ", ".join(f"{{{name}}}" for name in fields)
    hint = f"did you mean {{{near[0]}}}?" if near else f"known are: {known}"
    return InputError(f"'{template}': {{{field}}} is unknown; {hint}")


def to_path_part(value: str) -> str:
    """Return a value as (part of) one file name: portable characters stay, others are percent-encoded.

    Different values give different texts. None is empty, starts with a dot or a dash, holds a separator,
    or is longer than 100 characters.
    """
    if value in ("", "_"):
        return "%5F" if value else "_"
    encoded = _UNSAFE_IN_PATH.sub(_percent_encode, value)
    if encoded[0] in ".-":
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if len(encoded) <= _LONGEST_PART:
        return encoded
    digest = hashlib.sha256(value.encode()).hexdigest()[:_DIGEST_DIGITS]
    return f"{encoded[: _LONGEST_PART - _DIGEST_DIGITS - 1]}~{digest}"


def _percent_encode(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found.group().encode())


def to_variable_part(value: str) -> str:
    """Return a value as part of an environment variable's name: upper case, other characters as ``_``.

    Different values may give one text here, because variable names leave no room for encoding.
    """
    return re.sub(r"[^A-Z0-9_]", "_", value.upper())
