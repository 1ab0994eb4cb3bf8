"""A ledger of another package: one JSON file, written with `keyplan.plugin` alone.

`build` and `build_reader` are found through the entry point that `install` writes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from keyplan.plugin import (
    Address,
    HistoryEntry,
    Holder,
    InputError,
    Intent,
    IntentId,
    Ledger,
    LedgerLockedError,
    LedgerReader,
    LedgerSettings,
    Memory,
    PlanSpentError,
    PluginContext,
    Receipt,
    Spending,
    read_time,
    write_time,
)

OPTIONS = {
    "type": "object",
    "properties": {"file": {"type": "string", "minLength": 1}},
    "required": ["file"],
    "additionalProperties": False,
}
_EMPTY: Mapping[str, Any] = {"receipts": {}, "intents": {}, "spent": {}, "history": [], "lock": None}


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

    def recall(self) -> Memory:
        noted = self._load()
        intents = map(Intent.from_dict, noted["intents"].values())
        return Memory(
            receipts=tuple(Receipt.from_dict(values) for _, values in sorted(noted["receipts"].items())),
            intents=tuple(sorted(intents, key=lambda intent: (intent.at, intent.id))),
            serial=len(noted["history"]),
        )

    def spending(self, digest: str) -> Spending | None:
        found = self._load()["spent"].get(digest)
        return Spending(**_with_times(found)) if found else None

    def holder(self) -> Holder | None:
        found = self._load()["lock"]
        return Holder(**_with_times(found)) if found else None

    def history(self) -> Sequence[HistoryEntry]:
        return [HistoryEntry(**_with_times(values)) for values in reversed(self._load()["history"])]

    @contextmanager
    def lock(self, holder: Holder, *, patience: timedelta) -> Iterator[None]:
        deadline = self._clock.now() + patience
        while not self._take(holder):
            if self._clock.now() >= deadline:
                raise LedgerLockedError(f"{self._path} is locked")
            self._clock.sleep(timedelta(seconds=1))
        try:
            yield
        finally:
            self._change(lambda noted: self._drop_lock(noted, holder.id))

    def unlock(self, lock_id: str) -> None:
        if not self._change(lambda noted: self._drop_lock(noted, lock_id)):
            raise InputError(f"no lock has the id '{lock_id}'")

    def open_intent(self, intent: Intent) -> None:
        self._change(lambda noted: noted["intents"].update({intent.id: intent.to_dict()}))

    def close_intent(self, intent_id: IntentId) -> None:
        self._change(lambda noted: noted["intents"].pop(intent_id, None))

    def record(self, receipt: Receipt, *, closes: Collection[IntentId] = ()) -> None:
        def act(noted: dict[str, Any]) -> None:
            noted["receipts"][receipt.address] = receipt.to_dict()
            for intent_id in closes:
                noted["intents"].pop(intent_id, None)

        self._change(act)

    def forget(self, address: Address) -> None:
        self._change(lambda noted: noted["receipts"].pop(address, None))

    def spend(self, spending: Spending) -> None:
        def act(noted: dict[str, Any]) -> None:
            if spending.digest in noted["spent"]:
                raise PlanSpentError("this plan was applied before")
            noted["spent"][spending.digest] = asdict(spending)

        self._change(act)

    def remember(self, entry: HistoryEntry) -> None:
        self._change(lambda noted: noted["history"].append(asdict(entry)))

    def _take(self, holder: Holder) -> bool:
        def act(noted: dict[str, Any]) -> bool:
            if noted["lock"]:
                return False
            noted["lock"] = asdict(holder)
            return True

        return bool(self._change(act))

    def _drop_lock(self, noted: dict[str, Any], lock_id: str) -> bool:
        if not noted["lock"] or noted["lock"]["id"] != lock_id:
            return False
        noted["lock"] = None
        return True

    def _load(self) -> dict[str, Any]:
        everything = json.loads(self._path.read_text()) if self._path.exists() else {}
        return dict(everything.get(self._find_name(everything)) or json.loads(json.dumps(_EMPTY)))

    def _find_name(self, everything: Mapping[str, Any]) -> str:
        return next((name for name in self._names if name in everything), self._names[0])

    def _change(self, act: Callable[[dict[str, Any]], object]) -> object:
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
    names = {"at", "since", "started_at", "finished_at"}
    return {name: read_time(value) if name in names else value for name, value in values.items()}


def install(site: Path) -> None:
    """Put this module into a folder as pip would: found there as ledger `json` by whoever has it on the path."""
    shutil.copy(__file__, site / "keyplan_json_ledger.py")
    distribution = site / "keyplan_json_ledger-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: keyplan-json-ledger\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[keyplan.ledgers]\njson = keyplan_json_ledger\n")
