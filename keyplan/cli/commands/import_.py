"""`keyplan import`: a key that is there already becomes a declaration's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click

from keyplan.app.plan import open_workbench
from keyplan.app.workspace import locate
from keyplan.applier.observe import observe
from keyplan.applier.takeover import check_sinks, is_dead, record_import
from keyplan.applier.workbench import Workbench
from keyplan.cli.apply_options import lock_timeout_option
from keyplan.cli.options import argument, ledger_option, option
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.errors import InputError, RefusedError
from keyplan.model.manifest import Address, Manifest
from keyplan.model.observation import Slot
from keyplan.planner.desired import resolve_desired
from keyplan.planner.takeover import Takeover, find_address, find_key, take_over
from keyplan.ports import KeyReader
from keyplan.renderers.sanitize import inert
from keyplan.renderers.words import join_words


@click.command("import")
@argument("address")
@argument("key_id")
@option("--manifest", metavar="FILE", help="The manifest that declares ADDRESS.")
@lock_timeout_option
@ledger_option
@click.pass_obj
def command(
    session: Session,
    *,
    address: str,
    key_id: str,
    manifest: str | None,
    lock_timeout: timedelta,
    ledger: Path | None,
) -> int:
    """Take over a key that somebody else made and delivered.

    Notes that KEY_ID, as keyplan list shows it, is the key of ADDRESS from now on. Changes nothing at the
    provider and no secret. Its raw key must be in every sink of the declaration already; where a sink can be
    read, what it holds must fit the redacted form that the provider shows.

    Refused (exit status 4) where the key is somebody else's, dead, or of another type or space.

    \b
    Example:
      keyplan import user/ci QXBpS2V5OjEwMDI6YzgyMA==
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    place = locate(manifest, session, ledger=ledger)
    known = find_address(place.manifest, address)
    with (
        open_workbench(session.wiring, place, command="import", patience=lock_timeout) as bench,
        show_waiting(session.screen, "Looking at the keys that exist"),
    ):
        takeover, trusted = _import(place.manifest, known, key_id, bench)
    session.screen.answer("".join(f"{line}\n" for line in _describe(takeover, trusted)))
    return 0


def _import(manifest: Manifest, address: Address, key_id: str, bench: Workbench) -> tuple[Takeover, tuple[Slot, ...]]:
    """Return what was taken over, and the slots that could not be checked."""
    now = bench.clock.now()
    snapshot = observe(manifest, reader=bench.reader, ledger=bench.ledger, sinks=bench.sinks, now=now)
    key = find_key(snapshot, key_id)
    if key is None:
        raise _explain_absence(bench.reader, key_id)
    takeover = take_over(resolve_desired(manifest, snapshot.spaces), snapshot, address=address, key=key)
    if takeover.is_known:
        return takeover, ()
    trusted = check_sinks(key, takeover.slots, sinks=bench.sinks, holdings=snapshot.holdings)
    record_import(takeover.receipt, takeover.slots, bench)
    return takeover, trusted


def _explain_absence(reader: KeyReader, key_id: str) -> InputError | RefusedError:
    if is_dead(reader, key_id):
        return RefusedError(f"key {key_id} is dead: it was ended")
    return InputError(
        f"no key that this credential can see has the id '{key_id}'", advice="list them with: keyplan list"
    )


def _describe(takeover: Takeover, trusted: tuple[Slot, ...]) -> Iterator[str]:
    key, address = inert(takeover.key.id), inert(takeover.receipt.address)
    if takeover.is_known:
        yield f"Key {key} is that of {address} already; nothing was done."
        return
    yield f"Key {key} is that of {address} from now on."
    for slot in trusted:
        where = inert(f"{slot.sink}:{slot.location}", width=1000)
        yield f"  not checked  {where} cannot be read; that it holds the key is taken on trust"
    if takeover.changes:
        fields = join_words([inert(change.field) for change in takeover.changes])
        yield f"  differs      {fields}: the next apply makes a new key for that; see keyplan plan"
