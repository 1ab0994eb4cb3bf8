"""The samples that plugin authors get, and their context."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from keyplan.plugin import FromEnvironment, FromFile, InputError
from keyplan.testing.samples import NOW, SimulatedClock, make_context, make_ledger_settings, make_provider_settings


def test_a_context_reaches_nothing_of_the_machine(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    assert (context.folder, context.environment, context.clock.now()) == (str(tmp_path), {}, NOW)
    assert context.jitter(2.0) == 2.0


def test_a_secret_is_one_of_the_environment_that_was_given() -> None:
    context = make_context(environment={"TOKEN": "t-1"})
    assert context.resolve(FromEnvironment("TOKEN")).reveal() == "t-1"


@pytest.mark.parametrize("source", [FromEnvironment("OTHER"), FromFile("/etc/token")], ids=["variable", "file"])
def test_any_other_secret_is_an_error(source: FromEnvironment | FromFile) -> None:
    with pytest.raises(InputError, match="not a secret of this test"):
        make_context(environment={"TOKEN": "t-1"}).resolve(source)


def test_what_the_user_is_told_is_kept_if_it_is_wanted() -> None:
    said: list[str] = []
    make_context(said=said).say("careful")
    make_context().say("nobody reads this")
    assert said == ["careful"]


def test_a_clock_moves_when_somebody_sleeps() -> None:
    clock, woken = SimulatedClock(), []
    clock.on_sleep = lambda: woken.append(clock.now())
    clock.sleep(timedelta(seconds=2))
    clock.advance(timedelta(seconds=-9))
    assert (clock.now() - NOW, woken) == (timedelta(seconds=2), [NOW])


def test_settings_have_the_options_that_were_given() -> None:
    assert make_ledger_settings({"path": "x"}).options == {"path": "x"}
    assert make_provider_settings({"region": "eu"}, provider_type="arize").options == {"region": "eu"}
    assert make_provider_settings(provider_type="arize").options == {}
