"""Which entry of which Secret a slot is, and how the raw key stands in it.

In: a declaration and options, as templates. Out: a slot with its templates filled in, and back from it the target.
Never: a name that Kubernetes doesn't take; a network.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from keyplan.errors import InputError
from keyplan.model.manifest import Declaration, Delivery, Json, SinkSettings
from keyplan.model.observation import Slot
from keyplan.sinks import templates
from keyplan.sinks.formats import FileFormat, JsonDocument, Raw
from keyplan.sinks.kubernetes.secret import Field, Kind, Ref

DEFAULT_ENTRY = "{name}"
FIXED = ("context", "kubeconfig", "write_only", "copy_from")
"""Options that are the same for all keys of a sink."""
OWNER = "keyplan/owner"
_DIGEST_DIGITS = 10
_LONGEST_PART = 100
# kubernetes.io/docs, "Object Names and IDs": a DNS subdomain, a DNS label.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.ASCII)
# Secret v1: keys are of letters, digits, -, _ and .; neither "." nor anything that begins with "..".
_ENTRY = re.compile(r"(?!\.$|\.\.)[-._A-Za-z0-9]+", re.ASCII)
_LONGEST = 253
_PLAIN_IN_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII)
_PLAIN_IN_ENTRY = re.compile(r"[A-Za-z0-9_][-._A-Za-z0-9]*", re.ASCII)
# "Labels and Selectors": at most 63 characters, a letter or digit at both ends.
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A slot, read."""

    location: str
    ref: Ref
    entry: str
    format: FileFormat
    may_overwrite: bool
    """Whether a value that keyplan did not put there may be overwritten."""
    keeps: bool
    """Whether the value outlives its declaration."""

    @property
    def manager(self) -> str:
        """The field manager of the value and its receipt: one per entry, so that applying one drops no other."""
        return f"keyplan-{digest(self.entry)}"

    @property
    def intent_manager(self) -> str:
        """The field manager of the intent, which is noted without a word about the value."""
        return f"{self.manager}-intent"

    @property
    def value(self) -> Field:
        """Where the raw key stands."""
        return Field(Kind.DATA, self.entry)

    @property
    def receipt(self) -> Field:
        """Where the receipt stands."""
        return Field(Kind.ANNOTATION, f"keyplan/receipt.{digest(self.entry)}")

    @property
    def intent(self) -> Field:
        """Where the intent stands."""
        return Field(Kind.ANNOTATION, f"keyplan/intent.{digest(self.entry)}")

    @classmethod
    def of(cls, slot: Slot) -> Target:
        """Return the target that a slot of `fill_slot` means."""
        options = slot.options
        is_json = options.get("format") == "json"
        return cls(
            location=slot.location,
            ref=Ref(_text(options.get("namespace")), _text(options.get("name"))),
            entry=_text(options.get("entry")),
            format=JsonDocument() if is_json else Raw(newline=bool(options.get("newline"))),
            may_overwrite=bool(options.get("overwrite")),
            keeps=options.get("on_remove") == "keep",
        )


def fill_slot(
    settings: SinkSettings, owner: str, declaration: Declaration, delivery: Delivery, *, namespace: str
) -> Slot:
    """Return the slot of a declaration, ``ml/arize-keys#ci``, in the connection's namespace where none is named.

    Raises InputError where a template names an unknown field, or Kubernetes takes no such name.
    """
    fixed = next((name for name in FIXED if name in delivery.options), None)
    if fixed:
        raise InputError(
            f"{delivery.place}: sink '{delivery.sink}' has one '{fixed}' for all keys",
            advice="configure a second sink",
        )
    options: dict[str, Json] = {**settings.options, **delivery.options}
    fields = templates.describe(owner, declaration)
    entry = templates.fill(_text(options.get("entry")) or DEFAULT_ENTRY, fields, to_entry_part)
    filled: dict[str, Json] = {
        "namespace": _check(_text(options.get("namespace")) or namespace, _LABEL, "namespace"),
        "name": _check(templates.fill(_text(options.get("name")), fields, to_name_part), _NAME, "Secret's name"),
        "entry": _check(entry, _ENTRY, "Secret's entry"),
    }
    location = f"{filled['namespace']}/{filled['name']}#{filled['entry']}"
    return Slot(sink=settings.name, location=location, options={**options, **filled})


def to_name_part(value: str) -> str:
    """Return a value as part of a Secret's name: lower case, digits and hyphens, where need be with a digest."""
    return _make_safe(value.lower(), value, _PLAIN_IN_NAME, re.compile(r"[^a-z0-9]+", re.ASCII))


def to_entry_part(value: str) -> str:
    """Return a value as part of an entry's name: letters, digits, ``-``, ``_``, ``.``, where need be with a digest."""
    return _make_safe(value, value, _PLAIN_IN_ENTRY, re.compile(r"[^A-Za-z0-9_]+", re.ASCII))


def to_label(owner: str) -> str:
    """Return an owner as the value of a label, by which its Secrets are listed."""
    return owner if _LABEL_VALUE.fullmatch(owner) else f"owner-{digest(owner)}"


def digest(text: str) -> str:
    """Return the few hex digits that stand for a text which does not fit everywhere."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_DIGITS]


def _make_safe(text: str, value: str, plain: re.Pattern[str], unsafe: re.Pattern[str]) -> str:
    if text == value and plain.fullmatch(value) and len(value) <= _LONGEST_PART:
        return value
    kept = unsafe.sub("-", text).strip("-")[: _LONGEST_PART - _DIGEST_DIGITS - 1].strip("-")
    return f"{kept}-{digest(value)}" if kept else digest(value)


def _check(text: str, rule: re.Pattern[str], what: str) -> str:
    if not rule.fullmatch(text) or len(text) > _LONGEST:
        raise InputError(f"'{text}' can't be a {what} in Kubernetes", advice=f"it must fit {rule.pattern}")
    return text


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
