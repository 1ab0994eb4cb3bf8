"""Which resource in AWS a slot is, and how the raw key is stored in it. Nothing here sends a request."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from keyplan.errors import InputError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Json
from keyplan.model.observation import Slot
from keyplan.model.receipt import Receipt
from keyplan.sinks import templates
from keyplan.sinks.aws.notes import WHOLE
from keyplan.sinks.aws.service import to_name_part
from keyplan.sinks.formats import FileFormat, JsonField
from keyplan.sinks.options import format_of
from keyplan.sinks.places import PlaceIdentity

_DIGEST_DIGITS = 10


def fill_place(
    sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json], *, rule: re.Pattern[str]
) -> Slot:
    """Return the slot of a declaration: ``arize/ci``, with a field ``arize/ci#api_key``.

    Raises InputError if a template names an unknown field, the name is not as `rule` says, or options exclude each
    other.
    """
    fields = templates.describe(owner, declaration)
    name = templates.fill(read_text(options, "name"), fields, to_name_part)
    if not rule.fullmatch(name):
        raise InputError(f"'{name}' can't be a name in AWS", advice=f"it must fit {rule.pattern}")
    field = templates.fill(read_text(options, "field"), fields, str)
    if field and (options.get("format") == "json" or options.get("newline")):
        raise InputError("'field' goes with neither 'format: json' nor 'newline'", advice="take one of them out")
    location = f"{name}#{field}" if field else name
    return Slot(sink=sink, location=location, options={**options, "name": name, "field": field})


def identify_value(slot: Slot, _folder: str) -> PlaceIdentity:
    """Return the identity of a slot of `fill_place`: a resource holds one value, or an object of fields."""
    field = read_text(slot.options, "field")
    return PlaceIdentity(name_of(slot), field, "fields" if field else "value")


def name_of(slot: Slot) -> str:
    """Return the name of the slot's resource."""
    return read_text(slot.options, "name")


def prefix_of(slot: Slot) -> str:
    """Return what the names of the tags of the slot's value begin with."""
    if not (field := read_text(slot.options, "field")):
        return WHOLE
    # A digest, because a field may have characters, or a length, that AWS doesn't allow in the name of a tag.
    return f"{WHOLE}.{hashlib.sha256(field.encode()).hexdigest()[:_DIGEST_DIGITS]}"


def read_format(slot: Slot) -> FileFormat:
    """Return how the raw key is stored in the value: alone, as a document, or as one field of an object."""
    field = read_text(slot.options, "field")
    return JsonField(field) if field else format_of(slot)


def describe_form(slot: Slot, receipt: Receipt) -> str:
    """Return all that distinguishes two stored values of one raw key."""
    return read_format(slot).set(b"", "", receipt).decode()


def read_text(options: Mapping[str, Json], name: str) -> str:
    """Return an option that is a text; empty if it is left out."""
    value = options.get(name)
    return value if isinstance(value, str) else ""
