"""Each address, origin and imported id is claimed once in a manifest; whoever claims it again is told where."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.model.manifest import Adopt, Manifest

Read = Callable[[str], Manifest]
Find = Callable[[str], tuple[str, ...]]

HEAD = "version: 1\nowner: ml\nid: k1\nsinks: {s: {type: vault}}\n"
USER = "key_type: user, sink: s"


def declare(*declarations: str) -> str:
    """Return the `keys` of a manifest: user keys with these fields."""
    return "keys:\n" + "".join(f"  - {{{fields}, {USER}}}\n" for fields in declarations)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            declare(
                "name: a, moved_from: {owner: o, address: user/x}", "name: b, moved_from: {owner: o, address: user/x}"
            ),
            "7:27: address 'user/x' of 'o' is claimed twice; first in line 6, column 27",
            id="one origin, two declarations",
        ),
        pytest.param(
            declare('name: "caf\u00e9"', 'name: "cafe\u0301"'),
            "7:5: address 'user/caf\u00e9' is declared twice; first in line 6, column 5",
            id="two normal forms of one name",
        ),
        pytest.param(
            declare('name: a, moved_from: "user/caf\u00e9"', 'name: b, moved_from: "user/cafe\u0301"'),
            "7:27: address 'user/caf\u00e9' is claimed twice; first in line 6, column 27",
            id="two normal forms of one former address",
        ),
        pytest.param(
            declare("name: a, import: k=", "name: b, import: k="),
            "7:23: key 'k=' is imported twice; first in line 6, column 23",
            id="one key, two declarations",
        ),
        pytest.param(
            declare("name: a") + "removed: [{address: user/a, to: o}]",
            "7:11: address 'user/a' is not removed: it is declared in line 6, column 5",
            id="removed and declared",
        ),
        pytest.param(
            declare("name: a, moved_from: user/b") + "removed: [{address: user/b, to: o}]",
            "7:11: address 'user/b' is not removed: 'moved_from' names it in line 6, column 27",
            id="removed and moved",
        ),
        pytest.param(
            "removed: [{address: user/b, to: o}, {address: user/b, to: p}]\nkeys: []",
            "5:37: address 'user/b' is removed twice; first in line 5, column 11",
            id="removed twice",
        ),
        pytest.param(
            "removed: [&a {address: user/b, to: o}, *a]\nkeys: []",
            "5:40: address 'user/b' is removed twice; first in line 5, column 11",
            id="removed twice by an alias",
        ),
        pytest.param(
            declare("name: a, moved_from: [&a {owner: o, address: user/x}, *a]"),
            "6:60: address 'user/x' of 'o' is claimed twice; first in line 6, column 28",
            id="one origin by an alias",
        ),
    ],
)
def test_what_is_claimed_twice_is_told_where_it_is_claimed_first(text: str, problem: str, find_problems: Find) -> None:
    assert find_problems(HEAD + text) == (problem,)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            declare("name: a, moved_from: {owner: o, address: user/b}", "name: b"),
            id="an address of another manifest may be declared here",
        ),
        pytest.param(
            declare(
                "name: a, moved_from: {owner: o, address: user/x}", "name: b, moved_from: {owner: p, address: user/x}"
            ),
            id="two manifests may have the same address",
        ),
        pytest.param(
            declare("name: a, moved_from: {owner: o, address: user/b}") + "removed: [{address: user/b, to: o}]",
            id="two manifests may exchange what they call the same",
        ),
        pytest.param(declare("name: a, import: k=, moved_from: user/b"), id="an imported key may have moved"),
        pytest.param(declare("name: a, import: k=, adopt: refuse"), id="an import beside the default of adopt"),
    ],
)
def test_what_only_looks_alike_is_no_problem(text: str, find_problems: Find) -> None:
    assert find_problems(HEAD + text) == ()


def test_a_declaration_names_the_key_that_it_is(read_text: Read) -> None:
    first, second = read_text(HEAD + declare("name: a, import: k=", "name: b")).keys
    assert (first.import_id, second.import_id) == ("k=", None)


def test_a_default_says_how_imported_keys_are_adopted(read_text: Read) -> None:
    defaults = "defaults: {adopt: replace, retire_adopted: true}\n"
    first, second = read_text(HEAD + defaults + declare("name: a, import: k=", "name: b, adopt: import")).keys
    assert [(one.adopt, one.retire_adopted) for one in (first, second)] == [
        (Adopt.REPLACE, True),
        (Adopt.IMPORT, True),
    ]


@pytest.mark.parametrize("adopt", ["import", "refresh", "replace"])
def test_an_import_says_how_its_key_is_adopted(adopt: str, read_text: Read) -> None:
    (key,) = read_text(HEAD + declare(f"name: a, import: k=, adopt: {adopt}")).keys
    assert (key.import_id, key.adopt.value, key.retire_adopted) == ("k=", adopt, False)


def test_only_a_key_that_is_replaced_is_retired(find_problems: Find) -> None:
    assert find_problems(HEAD + declare("name: a, import: k=, retire_adopted: true")) == (
        "6:27: field 'retire_adopted' goes with 'adopt: replace': only a key that another one replaces is retired",
    )


def test_an_import_belongs_to_one_declaration(find_problems: Find) -> None:
    assert find_problems(f"{HEAD}defaults: {{import: k=}}\nkeys: []") == (
        "5:20: field 'import' cannot stand in 'defaults': it names one key, so it belongs to one declaration",
    )


def test_an_import_names_an_id(find_problems: Find) -> None:
    assert find_problems(HEAD + declare("name: a, import: a b")) == (
        "6:23: field 'import' must be an id: text without blanks, not 'a b'",
    )
