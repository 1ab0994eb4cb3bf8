"""A writer that masks: before anything else can be done with a new raw key, and nothing more than that."""

from __future__ import annotations

from datetime import timedelta

import pytest
from samples import make_desired
from simulator import World

from keyplan.app.masks import MaskingWriter
from keyplan.errors import InDoubtError, ProviderError
from keyplan.model.identity import KeyId
from keyplan.model.secret import RawKey
from keyplan.simulated.effects import EffectFault as Fault


@pytest.fixture
def masked() -> list[str]:
    """Return what was masked so far."""
    return []


def make_writer(world: World, masked: list[str]) -> MaskingWriter:
    return MaskingWriter(writer=world.provider, mask=lambda raw: masked.append(raw.reveal()))


def test_a_new_raw_key_is_masked_before_anybody_gets_it(masked: list[str]) -> None:
    world = World()
    writer = make_writer(world, masked)
    first = writer.create(make_desired(), expires_at=None)
    second = writer.refresh(first.key.id, expires_at=None, grace=timedelta(0))
    assert masked == [first.raw.reveal(), second.raw.reveal()]


def test_what_makes_no_raw_key_masks_nothing(masked: list[str]) -> None:
    world = World()
    raw = world.provider.create(make_desired(), expires_at=None).raw
    writer = make_writer(world, masked)
    assert writer.verify(raw)
    writer.delete(KeyId("key-1"))
    assert not writer.verify(RawKey("ak-unknown"))
    assert masked == []


def test_a_lost_answer_masks_nothing_and_stays_in_doubt(masked: list[str]) -> None:
    world = World()
    world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    with pytest.raises(InDoubtError):
        make_writer(world, masked).create(make_desired(), expires_at=None)
    with pytest.raises(ProviderError):
        make_writer(world, masked).refresh(KeyId("none"), expires_at=None, grace=timedelta(0))
    assert masked == []
