"""The lock between processes: one at a time, taken over when it lapsed, and a late holder changes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from ledgers.s3 import holder_process
from ledgers.s3.buckets import Bucket
from ledgers.s3.holder_process import LEASE, ROUNDS, describe_self, open_ledger

from keyplan.errors import LedgerError, LedgerLockedError
from keyplan.model.ledger import Memory
from keyplan.model.manifest import DEFAULT_LEASE
from keyplan.testing.samples import SimulatedClock, make_holder, make_intent, make_receipt

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

AT_ONCE = timedelta(0)


@contextmanager
def running(bucket: Bucket, mode: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a holder in a process of its own, at the store itself."""
    argv = [sys.executable, holder_process.__file__, bucket.server.url, bucket.name, mode, str(folder)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def test_two_processes_never_hold_it_at_once(bucket: Bucket, tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(running(bucket, "contend", tmp_path)) for _ in range(2)]
        assert [process.wait(120) for process in processes] == [0, 0]
    numbers = [int(line) for line in (tmp_path / "numbers").read_text().split()]
    assert numbers == list(range(1, 2 * ROUNDS + 1))
    assert open_ledger(bucket.server.url, bucket.name).recall() == Memory(serial=2 * ROUNDS)


def test_a_paused_holder_is_succeeded_and_can_write_nothing_afterwards(bucket: Bucket, tmp_path: Path) -> None:
    other = open_ledger(bucket.server.url, bucket.name)
    with running(bucket, "hold", tmp_path) as paused:
        assert paused.stdout
        assert paused.stdout.readline() == "held\n"
        paused.send_signal(signal.SIGSTOP)
        with pytest.raises(LedgerLockedError), other.lock(describe_self(), patience=AT_ONCE, lease=LEASE):
            pytest.fail("its lease is not over")
        with other.lock(describe_self(), patience=3 * LEASE, lease=LEASE) as lease:
            assert lease.holder.number == 2
            before = other.recall()
            assert before == Memory(intents=(make_intent(),))
            paused.send_signal(signal.SIGCONT)
            said, _ = paused.communicate("go on\n", timeout=60)
            assert said.split() == ["refused"] * 4
            lease.check()
            assert open_ledger(bucket.server.url, bucket.name).recall() == before


def test_a_killed_holder_is_succeeded_when_its_lease_is_over(bucket: Bucket, tmp_path: Path) -> None:
    other = open_ledger(bucket.server.url, bucket.name)
    with running(bucket, "hold", tmp_path) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == "held\n"
        killed.kill()
        with other.lock(describe_self(), patience=3 * LEASE, lease=LEASE) as lease:
            assert lease.holder.number == 2


def test_a_request_that_arrives_after_the_takeover_is_refused(bucket: Bucket) -> None:
    clock = SimulatedClock()
    late, other = bucket.open(clock=clock), bucket.open(clock=clock)
    with late.lock(make_holder("late"), patience=AT_ONCE):
        late.open_intent(make_intent())
        (key,) = [key for key in bucket.list_keys() if "/addresses/" in key]
        seen = bucket.client().get(key)
        assert seen
        bucket.pass_time(DEFAULT_LEASE + timedelta(seconds=2))
        with other.lock(make_holder("other"), patience=AT_ONCE):
            # What the late holder had sent before it lost the lock, and that was on its way until now.
            assert bucket.client().replace(key, b"{}", etag=seen.etag) is None
            assert other.recall() == Memory(intents=(make_intent(),))


def test_a_takeover_that_fails_leaves_no_lock_behind_and_is_made_up_for(bucket: Bucket) -> None:
    clock = SimulatedClock()
    with (late := bucket.open(clock=clock)).lock(make_holder("late"), patience=AT_ONCE):
        late.open_intent(make_intent())
        (key,) = [key for key in bucket.list_keys() if "/addresses/" in key]
        seen = bucket.client().get(key)
        assert seen
        bucket.pass_time(DEFAULT_LEASE + timedelta(seconds=2))
        bucket.proxy.fail("denied", times=1, method="PUT", path="/addresses/")
        with pytest.raises(LedgerError, match="denies"), bucket.open().lock(make_holder("b"), patience=AT_ONCE):
            pytest.fail("the late holder could still write")
        assert bucket.open().holder() is None
        with bucket.open().lock(make_holder("c"), patience=AT_ONCE):
            assert bucket.client().replace(key, b"{}", etag=seen.etag) is None


def test_nothing_is_rewritten_after_a_release(bucket: Bucket) -> None:
    with (ledger := bucket.open()).lock(make_holder("first"), patience=AT_ONCE):
        ledger.open_intent(make_intent())
    bucket.proxy.requests.clear()
    with bucket.open().lock(make_holder("second"), patience=AT_ONCE):
        pass
    assert not [one for one in bucket.proxy.requests if "/addresses/" in one.path]


def test_a_lock_is_not_over_before_its_lease_is_by_the_store_s_clock(bucket: Bucket) -> None:
    clock = SimulatedClock()
    holder, other = bucket.open(clock=clock), bucket.open(clock=clock)
    with holder.lock(make_holder("first"), patience=AT_ONCE):
        clock.advance(timedelta(days=1))
        with pytest.raises(LedgerLockedError), other.lock(make_holder("second"), patience=AT_ONCE):
            pytest.fail("this machine's clock decided")
        bucket.pass_time(DEFAULT_LEASE - timedelta(seconds=2))
        with pytest.raises(LedgerLockedError), other.lock(make_holder("second"), patience=AT_ONCE):
            pytest.fail("a second too early")


def test_who_renews_between_a_look_and_the_takeover_keeps_it(bucket: Bucket) -> None:
    clock = SimulatedClock()
    holder, other = bucket.open(clock=clock), bucket.open(clock=clock)
    with holder.lock(make_holder("first"), patience=AT_ONCE) as lease:
        bucket.pass_time(DEFAULT_LEASE + timedelta(seconds=3))
        clock.advance(DEFAULT_LEASE / 2)
        renewed: list[bool] = []

        def renew(request: object) -> None:
            # The other has looked, found it lapsed, and is about to write.
            if getattr(request, "method", "") == "PUT" and not renewed:
                renewed.append(True)
                lease.check()

        bucket.proxy.before = renew
        with pytest.raises(LedgerLockedError), other.lock(make_holder("second"), patience=AT_ONCE):
            pytest.fail("two hold one lock")
        assert renewed
        holder.record(make_receipt())
