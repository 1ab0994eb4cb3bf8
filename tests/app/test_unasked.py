"""Sinks and ledgers that are not asked touch nothing and know nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from cli.shell import Shell

import keyplan
from keyplan.app import registry
from keyplan.app.unasked import UnaskedLedger, make_unasked_sinks
from keyplan.app.wiring import PluginWiring
from keyplan.model.identity import SinkName
from keyplan.ports import LedgerReader, SinkReader

MANIFEST = """\
version: 1
owner: o
sinks:
  files: {type: file, path: "secrets/{name}.env"}
  told: {type: command, argv: ["./never-run", "{name}"]}
keys: [{name: ci, key_type: user, sink: [files, told]}]
"""


def test_a_sink_that_is_not_asked_has_the_places_of_the_real_one_and_nothing_in_them(shell: Shell) -> None:
    manifest = keyplan.read_manifest(shell.write(MANIFEST))
    (declared,) = manifest.keys
    sinks = make_unasked_sinks(manifest)
    real = PluginWiring({"PATH": ""}, print).sinks(manifest, folder=shell.folder)
    for delivery in declared.deliveries:
        sink: SinkReader = sinks[delivery.sink]
        slot = sink.locate(manifest.owner, declared, delivery)
        assert slot == real[delivery.sink].locate(manifest.owner, declared, delivery)
        assert (sink.inspect([slot]), sink.abilities.is_asked) == ({}, False)


def test_a_sink_of_others_without_places_has_the_address_in_their_stead(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = keyplan.read_manifest(shell.write(MANIFEST))
    monkeypatch.setattr(registry, "load", lambda _group, _name: SimpleNamespace())
    (declared,) = manifest.keys
    slot = make_unasked_sinks(manifest)[SinkName("told")].locate(manifest.owner, declared, declared.deliveries[1])
    assert str(slot) == "told:user/ci"


def test_a_ledger_that_is_not_asked_says_so() -> None:
    ledger: LedgerReader = UnaskedLedger()
    memory = ledger.recall()
    assert (memory.receipts, memory.is_asked) == ((), False)
    assert (ledger.spending("x"), ledger.holder(), ledger.history()) == (None, None, ())
