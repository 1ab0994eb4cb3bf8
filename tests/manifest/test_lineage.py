"""Who a manifest is and was, and what it takes from and leaves to others, is read; contradictions are problems."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.model.identity import Address, Departure, Identity, ManifestId, Origin
from keyplan.model.manifest import Manifest

Read = Callable[[str], Manifest]
Find = Callable[[str], tuple[str, ...]]

HEAD = "version: 1\nowner: ml\nid: k1\nsinks: {s: {type: vault}}\n"
USER = "key_type: user, sink: s"
OLD, OTHER = Identity("old"), Identity("other", ManifestId("k2"))
ADDRESS_FORM = (
    "must be an address: user/NAME or service/SPACE/NAME, with %2F for '/' and %25 for '%' inside a part, not"
)
OWNER_FORM = "must be 1 to 63 of the characters a-z 0-9 . _ - and begin with a letter or digit, not"
ID_FORM = "must be 2 to 32 of the characters a-z 0-9 and begin with a letter, not"


def test_a_manifest_is_its_owner_and_its_id(read_text: Read) -> None:
    assert read_text(f"{HEAD}keys: []").identity == Identity("ml", ManifestId("k1"))


def test_a_manifest_without_an_id_is_its_owner(read_text: Read) -> None:
    assert read_text("version: 1\nowner: ml\nkeys: []").identity == Identity("ml")


def test_the_longest_id_is_read(read_text: Read) -> None:
    text = "k" * 32
    assert read_text(f"version: 1\nowner: ml\nid: {text}\nkeys: []").id == text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("k", "'k'", id="one character"),
        pytest.param("k" * 33, f"'{'k' * 33}'", id="too long"),
        pytest.param("7k", "'7k'", id="a digit first"),
        pytest.param("Kk", "'Kk'", id="upper case"),
        pytest.param("k-k", "'k-k'", id="hyphen"),
        pytest.param('"kk\\n"', "'kk\\n'", id="line break"),
        pytest.param("''", "''", id="empty"),
        pytest.param("12", "a number", id="number"),
    ],
)
def test_an_id_that_cannot_be_one_is_refused(given: str, shown: str, find_problems: Find) -> None:
    problems = find_problems(f"version: 1\nowner: ml\nid: {given}\nkeys: []")
    assert problems == (f"3:5: field 'id' {ID_FORM} {shown}",)


@pytest.mark.parametrize(
    ("given", "identities"),
    [
        pytest.param("[]", (), id="none"),
        pytest.param("[old]", (OLD,), id="an owner"),
        pytest.param("[{owner: old}]", (OLD,), id="an owner in a mapping"),
        pytest.param("[{owner: other, id: k2}, old]", (OTHER, OLD), id="an owner with an id, in file order"),
        pytest.param("[{owner: ml, id: k2}]", (Identity("ml", ManifestId("k2")),), id="another id of the same owner"),
    ],
)
def test_former_identities_are_read(given: str, identities: tuple[Identity, ...], read_text: Read) -> None:
    assert read_text(f"{HEAD}formerly: {given}\nkeys: []").formerly == identities


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param("old", "11: field 'formerly' must be a list, not text", id="no list"),
        pytest.param("[7]", "12: an item of 'formerly' must be text or a mapping, not a number", id="number"),
        pytest.param("[Old]", f"12: an item of 'formerly' {OWNER_FORM} 'Old'", id="no owner"),
        pytest.param("[{id: k2}]", "12: field 'owner' is missing", id="no owner in a mapping"),
        pytest.param("[{owner: old, id: K}]", f"29: field 'id' {ID_FORM} 'K'", id="no id"),
        pytest.param("[{onwer: old}]", "13: field 'onwer' is unknown; did you mean 'owner'?", id="a slip is told once"),
        pytest.param("[old, old]", "17: 'old' is named twice in 'formerly'", id="twice"),
        pytest.param("[old, {owner: old}]", "17: 'old' is named twice in 'formerly'", id="twice in two forms"),
        pytest.param(
            "[{owner: ml, id: k1}]",
            "12: 'ml:k1' is what this manifest is now; 'formerly' names what it was before",
            id="itself",
        ),
        pytest.param(
            "[ml]",
            "12: 'ml' is what this manifest is now; 'formerly' names what it was before",
            id="itself without its id",
        ),
    ],
)
def test_a_mistake_in_formerly_is_one_line(given: str, problem: str, find_problems: Find) -> None:
    assert find_problems(f"{HEAD}formerly: {given}\nkeys: []") == (f"5:{problem}",)


def test_a_refused_item_hides_no_other_problem_of_formerly(find_problems: Find) -> None:
    assert len(find_problems(f"{HEAD}formerly: [Old, ml, old, old]\nkeys: []")) == 3


def test_addresses_that_are_let_go_are_read(read_text: Read) -> None:
    removed = read_text(f"{HEAD}removed: [{{address: user/o, to: other}}, {{address: user/p, to: data}}]\nkeys: []")
    assert removed.removed == (
        Departure(address=Address("user/o"), to="other"),
        Departure(address=Address("user/p"), to="data"),
    )


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param("{address: user/o, to: x}", "10: field 'removed' must be a list, not a mapping", id="no list"),
        pytest.param("[user/o]", "11: an item of 'removed' must be a mapping, not text", id="an address alone"),
        pytest.param("[{address: user/o}]", "11: field 'to' is missing", id="nobody takes it"),
        pytest.param("[{address: o, to: x}]", f"21: field 'address' {ADDRESS_FORM} 'o'", id="name for an address"),
        pytest.param("[{address: user/o, to: X}]", f"33: field 'to' {OWNER_FORM} 'X'", id="no owner"),
        pytest.param("[{adress: user/o, to: x}]", "12: field 'adress' is unknown; did you mean 'address'?", id="slip"),
        pytest.param(
            "[{address: user/o, to: ml}]",
            "33: 'ml' is this manifest's own owner; 'to' names another one",
            id="to itself",
        ),
    ],
)
def test_a_mistake_in_removed_is_one_line(given: str, problem: str, find_problems: Find) -> None:
    assert find_problems(f"{HEAD}removed: {given}\nkeys: []") == (f"5:{problem}",)


@pytest.mark.parametrize(
    ("given", "own", "others"),
    [
        pytest.param(
            "{owner: other, id: k2, address: user/o}",
            (),
            (Origin(identity=OTHER, address=Address("user/o")),),
            id="one of another manifest",
        ),
        pytest.param(
            "[{owner: other, id: k2, address: user/o}, user/p, {owner: old, address: user/n}]",
            (Address("user/p"),),
            (
                Origin(identity=OLD, address=Address("user/n")),
                Origin(identity=OTHER, address=Address("user/o")),
            ),
            id="both kinds, origins sorted",
        ),
        pytest.param(
            "{owner: old, address: user/n}",
            (),
            (Origin(identity=OLD, address=Address("user/n")),),
            id="the address that the declaration has itself",
        ),
    ],
)
def test_origins_are_read_apart_from_addresses(
    given: str, own: tuple[Address, ...], others: tuple[Origin, ...], read_text: Read
) -> None:
    declared = read_text(f"{HEAD}keys:\n  - {{name: n, {USER}, moved_from: {given}}}").keys[0]
    assert (declared.moved_from, declared.taken_from) == (own, others)


def test_an_origin_belongs_to_the_manifest_s_lineage(read_text: Read) -> None:
    manifest = read_text(f"{HEAD}keys:\n  - {{name: n, {USER}, moved_from: {{owner: old, address: user/o}}}}")
    assert manifest.lineage.covers(OLD, Address("user/o"))
    assert not manifest.lineage.covers(OLD, Address("user/p"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param("7", "52: field 'moved_from' must be text, a mapping or a list, not a number", id="number"),
        pytest.param("[7]", "53: an item of 'moved_from' must be text or a mapping, not a number", id="item"),
        pytest.param("{owner: old}", "52: field 'address' is missing", id="no address"),
        pytest.param("{address: user/o}", "52: field 'owner' is missing", id="no owner"),
        pytest.param(
            "{owner: old, adress: user/o}", "65: field 'adress' is unknown; did you mean 'address'?", id="slip"
        ),
        pytest.param("{owner: old, address: o}", f"74: field 'address' {ADDRESS_FORM} 'o'", id="name for an address"),
        pytest.param(
            "{owner: ml, id: k1, address: user/o}",
            "52: 'ml:k1' is this manifest itself; write the address alone: 'user/o'",
            id="itself",
        ),
        pytest.param(
            "{owner: ml, address: user/o}",
            "52: 'ml' is this manifest itself; write the address alone: 'user/o'",
            id="itself without its id",
        ),
        pytest.param(
            "[{owner: old, address: user/o}, {owner: old, address: user/o}]",
            "84: address 'user/o' of 'old' is claimed twice; first in line 6, column 53",
            id="twice",
        ),
    ],
)
def test_a_mistake_in_an_origin_is_one_line(given: str, problem: str, find_problems: Find) -> None:
    keys = f"  - {{name: n, {USER}, moved_from: {given}}}"
    assert find_problems(f"{HEAD}keys:\n{keys}") == (f"6:{problem}",)
