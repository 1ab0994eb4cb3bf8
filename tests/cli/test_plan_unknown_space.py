"""A space that the provider does not know: the keys in it are blocked, and all others go on."""

from __future__ import annotations

from cli.shell import MANIFEST, Shell


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
