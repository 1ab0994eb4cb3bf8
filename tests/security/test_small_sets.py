"""Limits that fit small sets: an emptied manifest, or one changed default, does not end or replace everything."""

from __future__ import annotations

import pytest
from security.company import Repository
from security.conftest import OpenRepository

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]


def list_keys(*names: str) -> str:
    """Return the part of a manifest that declares user keys."""
    return "".join(["keys:\n", *(f"  - {{name: {name}, key_type: user}}\n" for name in names)])


def guards_of(team: Repository) -> set[str]:
    """Return the guards that hold something back."""
    return {one["blocked_by"]["guard"] for one in team.document()["resource_changes"] if one["blocked_by"]}


@pytest.mark.parametrize(
    ("names", "left"),
    [
        pytest.param("abcde", "", id="all of five"),
        pytest.param("ab", "", id="two of two"),
        pytest.param("abc", "a", id="two of three"),
        pytest.param("abcde", "ab", id="three of five"),
    ],
)
def test_too_many_deletes_for_a_small_set_are_held_back(opened: OpenRepository, names: str, left: str) -> None:
    team = opened()
    team.settle(list_keys(*names))
    before, removed = team.keys_of(), len(names) - len(left)
    team.declare(list_keys(*left) if left else "keys: []\n")
    assert f"--allow-deletes {removed}" in team.expect(4, "plan")
    assert guards_of(team) == {"deletes"}
    team.expect(4, "apply", "--auto-approve")
    team.expect(4, "apply", "--auto-approve", "--allow-deletes", str(removed - 1))
    assert team.keys_of() == before
    team.expect(0, "apply", "--auto-approve", "--allow-deletes", str(removed))
    assert team.live_names() == sorted(left)


@pytest.mark.parametrize(
    ("names", "left"),
    [
        pytest.param("a", "", id="one of one"),
        pytest.param("ab", "a", id="one of two"),
        pytest.param("abc", "ab", id="one of three"),
        pytest.param("abcd", "ab", id="two of four"),
    ],
)
def test_few_deletes_need_no_option(opened: OpenRepository, names: str, left: str) -> None:
    team = opened()
    team.settle(list_keys(*names))
    team.declare(list_keys(*left) if left else "keys: []\n")
    team.expect(0, "apply", "--auto-approve")
    assert team.live_names() == sorted(left)


def test_higher_limits_do_not_let_a_small_set_be_emptied(opened: OpenRepository) -> None:
    team = opened(more="limits: {deletes: 1000, delete_percent: 100}")
    team.settle(list_keys("a", "b"))
    before = team.keys_of()
    team.declare("keys: []\n")
    team.expect(4, "apply", "--auto-approve")
    assert team.keys_of() == before


def declare_until(team: Repository, count: int, year: int) -> None:
    """Declare keys whose common default says when they end."""
    names = [f"k{number:02d}" for number in range(count)]
    team.declare(list_keys(*names))
    manifest = team.folder / "keys.yaml"
    manifest.write_text(
        manifest.read_text().replace("{sink: local}", f'{{sink: local, expires_at: "{year}-01-01T00:00:00Z"}}')
    )


def test_one_changed_default_does_not_replace_twelve_keys(opened: OpenRepository) -> None:
    team = opened()
    declare_until(team, 12, 2098)
    team.expect(0, "apply", "--auto-approve")
    before, requests = team.keys_of(), len(team.mutations())
    declare_until(team, 12, 2097)
    assert "--allow-replaces 12" in team.expect(4, "plan")
    assert guards_of(team) == {"replaces"}
    team.expect(4, "apply", "--auto-approve")
    team.expect(4, "apply", "--auto-approve", "--allow-replaces", "11")
    assert (team.keys_of(), team.mutations()[requests:]) == (before, [])
    team.expect(0, "apply", "--auto-approve", "--allow-replaces", "12")
    assert all(team.is_valid(team.store.value(f"k{number:02d}")) for number in range(12))
    assert "No changes." in team.expect(0, "plan")


def test_a_changed_default_of_a_few_keys_needs_no_option(opened: OpenRepository) -> None:
    team = opened()
    declare_until(team, 3, 2098)
    team.expect(0, "apply", "--auto-approve")
    declare_until(team, 3, 2097)
    team.expect(0, "apply", "--auto-approve")
    assert all(team.is_valid(team.store.value(f"k{number:02d}")) for number in range(3))


def test_limits_replaces_is_the_manifests_own(opened: OpenRepository) -> None:
    team = opened(more="limits: {replaces: 2}")
    declare_until(team, 3, 2098)
    team.expect(0, "apply", "--auto-approve")
    before = team.keys_of()
    declare_until(team, 3, 2097)
    team.expect(4, "apply", "--auto-approve")
    assert team.keys_of() == before
    team.expect(0, "apply", "--auto-approve", "--allow-replaces", "3")


def test_emptied_places_of_many_keys_count_as_replaces(opened: OpenRepository) -> None:
    team = opened(more="limits: {replaces: 2}")
    team.settle(list_keys("a", "b", "c"))
    before = team.keys_of()
    for name in "abc":
        team.store.empty(name)
    team.expect(4, "apply", "--auto-approve")
    assert team.keys_of() == before
    assert guards_of(team) == {"replaces"}


def test_creating_many_keys_needs_no_option(opened: OpenRepository) -> None:
    team = opened()
    team.settle(list_keys(*(f"k{number:02d}" for number in range(15))))
    assert len(team.live_names()) == 15


def test_retiring_many_proven_keys_needs_no_option(opened: OpenRepository) -> None:
    team = opened(more="limits: {deletes: 1}")
    keys = "".join(
        ["keys:\n", *(f"  - {{name: {n}, key_type: user, rotation: {{strategy: replace}}}}\n" for n in "abc")]
    ).replace("strategy: replace", "strategy: replace, overlap: 0s")
    team.settle(keys)
    old = [team.store.value(name) for name in "abc"]
    team.expect(0, "rotate", *(f"user/{name}" for name in "abc"), "--auto-approve")
    assert [team.is_valid(raw) for raw in old] == [False, False, False]
