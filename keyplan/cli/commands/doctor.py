"""`keyplan doctor`: whether everything that a manifest needs is there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Place, locate
from keyplan.applier.doctor import Doors, examine
from keyplan.cli.options import argument, format_option, ledger_option
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.model.manifest import SinkName
from keyplan.ports import Sink
from keyplan.renderers.formats import EXAMINATION_FORMATS, render_examination


@click.command("doctor")
@argument("manifest", variable="MANIFEST", required=False)
@format_option(*EXAMINATION_FORMATS)
@ledger_option
@click.pass_obj
def command(session: Session, *, manifest: str | None, as_format: str, ledger: Path | None) -> int:
    """Check credential, rights, clock, sinks, ledger and lock, and say what to fix.

    Changes nothing, so what only trying would tell is called unknown. Ends with 0 where nothing is broken, else with
    5, 6 or 7: the provider, a sink or the ledger would fail.

    \b
    Example:
      keyplan doctor keys.yaml
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    place, wiring = locate(manifest, session, ledger=ledger), session.wiring
    with show_waiting(session.screen, "Asking provider, sinks and ledger"):
        examination = examine(place.manifest, _find_doors(wiring, place), now=wiring.clock.now())
    session.screen.answer(render_examination(examination, as_format=as_format, palette=session.screen.palette))
    return examination.exit_status


def _find_doors(wiring: Wiring, place: Place) -> Doors:
    manifest = place.manifest
    return Doors(
        provider=partial(wiring.provider, manifest.provider, owner=manifest.owner, folder=place.folder),
        sinks={name: partial(_open_sink, wiring, place, name) for name in manifest.sinks},
        ledger=lambda account: wiring.ledger_reader(place.ledger, owner=manifest.owner, account=account),
    )


def _open_sink(wiring: Wiring, place: Place, name: SinkName) -> Sink:
    """Return one sink, whatever is wrong with the others."""
    alone = replace(place.manifest, sinks={name: place.manifest.sinks[name]})
    return wiring.sinks(alone, folder=place.folder)[name]
