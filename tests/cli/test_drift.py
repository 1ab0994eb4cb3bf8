"""`keyplan drift`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cli.shell import MANIFEST, Shell
from samples import make_ledger_settings
from simulator import Fault
from syrupy.assertion import SnapshotAssertion

import keyplan
from keyplan.app.drift import open_readers
from keyplan.app.wiring import PluginWiring
from keyplan.app.workspace import Workspace, open_workbench
from keyplan.model.identity import KeyId
from keyplan.ports import KeyWriter, Ledger, Sink

WAIVER = "waivers:\n  - {{{subject}, owner: ada, reason: known since the launch, until: {until}}}\n"


@pytest.fixture
def applied(shell: Shell) -> Shell:
    """Return a shell in which the usual manifest is applied."""
    shell.write()
    assert shell("apply", "--auto-approve").status == 0
    return shell


def id_of(shell: Shell, name: str) -> KeyId:
    """Return the id of the live key of that name."""
    (key_id,) = (record.id for record in shell.world.provider.live() if record.name == name)
    return key_id


def find(shell: Shell, *arguments: str) -> list[dict[str, Any]]:
    """Return what is found, from the JSON document."""
    return list(json.loads(shell("drift", "--format", "json", *arguments).out)["findings"])


def test_a_world_in_order_is_status_0(applied: Shell, snapshot: SnapshotAssertion) -> None:
    done = applied("drift")
    assert (done.status, done.err) == (0, "")
    assert done.out == snapshot


def test_what_the_world_did_and_what_is_pending_are_told_apart(applied: Shell, snapshot: SnapshotAssertion) -> None:
    applied.write(MANIFEST + "  - {name: new, key_type: user}\n")
    applied.world.provider.person_deletes(id_of(applied, "ci"))
    applied.world.sinks["local"].person_writes("service/production/ingest", "ak-something-else")  # type: ignore[index]  # a name is text
    applied.world.provider.person_creates("by hand")
    done = applied("drift")
    assert (done.status, done.err) == (2, "")
    assert done.out == snapshot


@pytest.mark.parametrize(
    ("only", "status", "causes"),
    [
        pytest.param([], 2, ["gone", "absent", "unmanaged"], id="everything"),
        pytest.param(["--only", "drift"], 2, ["gone"], id="drift"),
        pytest.param(["--only", "pending"], 2, ["absent"], id="pending"),
        pytest.param(["--only", "drift", "--only", "pending"], 2, ["gone", "absent"], id="both"),
        pytest.param(["--only", "unmanaged"], 2, ["unmanaged"], id="unmanaged, because it was asked for"),
        pytest.param(["--only", "expiring"], 0, [], id="expiring"),
    ],
)
def test_only_what_was_asked_for_counts(applied: Shell, only: list[str], status: int, causes: list[str]) -> None:
    applied.write(MANIFEST + "  - {name: new, key_type: user}\n")
    applied.world.provider.person_deletes(id_of(applied, "ci"))
    applied.world.provider.person_creates("by hand")
    assert applied("drift", *only).status == status
    assert [finding["cause"] for finding in find(applied, *only)] == causes


@pytest.mark.parametrize(
    ("policy", "only", "status", "found"),
    [
        pytest.param("report", [], 0, 1, id="report"),
        pytest.param("fail", [], 2, 1, id="fail"),
        pytest.param("ignore", [], 0, 0, id="ignore"),
        pytest.param("ignore", ["--only", "unmanaged"], 2, 1, id="ignore, and asked for all the same"),
    ],
)
def test_keys_that_nobody_declared_count_as_the_manifest_says(
    applied: Shell, policy: str, only: list[str], status: int, found: int
) -> None:
    applied.write(f"unmanaged: {policy}\n{MANIFEST}")
    applied.world.provider.person_creates("by hand")
    assert applied("drift", *only).status == status
    assert len(find(applied, *only)) == found


@pytest.mark.parametrize(
    ("within", "status"), [pytest.param("9d", 0, id="after that"), pytest.param("10d", 2, id="by then")]
)
def test_a_key_that_ends_and_that_nothing_renews_is_told_in_time(shell: Shell, within: str, status: int) -> None:
    shell.write(MANIFEST.replace("{name: ci,", "{name: ci, expires_at: 2026-12-03T07:31:00Z,"))
    shell("apply", "--auto-approve")
    assert shell("drift", "--only", "expiring", "--within", within).status == status
    assert shell("drift", "--within", within).status == 0
    assert ("expires_soon" in shell("drift", "--within", within).out) is (status == 2)


def test_what_a_guard_holds_back_is_status_4(applied: Shell) -> None:
    applied.write(MANIFEST.replace("{name: ci,", "{name: ci, protect: true, rotation: {generation: 2},"))
    done = applied("drift")
    assert (done.status, "blocked by   protect" in done.out) == (4, True)
    assert applied("drift", "--only", "drift").status == 0


def test_a_policy_that_a_kept_key_breaks_is_found(applied: Shell) -> None:
    applied.write("version: 1\nrequire_expiry: true\n", "policy.yaml")
    assert applied("drift", "--policy", "policy.yaml").status == 4
    causes = {(finding["cause"], finding["blocked_by"]) for finding in find(applied, "--policy", "policy.yaml")}
    assert causes == {("policy", "policy")}


# Waivers.


@pytest.mark.parametrize(
    ("until", "status", "said"),
    [
        pytest.param("2026-11-24", 0, "accepted     by ada until 2026-11-24T00:00:00Z", id="it holds"),
        pytest.param("2026-11-23", 2, "waiver ended at 2026-11-23T00:00:00Z; ada had accepted it", id="it ended"),
    ],
)
def test_an_accepted_finding_counts_again_when_its_waiver_ends(
    applied: Shell, until: str, status: int, said: str
) -> None:
    applied.world.provider.person_deletes(id_of(applied, "ci"))
    applied.write(MANIFEST + WAIVER.format(subject="address: user/ci", until=until))
    done = applied("drift")
    assert (done.status, said in done.out) == (status, True)


def test_a_waiver_that_fits_nothing_is_a_warning_and_no_more(applied: Shell) -> None:
    applied.write(MANIFEST + WAIVER.format(subject="key: none", until="2026-11-24"))
    done = applied("drift")
    assert done.status == 0
    assert "Warning: keys.yaml:10:5: the waiver for 'none' fits nothing that was found: take it out" in done.out


def test_a_waiver_changes_no_plan(applied: Shell) -> None:
    applied.world.provider.person_deletes(id_of(applied, "ci"))
    without = applied("plan").out
    applied.write(MANIFEST + WAIVER.format(subject="address: user/ci", until="2026-11-24"))
    assert applied("plan").out == without


# Misuse and failures.


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--only", "everything"], id="no such kind"),
        pytest.param(["--within", "soon"], id="no duration"),
        pytest.param(["--format", "xml"], id="no such format"),
    ],
)
def test_what_makes_no_sense_is_misuse_and_never_status_2(applied: Shell, arguments: list[str]) -> None:
    assert applied("drift", *arguments).status == 64


@pytest.mark.parametrize(
    ("effect", "status"),
    [("provider.list_keys", 5), ("sink.inspect:local", 6), ("ledger.recall", 7)],
    ids=["provider", "sink", "ledger"],
)
def test_what_cannot_be_looked_at_is_a_failure(applied: Shell, effect: str, status: int) -> None:
    applied.world.effects.inject(Fault.ERROR, effect, times=-1)
    done = applied("drift")
    assert (done.status, done.out) == (status, "")
    assert applied.wiring.closed == 2


def test_a_wrong_manifest_is_told_as_ever(shell: Shell) -> None:
    shell.write(MANIFEST.replace("version: 1", "version: 9"))
    assert shell("drift").status == 3


def test_verbose_names_what_was_looked_at(applied: Shell) -> None:
    assert "2 actions and 0 unmanaged keys for ml-platform" in applied("drift", "-v").err


def test_a_clock_that_is_off_is_a_warning(applied: Shell) -> None:
    applied.world.provider.skew += applied.world.provider.skew.resolution * 10**9
    assert "Warning: the provider's clock is about" in applied("drift").out


# Whoever presents another credential.


def test_the_readers_own_key_is_not_taken_for_keyplans(applied: Shell) -> None:
    rotating = MANIFEST.replace("{name: ci,", "{name: ci, rotation: {generation: 2},")
    applied.world.provider.present(id_of(applied, "ci"))
    applied.write(rotating)
    assert applied("drift").status == 4
    applied.write(f"provider: {{reader_credential: {{env: READER}}}}\n{rotating}")
    assert applied("drift").status == 2


# Nothing is changed, because nothing is there that could.


def place_of(shell: Shell) -> Workspace:
    manifest = keyplan.read_manifest(shell.folder / "keys.yaml")
    return Workspace(manifest=manifest, folder=shell.folder, ledger=make_ledger_settings({"path": "x"}))


def walk(thing: object, seen: set[int]) -> Iterator[object]:
    """Yield a thing and every object of ours that its attributes lead to."""
    if id(thing) in seen or not _is_ours(thing):
        return
    seen.add(id(thing))
    yield thing
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    values = [*getattr(thing, "__dict__", {}).values(), *(getattr(thing, name, None) for name in slots)]
    for value in values:
        for one in value.values() if isinstance(value, dict) else [value]:
            yield from walk(one, seen)


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.startswith("keyplan.")


EFFECTS = {name for port in (KeyWriter, Sink, Ledger) for name in vars(port) if not name.startswith("_")}
"""The methods of ports that only writers have."""
CHANGING = EFFECTS - {"read", "verify", "is_shared"} | {"issue", "end"}
"""Without those that only look (a client has a `read` of its own), and with those of the provider's client."""


def find_effects(thing: object) -> set[str]:
    """Return the names of all methods within reach that change something."""
    return {name for one in walk(thing, set()) for name in CHANGING if callable(getattr(one, name, None))}


def test_nothing_that_drift_is_given_can_change_anything(shell: Shell) -> None:
    shell.write()
    with open_readers(PluginWiring({}, print), place_of(shell)) as doors:
        names = {type(one).__name__ for one in walk(doors, set())}
        assert names >= {"Readers", "ArizeReader", "ProviderReadClient", "SqliteLedgerReader", "ReadOnlySink"}
        assert find_effects(doors) == set()


def test_the_same_search_finds_what_an_apply_is_given(shell: Shell) -> None:
    shell.write()
    wiring = PluginWiring({}, print)
    with open_workbench(wiring, place_of(shell), command="apply", lock_timeout=timedelta(0), say=print) as bench:
        assert find_effects(bench) == CHANGING
