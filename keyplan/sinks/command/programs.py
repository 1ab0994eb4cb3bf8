"""Runs the programs of the `command` sink and parses their output.

A value is passed on stdin and nowhere else, and a program's stdout never appears in an error.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.intent import Intent
from keyplan.model.observation import Slot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.model.times import read_time
from keyplan.system.programs import Ran, run

METADATA_VARIABLE: Final = "KEYPLAN_METADATA"
_FORMAT_VERSION = "1.0"
_LASTING: Final = {64: "EX_USAGE", 77: "EX_NOPERM", 78: "EX_CONFIG", 126: "not executable", 127: "not found"}
"""Exit statuses after which trying again does not help: sysexits.h, and POSIX for the last two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What `describe` says of a slot."""

    present: bool
    owner: str | None = None
    receipt: Receipt | None = None
    intent: Intent | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Runs programs in the manifest's folder, each for so long at most."""

    folder: str
    environment: Mapping[str, str]
    limit: timedelta

    def refuse_unrunnable(self, slot: Slot, program: str) -> None:
        """Return if a program exists and may be executed. Raises SinkDeniedError."""
        # A name with a slash is relative to where the program will run.
        path = str(Path(self.folder, program)) if "/" in program else program
        if shutil.which(path, path=self.environment.get("PATH", "")) is None:
            raise SinkDeniedError(
                f"{slot.location}: '{program}' cannot be run",
                advice="see that it exists and may be executed; ./x is relative to the manifest",
            )

    def describe(self, slot: Slot) -> Description:
        """Return what option `describe` prints. Raises SinkDeniedError, SinkUnavailableError."""
        ran = self._run(slot, "describe", _metadata(slot, "describe"))
        try:
            return _read_description(json.loads(ran.out))
        except (ValueError, KeyError, TypeError, AttributeError):
            # From None: the exception quotes what was printed.
            raise SinkUnavailableError(
                f"{slot.location}: describe printed something else than the JSON that it should",
                advice="it should print {present: BOOLEAN, receipt: OBJECT, intent: OBJECT, changed_at: TIME}",
            ) from None

    def store(self, slot: Slot, content: bytes, raw: RawKey, receipt: Receipt) -> None:
        """Hand a value to `argv`, with its receipt. Raises SinkDeniedError, SinkUnavailableError."""
        self._run(slot, "argv", _metadata(slot, "store", receipt=receipt), given=content, hides=raw)

    def annotate(self, slot: Slot, owner: str | None, receipt: Receipt | None, intent: Intent | None) -> None:
        """Have the metadata replaced; no owner: removed. Raises SinkDeniedError, SinkUnavailableError."""
        self._run(slot, "annotate", _metadata(slot, "annotate", receipt=receipt, intent=intent) | {"owner": owner})

    def check(self, slot: Slot, intent: Intent) -> None:
        """Ask whether a value could be stored. Raises SinkDeniedError, SinkUnavailableError if it could not."""
        self._run(slot, "check", _metadata(slot, "check", intent=intent))

    def remove(self, slot: Slot) -> None:
        """Have the value removed. Raises SinkDeniedError, SinkUnavailableError."""
        self._run(slot, "remove", _metadata(slot, "remove"))

    def _run(
        self,
        slot: Slot,
        option: str,
        metadata: Mapping[str, Any],
        *,
        given: bytes = b"",
        hides: RawKey | None = None,
    ) -> Ran:
        ran = run(
            argv_of(slot, option),
            given=given,
            folder=self.folder,
            environment={**self.environment, METADATA_VARIABLE: json.dumps(metadata)},
            limit=self.limit,
            hides=hides,
        )
        if ran.status:
            raise _explain(slot, option, ran)
        return ran


def argv_of(slot: Slot, option: str) -> tuple[str, ...]:
    """Return program and arguments of an option, templates filled in; empty if it is not given."""
    argv: Any = slot.options.get(option)
    return tuple(argv or ())


def _metadata(
    slot: Slot, action: str, *, receipt: Receipt | None = None, intent: Intent | None = None
) -> dict[str, Any]:
    about: Any = slot.options["about"]
    return {
        "format_version": _FORMAT_VERSION,
        "action": action,
        **about,
        "receipt": receipt.to_dict() if receipt else None,
        "intent": intent.to_dict() if intent else None,
    }


def _explain(slot: Slot, option: str, ran: Ran) -> SinkDeniedError | SinkUnavailableError:
    ended = f"signal {-ran.status}" if ran.status < 0 else f"exit status {ran.status}"
    said = f": {ran.complaint}" if ran.complaint else ""
    message = f"{slot.location}: {option} failed with {ended}{said}"
    if ran.status in _LASTING:
        return SinkDeniedError(message, advice=f"{_LASTING[ran.status]}: fix the program of option '{option}'")
    return SinkUnavailableError(message, advice=f"fix the program of option '{option}', then apply again")


def _read_description(values: Mapping[str, Any]) -> Description:
    present = values["present"]
    if not isinstance(present, bool):
        raise TypeError
    receipt = _read_object(values.get("receipt"))
    intent = _read_object(values.get("intent"))
    changed_at = values.get("changed_at")
    return Description(
        present=present,
        owner=values.get("owner"),
        receipt=Receipt.from_dict(receipt) if receipt else None,
        intent=Intent.from_dict(intent) if intent else None,
        changed_at=_read_aware(changed_at) if changed_at else None,
    )


def _read_object(value: Any) -> Mapping[str, Any] | None:
    # A store that keeps metadata as text may give the text back.
    found: Mapping[str, Any] | None = json.loads(value) if isinstance(value, str) and value else value
    return found


def _read_aware(text: str) -> datetime:
    instant = read_time(text)
    if instant.tzinfo is None:
        raise ValueError
    return instant
