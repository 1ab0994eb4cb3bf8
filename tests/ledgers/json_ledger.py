"""A ledger of another package: one JSON file, written with `keyplan.plugin` alone.

`build` and `build_reader` are found through the entry point that `install` writes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from keyplan.plugin import (
    DEFAULT_LEASE,
    Address,
    HistoryEntry,
    Holder,
    InputError,
    Intent,
    IntentId,
    Lease,
    Ledger,
    LedgerLockedError,
    LedgerReader,
    LedgerSettings,
    LockName,
    LockRequest,
    Memory,
    PlanSpentError,
    PluginContext,
    Receipt,
    Spending,
    chain_entry,
    hold_lease,
    make_lost_error,
    read_time,
    write_time,
)

OPTIONS = {
    "type": "object",
    "properties": {"file": {"type": "string", "minLength": 1}},
    "required": ["file"],
    "additionalProperties": False,
}
T = TypeVar("T")

_EMPTY: Mapping[str, Any] = {"receipts": {}, "intents": {}, "spent": {}, "history": [], "locks": {}}


def build(settings: LedgerSettings, context: PluginContext, *, account: str) -> Ledger:
    return JsonLedger(Path(context.folder, str(settings.options["file"])), account, context)


def build_reader(settings: LedgerSettings, context: PluginContext, *, account: str) -> LedgerReader:
    return build(settings, context, account=account)


class JsonLedger:
    """Implements Ledger. One file serves many manifests and accounts, each under a key of its own."""

    def __init__(self, path: Path, account: str, context: PluginContext) -> None:
        self._path = path
        # The present name first; then those that the manifest had, whose notes are its own.
        self._names = [f"{identity} {account}" for identity in context.lineage.identities]
        self._clock = context.clock
        self._held: Holder | None = None

    def recall(self) -> Memory:
        noted = self._load()
        intents = map(Intent.from_dict, noted["intents"].values())
        return Memory(
            receipts=tuple(Receipt.from_dict(values) for _, values in sorted(noted["receipts"].items())),
            intents=tuple(sorted(intents, key=lambda intent: (intent.at, intent.id))),
            serial=len(noted["history"]),
            head=noted["history"][-1]["link"]["hash"] if noted["history"] else "",
        )

    def spending(self, digest: str) -> Spending | None:
        found = self._load()["spent"].get(digest)
        return Spending(**_with_times(found)) if found else None

    def holder(self, name: LockName = LockName.APPLY) -> Holder | None:
        return self._find_holder(self._load(), name)

    def history(self) -> Sequence[HistoryEntry]:
        return [HistoryEntry.from_dict(values) for values in reversed(self._load()["history"])]

    is_shared = False

    def lock(
        self,
        holder: Holder,
        *,
        patience: timedelta,
        lease: timedelta = DEFAULT_LEASE,
        name: LockName = LockName.APPLY,
    ) -> AbstractContextManager[Lease]:
        wanted = LockRequest(holder=holder, patience=patience, lease=lease, name=name)
        return hold_lease(self, wanted, clock=self._clock, refuse=lambda: LedgerLockedError(f"{self._path} is locked"))

    def unlock(self, lock_id: str) -> None:
        if not any(self._change(partial(self._drop_lock, name=name, lock_id=lock_id)) for name in LockName):
            raise InputError(f"no lock has the id '{lock_id}'")

    # what `hold_lease` asks

    def seize(self, holder: Holder, *, lease: timedelta, name: LockName) -> Holder | None:
        def act(noted: dict[str, Any]) -> Holder | None:
            former, now = self._find_holder(noted, name), self._clock.now()
            if former and former.until and former.until > now:
                return None
            noted["number"] = noted.get("number", 0) + 1
            held = replace(holder, until=now + lease, number=noted["number"])
            noted["locks"][name.value] = asdict(held)
            return held

        held: Holder | None = self._change(act)
        if held and name is LockName.APPLY:
            self._held = held
        return held

    def renew(self, held: Holder, *, lease: timedelta, name: LockName) -> Holder:
        renewed = replace(held, until=self._clock.now() + lease)

        def act(noted: dict[str, Any]) -> None:
            self._require(noted, held, name)
            noted["locks"][name.value] = asdict(renewed)

        self._change(act)
        return renewed

    def release(self, held: Holder, *, name: LockName) -> None:
        self._held = None
        self._change(partial(self._drop_lock, name=name, lock_id=held.id))

    def open_intent(self, intent: Intent) -> None:
        self._write(lambda noted: noted["intents"].update({intent.id: intent.to_dict()}))

    def close_intent(self, intent_id: IntentId) -> None:
        self._write(lambda noted: noted["intents"].pop(intent_id, None))

    def record(self, receipt: Receipt, *, closes: Collection[IntentId] = ()) -> None:
        def act(noted: dict[str, Any]) -> None:
            noted["receipts"][receipt.address] = receipt.to_dict()
            for intent_id in closes:
                noted["intents"].pop(intent_id, None)

        self._write(act)

    def forget(self, address: Address) -> None:
        self._write(lambda noted: noted["receipts"].pop(address, None))

    def spend(self, spending: Spending) -> None:
        def act(noted: dict[str, Any]) -> None:
            if spending.digest in noted["spent"]:
                raise PlanSpentError("this plan was applied before")
            noted["spent"][spending.digest] = asdict(spending)

        self._write(act)

    def remember(self, entry: HistoryEntry) -> HistoryEntry:
        def act(noted: dict[str, Any]) -> HistoryEntry:
            stored = chain_entry(entry, map(HistoryEntry.from_dict, reversed(noted["history"])))
            noted["history"].append(stored.to_dict())
            return stored

        return self._write(act)

    def _find_holder(self, noted: Mapping[str, Any], name: LockName) -> Holder | None:
        found = noted["locks"].get(name.value)
        return Holder(**_with_times(found)) if found else None

    def _require(self, noted: Mapping[str, Any], held: Holder, name: LockName) -> None:
        found = self._find_holder(noted, name)
        if found is None or (found.id, found.number) != (held.id, held.number):
            raise make_lost_error(str(self._path), found)

    def _write(self, act: Callable[[dict[str, Any]], T]) -> T:
        def checked(noted: dict[str, Any]) -> T:
            if self._held:
                self._require(noted, self._held, LockName.APPLY)
            return act(noted)

        return self._change(checked)

    @staticmethod
    def _drop_lock(noted: dict[str, Any], name: LockName, lock_id: str) -> bool:
        if noted["locks"].get(name.value, {}).get("id") != lock_id:
            return False
        del noted["locks"][name.value]
        return True

    def _load(self) -> dict[str, Any]:
        everything = json.loads(self._path.read_text()) if self._path.exists() else {}
        return dict(everything.get(self._find_name(everything)) or json.loads(json.dumps(_EMPTY)))

    def _find_name(self, everything: Mapping[str, Any]) -> str:
        return next((name for name in self._names if name in everything), self._names[0])

    def _change(self, act: Callable[[dict[str, Any]], T]) -> T:
        with self._path.with_suffix(".turn").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            everything = json.loads(self._path.read_text()) if self._path.exists() else {}
            noted = self._load()
            answer = act(noted)
            # A former name's notes are kept under the present one from the first write on.
            everything.pop(self._find_name(everything), None)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps({**everything, self._names[0]: noted}, default=write_time))
            os.replace(fresh, self._path)  # noqa: PTH105 - says what it is
        return answer


def _with_times(values: Mapping[str, Any]) -> dict[str, Any]:
    names = {"at", "since", "until"}
    return {name: read_time(value) if value and name in names else value for name, value in values.items()}


def install(site: Path) -> None:
    """Put this module into a folder as pip would: found there as ledger `json` by whoever has it on the path."""
    shutil.copy(__file__, site / "keyplan_json_ledger.py")
    distribution = site / "keyplan_json_ledger-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: keyplan-json-ledger\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[keyplan.ledgers]\njson = keyplan_json_ledger\n")
