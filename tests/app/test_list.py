"""The keys that exist at a provider, as the command line and the Python API list them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cli.shell import Shell
from samples import NOW, make_observation
from simulator import SimulatedProvider, World
from two_providers import ARIZE, SECOND_URL, PairShell, make_applied

from keyplan.app.list import KeyFilter, KeyOrder, list_keys
from keyplan.errors import InputError
from keyplan.model.identity import UserId
from keyplan.model.manifest import KeyType, OrganizationGrant, Role, ScopeByName, SpaceGrant
from keyplan.model.observation import Access, Marker
from keyplan.ports import ProviderPorts

DAY = timedelta(days=1)
OURS = make_observation("ours", marker=Marker("acme", "0123456789"), created_at=NOW - 9 * DAY)
USED = make_observation("used", name="b", created_at=NOW - 9 * DAY, last_used_at=NOW - 2 * DAY, expires_at=NOW + DAY)
YOUNG = make_observation("young", name="a", created_at=NOW - DAY, expires_at=NOW + 3 * DAY)


def open_provider(world: World, closed: list[bool]) -> ProviderPorts:
    return ProviderPorts(reader=world.provider, writer=world.provider, close=lambda: closed.append(True))


def make_access(provider: SimulatedProvider) -> Access:
    """Return the access of a service key in one space."""
    space = provider.spaces["production"]
    granted = OrganizationGrant(org_id=space.organization_id, spaces=(SpaceGrant(space_id=space.id),))
    return Access(account_role=Role("member"), organizations=(granted,))


def test_every_active_key_is_listed_by_default() -> None:
    world, closed = World(), list[bool]()
    alive, dead = (world.provider.person_creates(name) for name in ("alive", "dead"))
    world.provider.person_deletes(dead.id)
    assert [key.id for key in list_keys(open_provider(world, closed), KeyFilter(), now=NOW)] == [alive.id]
    assert closed == [True]


def test_the_provider_is_closed_when_a_space_is_unknown() -> None:
    closed: list[bool] = []
    with pytest.raises(InputError, match="elsewhere"):
        list_keys(open_provider(World(), closed), KeyFilter(space=ScopeByName("elsewhere")), now=NOW)
    assert closed == [True]


def test_a_limit_keeps_the_first_keys_by_id() -> None:
    world = World()
    ids = sorted(world.provider.person_creates(f"key-{number}").id for number in range(3))
    assert [key.id for key in list_keys(open_provider(world, []), KeyFilter(limit=2), now=NOW)] == ids[:2]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(KeyFilter(owner="acme"), {"ours"}, id="owner"),
        pytest.param(KeyFilter(owner="ops"), set(), id="another owner"),
        pytest.param(KeyFilter(managed=True), {"ours"}, id="managed"),
        pytest.param(KeyFilter(managed=False), {"used", "young"}, id="unmanaged"),
        pytest.param(KeyFilter(names=("a", "c*")), {"ours", "young"}, id="names"),
        pytest.param(KeyFilter(expiring=2 * DAY), {"used"}, id="expiring"),
        pytest.param(KeyFilter(unused=2 * DAY), {"ours", "used"}, id="unused, and never used"),
        pytest.param(KeyFilter(unused=3 * DAY), {"ours"}, id="unused for longer"),
        pytest.param(KeyFilter(managed=False, names=("a",)), {"young"}, id="all parts"),
    ],
)
def test_a_key_is_listed_if_it_fits_every_part_of_the_filter(wanted: KeyFilter, expected: set[str]) -> None:
    assert {key.id for key in (OURS, USED, YOUNG) if wanted.takes(key, NOW)} == expected


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (KeyOrder.ID, ["b", "a", "c"]),
        (KeyOrder.NAME, ["a", "b", "c"]),
        (KeyOrder.CREATED, ["b", "a", "c"]),
        (KeyOrder.EXPIRES, ["a", "c", "b"]),
        (KeyOrder.LAST_USED, ["c", "b", "a"]),
    ],
)
def test_a_list_is_sorted_as_asked_and_keys_without_a_time_come_last(order: KeyOrder, names: list[str]) -> None:
    world = World()
    provider = world.provider
    for name, days in (("b", None), ("a", 1), ("c", 2)):
        provider.person_creates(name, expires_at=world.clock.now() + days * DAY if days else None)
        world.clock.advance(timedelta(seconds=1))
    for name in ("c", "b"):
        provider.person_uses(next(record.id for record in provider.live() if record.name == name))
        world.clock.advance(timedelta(seconds=1))
    keys = list_keys(open_provider(world, []), KeyFilter(order=order), now=world.clock.now())
    assert [key.name for key in keys] == names


def test_unused_keys_cannot_be_listed_if_no_last_use_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    laws = replace(world.provider.laws(), shows_last_use=False)
    monkeypatch.setattr(world.provider, "laws", lambda: laws)
    with pytest.raises(InputError, match="does not show when a key was last used"):
        list_keys(open_provider(world, []), KeyFilter(unused=DAY), now=NOW)


def listed(shell: PairShell, *options: str) -> list[tuple[str, str]]:
    """Return provider and id of each key that is listed."""
    done = shell("list", "--format", "json", *options)
    assert done.status == 0, done.err
    return [(one["provider"], one["id"]) for one in json.loads(done.out)]


def test_the_keys_of_several_providers_are_listed_together_with_the_names_of_both(tmp_path: Path) -> None:
    shell = make_applied(tmp_path)
    assert listed(shell) == [("main", "key-0001"), ("zen", "zen:key-0501")]
    assert listed(shell, "--sort", "name", "--limit", "1") == [("main", "key-0001")]
    table = shell("list").out.splitlines()
    assert [line.split()[-1] for line in table[:3]] == ["PROVIDER", "main", "zen"]
    assert shell("list", "--format", "csv").out.splitlines()[0].endswith(",space_ids,provider")
    assert "| `zen` |" in shell("list", "--format", "markdown").out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--provider", "zen"], ["zen:key-0501"]),
        (["--provider", "main"], ["key-0001"]),
        (["--space", "zen:staging"], ["zen:key-0501"]),
        (["--provider", "zen", "--space", "staging"], ["zen:key-0501"]),
        (["--space-id", "zen:space-staging"], ["zen:key-0501"]),
        (["--provider", "zen", "--space-id", "space-staging"], ["zen:key-0501"]),
        (["--space", "staging"], []),
    ],
    ids=" ".join,
)
def test_one_of_several_providers_is_asked_if_it_is_named(
    tmp_path: Path, options: list[str], expected: list[str]
) -> None:
    assert [key_id for _, key_id in listed(make_applied(tmp_path), *options)] == expected


def test_the_spaces_of_each_provider_are_looked_in(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    for one in (shell.first, shell.second):
        access = make_access(one)
        one.person_creates("theirs", key_type=KeyType.SERVICE, access=access, created_by=UserId("another"))
    assert [key_id for _, key_id in listed(shell, "--name", "theirs")] == ["key-0002", "zen:key-0502"]


def test_one_provider_that_fails_is_named_and_nothing_is_listed_in_part(tmp_path: Path) -> None:
    shell = make_applied(tmp_path)
    shell.second.is_denied = True
    done = shell("list")
    assert (done.status, done.out) == (5, "")
    assert f"provider 'zen' ({SECOND_URL}): 403 Forbidden" in done.err
    assert [key_id for _, key_id in listed(shell, "--provider", "main")] == ["key-0001"]
    assert shell.wiring.closed == shell.wiring.opened, "a provider is still open"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--provider", "elsewhere"], "provider 'elsewhere' is unknown; known are 'main', 'zen'"),
        (["--base-url", "https://elsewhere.test"], "has several providers"),
        (["--unused", "1d"], f"provider 'zen' ({SECOND_URL}): this API does not show when a key was last used"),
    ],
)
def test_what_several_providers_cannot_be_asked_is_refused(tmp_path: Path, options: list[str], message: str) -> None:
    done = make_applied(tmp_path)("list", *options)
    assert (done.status, message in done.err) == (3, True), done.err


def test_a_provider_is_not_named_if_there_is_one(shell: Shell) -> None:
    shell.write()
    done = shell("list", "--provider", "main")
    assert (done.status, "leave out --provider" in done.err) == (3, True)
