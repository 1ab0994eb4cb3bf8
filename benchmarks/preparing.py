"""The state that a manifest's first apply would have left: ledger and secret files, without making the keys.

Runs as `python -m benchmarks.preparing FOLDER --keys N --spaces N --provider URL`, in keyplan's environment and with
keyplan's own adapters, so that what is read back is what keyplan writes. Only the waiting for the disk is left out.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.accounts import OWNER, Account, created_at, key_id, raw_key, redacted_of, spoil
from keyplan.app import registry
from keyplan.app.wiring import LEDGERS, PROVIDERS, SINKS, PluginWiring
from keyplan.documents import schemas
from keyplan.ledgers.documents import to_text
from keyplan.ledgers.sqlite.files import LedgerFile
from keyplan.ledgers.sqlite.place import LedgerPlace
from keyplan.manifest import PluginSchemas, read
from keyplan.model.desired import Desired
from keyplan.model.identity import Identity, KeyId, Lineage, OrganizationId, ScopeId
from keyplan.model.manifest import LedgerSettings, Manifest, ScopeById, ScopeRef
from keyplan.model.observation import Scope, Slot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.planner.desired import resolve_desired
from keyplan.sinks.engine import SinkEngine
from keyplan.sinks.file import build_at
from keyplan.system.files import Folder
from keyplan.system.git import GitIgnoring

_LINEAGE = Lineage(identity=Identity(OWNER))


def prepare(folder: Path, account: Account, provider: str) -> None:
    """Write manifest, spoilt manifest, ledger and secret files of a whole account."""
    folder.mkdir(parents=True, exist_ok=True)
    text = account.write_manifest(provider)
    (folder / "keys.yaml").write_text(text)
    (folder / "spoilt.yaml").write_text(account.write_manifest(provider, spoil=spoil))
    manifest = _read(text.encode())
    spaces: dict[ScopeRef, Scope] = {
        declared.scope: Scope(
            id=ScopeId(str(declared.scope)), name="", organization_id=OrganizationId("any: no digest holds it")
        )
        for declared in manifest.keys
        if isinstance(declared.scope, ScopeById)
    }
    by_address = {one.address: one for one in resolve_desired(manifest, spaces)}
    sink = build_at(
        manifest.sinks["local"],  # type: ignore[index]  # the one sink of `accounts`
        base=str(folder),
        lineage=_LINEAGE,
        ignoring=GitIgnoring({}, ask=lambda *_: 0),
        enter=_HastyFolder.enter,
    )
    receipts = [_deliver(sink, by_address[account.address_of(n)], n) for n in range(account.keys)]  # type: ignore[index]  # addresses are text
    _fill_ledger(folder / ".keyplan" / "ledger.db", provider, receipts)


class _HastyFolder(Folder):
    """A folder whose files are not waited for: 100,000 of them would take minutes."""

    def write(self, name: str, content: bytes) -> None:
        """Put a new file there."""
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=self._descriptor)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(content)


def _read(text: bytes) -> Manifest:
    def find(group: str) -> Any:
        return lambda kind: registry.options_schema(group, kind)

    plugins = PluginSchemas(provider=find(PROVIDERS), sink=find(SINKS), ledger=find(LEDGERS))
    return read(text, file="keys.yaml", schema=schemas.load("manifest.v1"), plugins=plugins)


def _deliver(sink: SinkEngine, desired: Desired, number: int) -> Receipt:
    declared, raw, identity = desired.declaration, RawKey(raw_key(number)), KeyId(key_id(number))
    slot: Slot = sink.locate(OWNER, declared, declared.deliveries[0])
    receipt = Receipt(
        owner=OWNER,
        address=declared.address,
        key_id=identity,
        key_type=declared.key_type,
        name=declared.name,
        scope_ids=desired.scope_ids,
        access=desired.access.digest() if desired.access else "",
        created_at=created_at(number),
        expires_at=declared.expires_at,
        declared_expires_at=declared.expires_at,
        redacted=redacted_of(number),
        fingerprint=raw.fingerprint(identity),
        delivered=(slot.delivered,),
        delivered_at=created_at(number) + timedelta(seconds=1),
    )
    # As an apply does it: the sink hears of the delivery before it is known which sinks took it.
    sink.put(slot, raw, replace(receipt, delivered=()))
    return receipt


def _fill_ledger(path: Path, provider: str, receipts: list[Receipt]) -> None:
    """Record all receipts in one transaction: one each, as an apply does it, would take minutes."""
    settings = LedgerSettings(options={"path": str(path)})
    wiring = PluginWiring({}, print)
    wiring.ledger(settings, lineage=_LINEAGE, folder=path.parent, account=provider).record(receipts[0])
    file = LedgerFile(place=LedgerPlace(path, {}), lineage=_LINEAGE, account=provider)
    with file.writing() as connection:
        rows = [(receipt.address, to_text(receipt.to_dict())) for receipt in receipts]
        connection.executemany("INSERT OR REPLACE INTO receipts VALUES (?, ?)", rows)


def main() -> None:
    """Read the command line and prepare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keys", type=int, required=True)
    parser.add_argument("--spaces", type=int, default=10)
    parser.add_argument("--provider", required=True)
    given = parser.parse_args()
    prepare(given.folder, Account(given.keys, given.spaces), given.provider)


if __name__ == "__main__":
    main()
