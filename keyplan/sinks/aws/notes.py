"""What keyplan notes in the tags of one AWS resource: whose it is, its receipt, its open intent. Never the raw key.

Values stay within what AWS allows in a tag: 256 characters, letters, digits and ``_ . : / = + - @``. Receipt and intent
are JSON as base64url, over as many tags as it takes. Tags of other people are left alone.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from keyplan.errors import SinkDeniedError
from keyplan.model.intent import Intent
from keyplan.model.receipt import Receipt
from keyplan.sinks import chunks
from keyplan.sinks.notes import Entry

OWNER = "keyplan-owner"
WHOLE = "keyplan"
"""Prefix of the tags of a resource that holds one raw key and nothing else."""
VERSION = f"{WHOLE}-version"
_TAG_SIZE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsNote:
    """What is noted of one value."""

    owner: str = ""
    """Of the whole resource; empty if keyplan has no part in it."""
    receipt: Receipt | None = None
    intent: Intent | None = None
    version: str = ""
    """Which version of the resource the receipt speaks of."""
    void: str = ""
    """Which version counts as no value, because keyplan withdrew it."""
    made: bool = False
    """Whether keyplan made the resource, so that it may remove it."""
    run: str = ""
    """Short name of the run whose intent it is; empty where a resource has room for one intent only."""

    @property
    def entry(self) -> Entry | None:
        """The note as the engine knows it; its seal is the version that the receipt speaks of."""
        if not self.owner:
            return None
        return Entry(owner=self.owner, receipt=self.receipt, intent=self.intent, seal=self.version)

    @classmethod
    def read(cls, tags: Mapping[str, str], prefix: str, *, locked_by: str = "") -> AwsNote:
        """Return what is noted under a prefix. A receipt or intent that is damaged counts as not there.

        Of several runs' intents, that of the run counts which has locked the resource, else the newest.
        """
        run = _find_run(tags, prefix, locked_by)
        receipt, intent = _load(tags, f"{prefix}-receipt"), _load(tags, _intent_prefix(prefix, run))
        try:
            return cls(
                owner=tags.get(OWNER, ""),
                receipt=Receipt.from_dict(receipt) if receipt else None,
                intent=Intent.from_dict(intent) if intent else None,
                version=tags.get(f"{prefix}-version", ""),
                void=tags.get(f"{prefix}-void", ""),
                made=f"{WHOLE}-made" in tags,
                run=run,
            )
        except (KeyError, ValueError, TypeError, AttributeError):
            # The owner still counts: the next apply delivers a new key, and no other manifest takes the place.
            return cls(owner=tags.get(OWNER, ""), made=f"{WHOLE}-made" in tags)

    def to_tags(self, prefix: str) -> dict[str, str]:
        """Return the note as tags. Raises SinkDeniedError if it is too long for any number of tags."""
        plain = {OWNER: self.owner, f"{prefix}-version": self.version, f"{prefix}-void": self.void}
        plain[f"{WHOLE}-made"] = "yes" if self.made else ""
        return {
            **{name: value for name, value in plain.items() if value},
            **(_dump(self.receipt.to_dict(), f"{prefix}-receipt") if self.receipt else {}),
            **self.intent_tags(prefix),
        }

    def mark_tags(self) -> dict[str, str]:
        """Return what says whose the resource is, alone."""
        return {OWNER: self.owner} if self.owner else {}

    def intent_tags(self, prefix: str) -> dict[str, str]:
        """Return the intent alone as tags; none if there is none."""
        return _dump(self.intent.to_dict(), _intent_prefix(prefix, self.run)) if self.intent else {}


def is_in_use(tags: Iterable[str], prefix: str) -> bool:
    """Whether tags say that there is a value of ours under a prefix, or will be."""
    return any(map(_is_use_of(prefix), tags))


def has_other_fields(tags: Iterable[str], prefix: str) -> bool:
    """Whether tags belong to a field of a secret, and to another one than a prefix."""
    return any(name.startswith(f"{WHOLE}.") and not name.startswith(f"{prefix}-") for name in tags)


def find_surplus(tags: Iterable[str], kept: Mapping[str, str], prefix: str) -> list[str]:
    """Return the names of tags that spoke of a value before and no longer do, sorted."""
    ours, is_use = {OWNER, f"{WHOLE}-made", f"{prefix}-version", f"{prefix}-void"}, _is_use_of(prefix)
    return sorted(name for name in tags if name not in kept and (name in ours or is_use(name)))


def to_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags the way AWS takes them."""
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def from_list(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Return tags from the way AWS gives them."""
    return {tag["Key"]: tag.get("Value", "") for tag in tags or ()}


def _is_use_of(prefix: str) -> Callable[[str], bool]:
    return lambda name: name.startswith((f"{prefix}-receipt-", f"{prefix}-intent-"))


def find_runs(tags: Iterable[str], prefix: str) -> frozenset[str]:
    """Return the runs of which there are intents under a prefix."""
    pattern = re.compile(rf"{re.escape(prefix)}-intent-([0-9a-f]{{8}})-[0-9]{{2}}", re.ASCII)
    return frozenset(found[1] for name in tags if (found := pattern.fullmatch(name)))


def _find_run(tags: Mapping[str, str], prefix: str, locked_by: str) -> str:
    runs = find_runs(tags, prefix)
    if locked_by in runs:
        return locked_by

    def tell_time(run: str) -> tuple[str, str]:
        values = _load(tags, _intent_prefix(prefix, run))
        return (str(values.get("until") or values.get("at")), run) if isinstance(values, dict) else ("", run)

    return max(runs, key=tell_time, default="")


def _intent_prefix(prefix: str, run: str) -> str:
    return f"{prefix}-intent-{run}" if run else f"{prefix}-intent"


def _dump(values: Mapping[str, Any], prefix: str) -> dict[str, str]:
    # Not escaped: AWS takes 50 tags, and the longest name would need more than half of them, twice.
    dumped = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    text = base64.urlsafe_b64encode(dumped.encode()).decode()
    try:
        return chunks.split(text, prefix=prefix, size=_TAG_SIZE)
    except ValueError:
        raise SinkDeniedError("the receipt is too long for AWS tags", advice="shorten the key's name") from None


def _load(tags: Mapping[str, str], prefix: str) -> Any:
    # Other programs may have changed or removed a part: then there is no text, or one that is not JSON.
    text = chunks.join(tags, prefix=prefix)
    try:
        return json.loads(base64.urlsafe_b64decode(text)) if text else None
    except (ValueError, binascii.Error):
        return None
