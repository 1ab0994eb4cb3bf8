"""Two repositories with one owner: neither ends, changes or takes over a key of the other."""

from __future__ import annotations

import pytest
from security.company import ONE_KEY, Repository
from security.conftest import OpenRepository

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NO_CHANGES = "No changes."
OTHER_KEY = "keys:\n  - {name: other, key_type: user}\n"


def open_two(opened: OpenRepository, *, with_ids: bool) -> tuple[Repository, Repository]:
    """Return two repositories whose manifests have one owner."""
    first, second = ("kfirst12", "ksecond3") if with_ids else ("", "")
    return (
        opened("first", owner="my-team", manifest_id=first),
        opened("second", owner="my-team", manifest_id=second),
    )


@pytest.mark.parametrize("ledger", ["kept", "lost"])
@pytest.mark.parametrize("keys", [OTHER_KEY, ONE_KEY], ids=["another name", "the same name"])
def test_with_ids_nothing_of_the_other_is_touched(opened: OpenRepository, ledger: str, keys: str) -> None:
    first, second = open_two(opened, with_ids=True)
    first.settle()
    second.settle(keys)
    before = first.keys_of()
    for repository in (first, second, first):
        if ledger == "lost":
            repository.lose_ledger()
        assert NO_CHANGES in repository.expect(0, "plan", "--detailed-exitcode")
        repository.expect(0, "apply", "--auto-approve")
    assert first.keys_of() == before
    assert first.is_valid(first.store.value("ci"))


def test_with_ids_a_removed_declaration_ends_the_key_of_its_own_manifest_only(opened: OpenRepository) -> None:
    first, second = open_two(opened, with_ids=True)
    first.settle(f"{ONE_KEY}  - {{name: second, key_type: user}}\n")
    second.settle()
    first.declare("keys:\n  - {name: second, key_type: user}\n")
    ours = first.store.value("ci")
    first.expect(0, "apply", "--auto-approve")
    assert (first.is_valid(ours), second.is_valid(second.store.value("ci"))) == (False, True)


@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_without_ids_the_others_keys_are_shown_as_strays_and_not_deleted(opened: OpenRepository, ledger: str) -> None:
    first, second = open_two(opened, with_ids=False)
    first.settle()
    second.declare(OTHER_KEY)
    second.expect(0, "apply", "--auto-approve")
    assert second.is_valid(second.store.value("other"))
    for repository, strange in ((first, "other"), (second, "ci")):
        if ledger == "lost":
            repository.lose_ledger()
        before = repository.keys_of()
        assert repository.key_id(strange) in repository.expect(0, "plan")
        assert "stray" in repository.run("plan", "--format", "json").stdout
        repository.expect(0, "apply", "--auto-approve")
        assert repository.keys_of() == before, "a key was made, changed or ended"
    assert first.is_valid(first.store.value("ci"))


def test_a_stray_is_deleted_if_the_user_says_how_many(opened: OpenRepository) -> None:
    first, second = open_two(opened, with_ids=False)
    first.settle()
    second.declare(OTHER_KEY)
    second.expect(0, "apply", "--auto-approve")
    second.expect(0, "apply", "--auto-approve", "--allow-deletes", "1")
    assert not first.is_valid(first.store.value("ci"))
    assert second.is_valid(second.store.value("other"))


def test_without_ids_a_key_of_the_same_name_is_not_taken_over(opened: OpenRepository) -> None:
    first, second = open_two(opened, with_ids=False)
    first.settle()
    held, before = first.store.value("ci"), first.keys_of()
    second.declare()
    second.expect(4, "apply", "--auto-approve")
    assert "import: " in second.expect(4, "plan")
    assert first.is_valid(held)
    assert {key_id: first.keys_of()[key_id] for key_id in before} == before
    assert NO_CHANGES in first.expect(0, "plan")


def test_a_manifest_without_an_id_is_read_with_a_warning_that_prints_the_line(opened: OpenRepository) -> None:
    team = opened(manifest_id="")
    team.settle()
    assert "id: " in team.expect(0, "plan")
