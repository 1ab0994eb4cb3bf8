"""Compare-and-set on one object: writes that arrive late, or that others came before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ledgers.s3.buckets import Bucket

from keyplan.errors import LedgerError
from keyplan.ledgers.s3.client import S3Client, Written
from keyplan.ledgers.s3.failures import S3UnavailableError
from keyplan.ledgers.s3.objects import Belief, S3Objects, Values
from keyplan.testing.samples import SimulatedClock, make_context

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

KEY = "keyplan/x/thing.json"


@pytest.fixture
def objects(bucket: Bucket) -> S3Objects:
    return S3Objects(bucket.client(), make_context())


def test_an_object_is_made_changed_and_removed(objects: S3Objects, bucket: Bucket) -> None:
    made = objects.change(KEY, lambda _: {"number": 1})
    assert made
    assert made.values["number"] == 1
    changed = objects.change(KEY, lambda values: {"number": (values or {})["number"] + 1}, belief=Belief(made))
    assert changed
    assert changed.values["number"] == 2
    assert objects.change(KEY, lambda _: None) is None
    assert bucket.list_keys() == []
    assert objects.change(KEY, lambda values: values) is None


def test_a_wrong_belief_costs_a_read_and_nothing_else(objects: S3Objects) -> None:
    stale = objects.change(KEY, lambda _: {"number": 1})
    objects.change(KEY, lambda _: {"number": 7})
    seen: list[object] = []

    def add(values: Values | None) -> Values:
        seen.append((values or {})["number"])
        return {"number": (values or {})["number"] + 1}

    changed = objects.change(KEY, add, belief=Belief(stale))
    assert changed
    assert (changed.values["number"], seen) == (8, [1, 7])


def test_a_belief_that_nothing_has_to_change_is_not_trusted(objects: S3Objects) -> None:
    stale = objects.change(KEY, lambda _: {"number": 1})
    objects.change(KEY, lambda _: {"number": 7})
    found = objects.change(KEY, lambda values: values, belief=Belief(stale))
    assert found
    assert found.values["number"] == 7


class LateClient(S3Client):
    """Its first create gets no answer, and reaches the store only right before the second."""

    late: bytes | None = None

    def create(self, key: str, body: bytes) -> Written | None:
        if key != KEY:
            return super().create(key, body)
        if self.late is None:
            self.late = body
            raise S3UnavailableError("no answer")
        assert super().create(key, self.late)
        return super().create(key, body)


def test_a_write_that_was_given_up_and_arrives_late_is_our_own(bucket: Bucket) -> None:
    plain = bucket.client()
    objects = S3Objects(LateClient(plain._client, plain._errors, plain.options), make_context())
    calls: Iterator[int] = iter(range(10))

    def once(values: Values | None) -> Values:
        assert values is None, "its own write was taken for another's"
        next(calls)
        return {"number": 1}

    made = objects.change(KEY, once)
    assert made
    assert (made.values["number"], next(calls)) == (1, 2)


def test_an_object_that_others_change_each_time_is_given_up(objects: S3Objects, bucket: Bucket) -> None:
    clock = SimulatedClock()
    objects = S3Objects(bucket.client(), make_context(clock=clock))
    objects.change(KEY, lambda _: {"number": 0})
    other = S3Objects(bucket.client(), make_context())

    def add(values: Values | None) -> Values:
        other.change(KEY, lambda found: {"number": (found or {})["number"] + 1})
        return {"number": -1}

    before = clock.now()
    with pytest.raises(LedgerError, match="others keep changing it"):
        objects.change(KEY, add)
    assert (clock.now() - before).total_seconds() > 1
    found = other.read(KEY)
    assert found
    assert found.values["number"] > 5
