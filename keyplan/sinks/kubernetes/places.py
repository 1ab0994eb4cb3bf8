"""Which entry of which Secret a slot is, and which format the raw key has there.

Names that Kubernetes does not take are refused here, before anything is sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from keyplan.errors import InputError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Json
from keyplan.model.observation import Slot
from keyplan.sinks import templates
from keyplan.sinks.formats import FileFormat
from keyplan.sinks.kubernetes.secret import SecretField, SecretMap, SecretRef
from keyplan.sinks.options import format_of

DEFAULT_ENTRY = "{name}"
FIXED = ("context", "kubeconfig", "write_only")
"""Options that are the same for all keys of a sink."""
OWNER = "keyplan/owner"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGER = "keyplan-"
"""How the names of keyplan's field managers begin."""
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
class KubernetesPlace:
    """The entry that a slot means."""

    location: str
    ref: SecretRef
    entry: str
    format: FileFormat
    may_overwrite: bool
    """Whether a value that keyplan did not write may be overwritten."""
    labels: Mapping[str, str]
    """Of the Secret, beside keyplan's own."""
    annotations: Mapping[str, str]
    """Of the Secret, beside keyplan's own."""

    @property
    def manager(self) -> str:
        """The field manager of the value and its receipt: one per entry, so that applying one drops no other."""
        return f"{MANAGER}{digest(self.entry)}"

    @property
    def intent_manager(self) -> str:
        """The field manager of the intent, which is noted without the value."""
        return f"{self.manager}-intent"

    @property
    def value(self) -> SecretField:
        """The field with the raw key."""
        return SecretField(SecretMap.DATA, self.entry)

    @property
    def receipt(self) -> SecretField:
        """The annotation with the receipt."""
        return SecretField(SecretMap.ANNOTATION, f"keyplan/receipt.{digest(self.entry)}")

    @property
    def intent(self) -> SecretField:
        """The annotation with the intent."""
        return SecretField(SecretMap.ANNOTATION, f"keyplan/intent.{digest(self.entry)}")

    @classmethod
    def of(cls, slot: Slot) -> KubernetesPlace:
        """Return the place that a slot of `fill_slot` means."""
        options = slot.options
        return cls(
            location=slot.location,
            ref=SecretRef(_text(options.get("namespace")), _text(options.get("name"))),
            entry=_text(options.get("entry")),
            format=format_of(slot),
            may_overwrite=bool(options.get("overwrite")),
            labels=_texts(options.get("labels")),
            annotations=_texts(options.get("annotations")),
        )


def fill_slot(
    sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json], *, namespace: str
) -> Slot:
    """Return the slot of a declaration, ``ml/arize-keys#ci``, in the connection's namespace if none is named.

    Raises InputError if a template names an unknown field, or Kubernetes takes no such name.
    """
    fields = templates.describe(owner, declaration)
    entry = templates.fill(_text(options.get("entry")) or DEFAULT_ENTRY, fields, to_entry_part)
    filled: dict[str, Json] = {
        "namespace": _check(_text(options.get("namespace")) or namespace, _LABEL, "namespace"),
        "name": _check(templates.fill(_text(options.get("name")), fields, to_name_part), _NAME, "Secret's name"),
        "entry": _check(entry, _ENTRY, "Secret's entry"),
    }
    location = f"{filled['namespace']}/{filled['name']}#{filled['entry']}"
    return Slot(sink=sink, location=location, options={**options, **filled})


def to_name_part(value: str) -> str:
    """Return a value as part of a Secret's name: lower case, digits and hyphens, with a digest if need be."""
    return _make_safe(value.lower(), value, _PLAIN_IN_NAME, re.compile(r"[^a-z0-9]+", re.ASCII))


def to_entry_part(value: str) -> str:
    """Return a value as part of an entry's name: letters, digits, ``-``, ``_``, ``.``, with a digest if need be."""
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


def is_reserved(name: str) -> bool:
    """Whether a label or annotation is one of keyplan's own, which no option may set."""
    return name.startswith("keyplan/") or name == MANAGED_BY_LABEL


def _texts(value: Json) -> Mapping[str, str]:
    return {name: str(text) for name, text in value.items()} if isinstance(value, Mapping) else {}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
