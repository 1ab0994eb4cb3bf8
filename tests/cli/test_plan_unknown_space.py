"""A space that the provider does not know: the keys in it are blocked, and all others go on."""

from __future__ import annotations

import pytest
from cli.shell import MANIFEST, Shell

from keyplan.errors import ProviderRefusedError
from keyplan.model.observation import Observation


def test_the_keys_of_an_unknown_space_are_blocked_and_the_others_are_made(shell: Shell) -> None:
    shell.write(MANIFEST.replace("space: production", "space: nowhere"))
    planned = shell("plan")
    assert planned.status == 4
    assert "space 'nowhere' is unknown" in planned.out
    assert shell("apply", "--auto-approve").status == 4
    assert [record.name for record in shell.world.provider.live()] == ["ci"]
    assert shell("drift").status == 4


def test_the_key_of_a_space_that_vanished_is_neither_ended_nor_remade(shell: Shell) -> None:
    shell.write()
    assert shell("apply", "--auto-approve").status == 0
    before = shell.world.provider.live()
    del shell.world.provider.spaces["production"]
    done = shell("apply", "--auto-approve")
    assert done.status == 4
    assert shell.world.provider.live() == before


def test_import_into_an_unknown_space_is_refused(shell: Shell) -> None:
    shell.write(MANIFEST.replace("space: production", "space: nowhere"))
    key = shell.world.provider.person_creates("ingest")
    done = shell("import", "service/nowhere/ingest", key.id)
    assert (done.status, "space 'nowhere' is unknown" in done.err) == (3, True)


GRANT = "{org_id: org-of-x, spaces: [{space_id: space-x, role: member}]}"
SEVERAL = f"{{name: ingest, key_type: service, organizations: [{GRANT}]}}"


def test_the_keys_of_an_unknown_space_among_several_are_blocked_and_the_others_are_made(shell: Shell) -> None:
    shell.write(MANIFEST.replace("{name: ingest, key_type: service, space: production}", SEVERAL))
    planned = shell("plan")
    assert planned.status == 4
    assert "space 'space-x' is unknown" in planned.out
    assert shell("apply", "--auto-approve").status == 4
    assert [record.name for record in shell.world.provider.live()] == ["ci"]


def test_a_listing_that_is_refused_for_another_reason_ends_the_plan(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.write()

    def refuse(_spaces: object) -> tuple[Observation, ...]:
        raise ProviderRefusedError("400 Bad Request: limit", status=400)

    monkeypatch.setattr(shell.world.provider, "list_keys", refuse)
    assert shell("plan").status == 5
