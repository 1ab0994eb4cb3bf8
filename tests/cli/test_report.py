"""`keyplan report`."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest
from cli.shell import MANIFEST, Shell
from simulator import World

from keyplan.errors import ProviderUnavailableError


@pytest.fixture
def settled(shell: Shell) -> Shell:
    shell.write()
    shell("apply", "--auto-approve")
    return shell


def test_it_writes_one_page_that_names_every_key(settled: Shell) -> None:
    done = settled("report")
    assert (done.status, done.out, done.err) == (0, "", "Wrote report.html\n")
    path = settled.folder / "report.html"
    assert path.stat().st_mode & 0o777 == 0o600
    page = path.read_text()
    assert page.startswith("<!doctype html>")
    assert [page.count(f"<summary>{address}</summary>") for address in ("user/ci", "service/production/ingest")] == [
        1,
        1,
    ]


def test_it_holds_no_raw_key(settled: Shell) -> None:
    page = settled("report", "--out", "-").out
    raw_keys = [value for sink in settled.world.sinks.values() for value in sink.values().values()]
    assert len(raw_keys) == 2
    assert [raw for raw in raw_keys if raw in page] == []


def test_the_same_account_gives_the_same_page(settled: Shell) -> None:
    assert settled("report", "--out", "-").out == settled("report", "--out", "-").out


def test_it_changes_nothing_and_locks_nothing(shell: Shell) -> None:
    shell.write()
    page = shell("report", "--out", "-").out
    assert "missing" in page
    assert not shell.world.provider.records
    assert shell.world.ledger.held is None
    assert shell.wiring.closed == 1


def test_several_manifests_are_on_one_page_and_one_that_fails_is_named(
    settled: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = World()

    def refuse(*_: object, **__: object) -> Mapping[str, object]:
        raise ProviderUnavailableError("https://api.arize.test refused the connection")

    monkeypatch.setattr(broken.provider, "list_keys", refuse)
    settled.wiring.others["other"] = broken
    (settled.folder / "other").mkdir()
    settled.write(MANIFEST.replace("ml-platform", "other").replace("k7f3a9c2", "k0000000"), "other/keys.yaml")
    done = settled("report", "keys.yaml", "other/keys.yaml", "--out", "-")
    assert done.status == 5
    assert done.err.startswith("other/keys.yaml: error: https://api.arize.test refused the connection")
    assert "manifests that could not be read" in done.out
    assert "ml-platform in keys.yaml" in done.out


def test_a_page_that_would_overwrite_the_manifest_is_refused(settled: Shell) -> None:
    assert settled("report", "--out", "keys.yaml").status == 64


def test_without_the_extra_it_says_what_to_install_before_anything_is_read(
    settled: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "htpy", None)
    done = settled("report")
    assert (done.status, "pip install 'keyplan[report]'" in done.err) == (3, True)
    assert settled.wiring.closed == 1
