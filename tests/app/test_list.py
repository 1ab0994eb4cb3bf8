"""The keys that exist at a provider, as the command line and the Python API list them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from samples import NOW, make_observation
from simulator import World

from keyplan.app.list import KeyFilter, KeyOrder, list_keys
from keyplan.errors import InputError
from keyplan.model.manifest import ScopeByName
from keyplan.model.observation import Marker
from keyplan.ports import ProviderPorts

DAY = timedelta(days=1)
OURS = make_observation("ours", marker=Marker("acme", "0123456789"), created_at=NOW - 9 * DAY)
USED = make_observation("used", name="b", created_at=NOW - 9 * DAY, last_used_at=NOW - 2 * DAY, expires_at=NOW + DAY)
YOUNG = make_observation("young", name="a", created_at=NOW - DAY, expires_at=NOW + 3 * DAY)


def open_provider(world: World, closed: list[bool]) -> ProviderPorts:
    return ProviderPorts(reader=world.provider, writer=world.provider, close=lambda: closed.append(True))


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
