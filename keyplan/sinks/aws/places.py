"""Which resource in AWS a slot is, and how the raw key stands in it.

In: a declaration and options, as templates. Out: a slot with its templates filled in, and back from it the target.
Never: a name that AWS doesn't take; a network.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from keyplan.errors import InputError
from keyplan.model.manifest import Declaration, Delivery, Json, SinkSettings
from keyplan.model.observation import Content, Slot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.sinks import templates
from keyplan.sinks.aws.marks import WHOLE
from keyplan.sinks.aws.service import to_name_part
from keyplan.sinks.formats import FileFormat, JsonDocument, JsonField, Raw

SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}", re.ASCII)
"""AWS, CreateSecret, Name."""
_DIGEST_DIGITS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A slot, read."""

    location: str
    name: str
    field: str
    """Empty where the whole value is the key."""
    format: FileFormat
    kms_key_id: str
    """Empty for the account's default key."""
    tier: str
    """For Parameter Store; empty for the account's default."""
    recovery_days: int
    may_overwrite: bool
    """Whether a value that keyplan did not put there may be overwritten."""
    keeps: bool
    """Whether the value outlives its declaration."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing but the raw key, and what is known of it, stands in the value."""
        return not self.field

    @property
    def prefix(self) -> str:
        """What the names of this value's tags begin with."""
        digest = hashlib.sha256(self.field.encode()).hexdigest()[:_DIGEST_DIGITS]
        return f"{WHOLE}.{digest}" if self.field else WHOLE

    def form(self, receipt: Receipt) -> str:
        """Return all that distinguishes two values of one raw key."""
        return self.format.set(b"", "", receipt).decode()

    @classmethod
    def of(cls, slot: Slot) -> Target:
        """Return the target that a slot of `fill_slot` means."""
        options = slot.options
        field, raw = _text(options.get("field")), Raw(newline=bool(options.get("newline")))
        whole: FileFormat = JsonDocument() if options.get("format") == "json" else raw
        days = options.get("recovery_days", 30)
        return cls(
            location=slot.location,
            name=_text(options.get("name")),
            field=field,
            format=JsonField(field) if field else whole,
            kms_key_id=_text(options.get("kms_key_id")),
            tier=_text(options.get("tier")),
            recovery_days=days if isinstance(days, int) else 0,
            may_overwrite=bool(options.get("overwrite")),
            keeps=options.get("on_remove") == "keep",
        )


def fill_slot(
    settings: SinkSettings,
    owner: str,
    declaration: Declaration,
    delivery: Delivery,
    *,
    rule: re.Pattern[str] = SECRET_NAME,
) -> Slot:
    """Return the slot of a declaration: ``arize/ci``, with a field ``arize/ci#api_key``.

    Raises InputError where a template names an unknown field, AWS takes no such name, or options exclude each other.
    """
    options: dict[str, Json] = {**settings.options, **delivery.options}
    fields = templates.describe(owner, declaration)
    name = templates.fill(_text(options.get("name")), fields, to_name_part)
    if not rule.fullmatch(name):
        raise InputError(f"'{name}' can't be a name in AWS", advice=f"it must fit {rule.pattern}")
    field = templates.fill(_text(options.get("field")), fields, str)
    if field and (options.get("format") == "json" or options.get("newline")):
        raise InputError("'field' goes with neither 'format: json' nor 'newline'", advice="take one of them out")
    location = f"{name}#{field}" if field else name
    return Slot(sink=settings.name, location=location, options={**options, "name": name, "field": field})


def compare(value: str | None, receipt: Receipt | None) -> Content:
    """Return whether a value, of another version than the receipt's, is all the same the one that it speaks of.

    A value that may not be read differs: somebody wrote it after the receipt.
    """
    if receipt is None or receipt.fingerprint is None:
        return Content.UNREAD
    if value is None:
        return Content.DIFFERS
    return Content.MATCHES if receipt.fingerprint.matches(RawKey(value)) else Content.DIFFERS


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
