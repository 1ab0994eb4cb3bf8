"""Which of several providers failed: its name and its address stand before what it said."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulator import Fault
from two_providers import FIRST_URL, SECOND_URL, make_applied

from keyplan.app.several_providers import name_failures
from keyplan.errors import InputError, ProviderRefusedError

COMMANDS = [
    ("plan",),
    ("drift",),
    ("explain", "user/ci"),
    ("revoke", "key-0001", "--auto-approve"),
    ("rotate", "user/ci", "--auto-approve"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
@pytest.mark.parametrize(("name", "url"), [("main", FIRST_URL), ("zen", SECOND_URL)])
def test_the_provider_that_fails_is_named_with_its_address(
    tmp_path: Path, arguments: tuple[str, ...], name: str, url: str
) -> None:
    shell = make_applied(tmp_path)
    (shell.first if name == "main" else shell.second).is_denied = True
    done = shell(*arguments)
    assert (done.status, f"provider '{name}' ({url}): 403 Forbidden" in done.err) == (5, True), done.err


def test_a_key_of_a_further_providers_service_account_is_created_in_it(tmp_path: Path) -> None:
    shell = make_applied(tmp_path)
    (record,) = shell.second.live()
    assert record.scope_ids == {"space-staging"}
    assert "No changes" in shell("plan").out


def test_a_provider_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    shell = make_applied(tmp_path)
    shell.wiring.refused["zen"] = InputError("the environment variable ZEN_KEY is not set")
    done = shell("plan")
    assert (done.status, "provider 'zen': the environment variable ZEN_KEY is not set" in done.err) == (3, True)


def test_a_failure_keeps_its_class_its_fields_and_its_advice() -> None:
    known = ProviderRefusedError("422", status=422, advice="do this")
    for _ in range(2):
        with pytest.raises(ProviderRefusedError) as raised, name_failures("zen", SECOND_URL):
            raise known
        assert str(raised.value) == raised.value.message == f"provider 'zen' ({SECOND_URL}): 422"
        assert (raised.value.status, raised.value.advice) == (422, "do this")


def test_the_only_provider_is_not_named() -> None:
    known = ProviderRefusedError("422", status=422)
    with pytest.raises(ProviderRefusedError) as raised, name_failures("", SECOND_URL):
        raise known
    assert raised.value is known


def test_a_lost_answer_of_one_provider_is_told_with_its_name(tmp_path: Path) -> None:
    shell = make_applied(tmp_path)
    shell.world.effects.inject(Fault.ANSWER_LOST, "provider.refresh")
    done = shell("rotate", "zen:service/staging/nightly", "--auto-approve")
    assert f"provider 'zen' ({SECOND_URL}): provider.refresh: the answer was lost" in done.out + done.err
