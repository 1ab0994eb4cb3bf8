"""The keys that exist at a provider, as the command line and the Python API list them."""

from __future__ import annotations

import pytest
from simulator import World

from keyplan.app.list import KeyFilter, list_keys
from keyplan.errors import InputError
from keyplan.model.manifest import SpaceByName
from keyplan.ports import ProviderPorts


def open_provider(world: World, closed: list[bool]) -> ProviderPorts:
    return ProviderPorts(reader=world.provider, writer=world.provider, close=lambda: closed.append(True))


def test_every_active_key_is_listed_by_default() -> None:
    world, closed = World(), list[bool]()
    alive, dead = (world.provider.person_creates(name) for name in ("alive", "dead"))
    world.provider.person_deletes(dead.id)
    assert [key.id for key in list_keys(open_provider(world, closed), KeyFilter())] == [alive.id]
    assert closed == [True]


def test_the_provider_is_closed_when_a_space_is_unknown() -> None:
    closed: list[bool] = []
    with pytest.raises(InputError, match="elsewhere"):
        list_keys(open_provider(World(), closed), KeyFilter(space=SpaceByName("elsewhere")))
    assert closed == [True]


def test_a_limit_keeps_the_first_keys_by_id() -> None:
    world = World()
    ids = sorted(world.provider.person_creates(f"key-{number}").id for number in range(3))
    assert [key.id for key in list_keys(open_provider(world, []), KeyFilter(limit=2))] == ids[:2]
