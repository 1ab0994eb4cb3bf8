"""Signals as a wish to stop."""

from __future__ import annotations

import signal
import threading

import pytest

from keyplan.cli.signals import Interrupts


def test_outside_a_patient_block_a_signal_ends_the_run_at_once() -> None:
    interrupts = Interrupts(print)
    with interrupts.installed(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    assert interrupts.requested() == signal.SIGTERM


def test_inside_a_patient_block_the_first_signal_is_noted_and_told() -> None:
    told: list[str] = []
    interrupts = Interrupts(told.append)
    with interrupts.installed(), interrupts.patiently():
        signal.raise_signal(signal.SIGINT)
        assert interrupts.requested() == signal.SIGINT
    assert len(told) == 1


def test_inside_a_patient_block_the_second_signal_ends_the_run_at_once() -> None:
    interrupts = Interrupts(lambda _: None)
    with interrupts.installed(), interrupts.patiently():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert interrupts.requested() == signal.SIGTERM


def test_a_service_reads_again_on_sighup_and_says_nothing_on_sigterm() -> None:
    told: list[str] = []
    interrupts = Interrupts(told.append)
    with interrupts.installed(), interrupts.serving():
        assert not interrupts.takes_reload()
        signal.raise_signal(signal.SIGHUP)
        assert (interrupts.requested(), interrupts.takes_reload(), interrupts.takes_reload()) == (None, True, False)
        signal.raise_signal(signal.SIGTERM)
        # Asked to stop, it may still be asked to read again; only a second wish to stop ends it at once.
        signal.raise_signal(signal.SIGHUP)
        assert (interrupts.requested(), told) == (signal.SIGTERM, [])
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_nobody_asked_to_stop_yet() -> None:
    assert Interrupts(print).requested() is None


def test_handlers_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Interrupts(print).installed():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_signal_that_the_process_was_told_to_ignore_stays_ignored() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        interrupts = Interrupts(print)
        with interrupts.installed():
            signal.raise_signal(signal.SIGHUP)
        assert interrupts.requested() is None
    finally:
        signal.signal(signal.SIGHUP, former)


def test_a_thread_beside_the_main_one_installs_nothing() -> None:
    seen: list[object] = []

    def install() -> None:
        with Interrupts(print).installed():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=install)
    thread.start()
    thread.join()
    assert seen == [before]
