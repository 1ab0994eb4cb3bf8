"""One plain manifest is made of several texts, and is read as if it had been written out."""

from __future__ import annotations

import pytest
from composed_manifests import HEAD, Texts
from hypothesis import given
from hypothesis import strategies as st

from keyplan.errors import ManifestError
from keyplan.manifest import Refusal
from keyplan.manifest.sources import NO_SOURCES
from keyplan.model.place import Place

IN_DEFAULTS = (
    "; known fields: "
    "adopt, description, expires_at, expires_in, group, import, key_type, moved_from, "
    "on_description_change, on_remove, organizations, protect, provider, retire_adopted, roles, rotation, "
    "self, service_account, sink, space, space_id"
)

EVERYTHING = Texts(
    """\
version: 1
owner: ml
id: k7f3a9c2
include: [common.yaml]
vars: {stage: staging, life: null}
environment: [TEAM]
keys:
  - for_each: {ingest: {space: production}, export: {space: "${var.stage}"}}
    name: ${each.key}
    key_type: service
    space: ${each.value.space}
    description: for ${env:TEAM}, not $${env:TEAM}
    expires_in: ${var.life}
  - for_each: [a, b]
    name: ci-${each}
    key_type: user
  - {name: plain, key_type: user, protect: true, rotation: {generation: 2, every: 10d}, moved_from: []}
""",
    included={
        "common.yaml": """\
sinks: {local: {type: file, path: "secrets/${var.stage}/{name}.env", labels: {}}}
defaults: {sink: local}
policy: {max_lifetime: 90d}
"""
    },
    overlays={
        "prod.yaml": """\
vars: {stage: live}
limits: {deletes: 3}
policy: {names: "[a-z-]+"}
keys:
  user/ci-b: null
  user/plain: {protect: null, moved_from: null, description: "1 \\"2\\""}
""",
        "more.yaml": """\
policy: {max_lifetime: null}
keys:
  - {name: ci-a, key_type: user, expires_in: 5d}
  - {name: "new-${var.stage}", key_type: user, rotation: null}
""",
    },
    variables={"life": "30d"},
    environment={"TEAM": "ada"},
)


def test_all_means_of_composition_give_one_manifest() -> None:
    manifest = EVERYTHING.read()
    assert [declared.address for declared in manifest.keys] == [
        "service/production/ingest",
        "service/live/export",
        "user/ci-a",
        "user/plain",
        "user/new-live",
    ]
    assert [declared.description for declared in manifest.keys] == [
        *("for ada, not ${env:TEAM}",) * 2,
        "",
        '1 "2"',
        "",
    ]
    assert str(manifest.keys[0].expires_in) == "30 days, 0:00:00"
    assert manifest.sinks["local"].options["path"] == "secrets/live/{name}.env"
    assert (manifest.limits.deletes, manifest.includes) == (3, ("common.yaml",))
    assert [(policy.file, policy.names, policy.max_lifetime) for policy in manifest.policies] == [
        ("prod.yaml", ("[a-z-]+",), None)
    ]


def test_a_manifest_that_is_written_out_is_the_same_manifest() -> None:
    written = EVERYTHING.write()
    assert "  # common.yaml:1:35\n" in written
    assert "name: ingest  # keys.yaml:9:11, for_each element ingest\n" in written
    assert Texts(written).read() == Texts(Texts(written).write()).read()
    again, composed = Texts(written).read(), EVERYTHING.read()
    assert again.keys == composed.keys
    assert (again.sinks, again.limits, again.identity) == (composed.sinks, composed.limits, composed.identity)


def test_a_manifest_without_any_of_it_is_left_as_it_is() -> None:
    manifest = HEAD + 'keys: [{name: ci, key_type: user, description: "${X} and $${X}"}]\n'
    assert Texts(manifest).read().keys[0].description == "${X} and $${X}"


def test_each_value_keeps_the_place_of_the_text_that_it_was_read_from() -> None:
    manifest = EVERYTHING.read()
    ingest, _, ci, plain, new = manifest.keys
    assert ingest.place_of("expires_in") == Place("keys.yaml", 13, 17, "ingest")
    assert ingest.place_of("sink") == Place("common.yaml", 2, 18)
    assert ci.place_of("expires_in") == Place("more.yaml", 3, 46)
    assert ci.place == Place("keys.yaml", 14, 5, "a")
    assert plain.place_of("description") == Place("prod.yaml", 6, 62)
    assert plain.place_of("rotation", "every") == Place("keys.yaml", 17, 83)
    assert new.place == Place("more.yaml", 4, 5)
    assert manifest.place_of("sinks", "local", "path") == Place("common.yaml", 1, 35)
    assert manifest.place_of("keys", 0, "name") == Place("keys.yaml", 9, 11, "ingest")


def test_problems_after_the_composition_name_file_and_element() -> None:
    texts = Texts(
        HEAD.replace("defaults: {sink: local}\n", "include: [common.yaml]\n")
        + "keys:\n  - {for_each: [a, b], name: '${each}', key_type: user, on_remove: ''}\n"
        + "  - {for_each: [{x: 1}], name: n}\n",
        included={"common.yaml": "defaults: {sink: vault, marker: no}\n"},
    )
    assert texts.problems() == ["keys.yaml:8:17: an item of 'for_each' must be text, not a mapping"]
    texts.manifest = texts.manifest.rpartition("  - {for_each")[0]
    assert texts.problems() == [
        "keys.yaml:7:68: field 'on_remove' must be one of 'delete', 'forget', not '' (for_each element 'a' and 1 more)",
        "common.yaml:1:18: sink 'vault' is unknown; known are 'local'",
        f"common.yaml:1:25: field 'marker' is unknown{IN_DEFAULTS}",
    ]


def test_declarations_of_one_address_are_told_with_the_elements_that_make_them() -> None:
    texts = Texts(HEAD + "keys:\n  - {for_each: {a: x, b: x}, name: '${each.value}', key_type: user}\n")
    (problem,) = texts.problems()
    assert problem == (
        "keys.yaml:7:5: address 'user/x' is declared twice; first in line 7, column 5 (for_each element 'a') "
        "(for_each element 'b')"
    )


def test_the_place_of_another_file_is_told_with_its_name() -> None:
    texts = Texts(
        HEAD + "keys: [{name: a, key_type: user}, {name: b, key_type: user}]\n",
        overlays={"o.yaml": "keys: [{name: a, key_type: user, protect: true}, {name: a, key_type: user}]\n"},
    )
    assert texts.problems() == ["o.yaml:1:50: address 'user/a' is declared twice; first in keys.yaml, line 6, column 8"]


# What is included.


@pytest.mark.parametrize(
    ("included", "problems"),
    [
        pytest.param(
            "sinks: {local: {type: file}}\n",
            ["common.yaml:1:9: 'local' of 'sinks' is given twice; first in keys.yaml, line 4, column 9"],
            id="the same sink",
        ),
        pytest.param("include: [x.yaml]\n", ["common.yaml:1:1: an included file includes nothing itself"], id="more"),
        pytest.param(
            "owner: ml\n",
            ["common.yaml:1:1: field 'owner' cannot be included; only 'defaults', 'policy', 'sinks', 'vars' can"],
            id="a field that it may not have",
        ),
        pytest.param("sinks: [a]\n", ["common.yaml:1:8: field 'sinks' must be a mapping"], id="no mapping"),
        pytest.param(
            "- a\n", ["common.yaml:1:1: an included file is a mapping of fields, and this is none"], id="list"
        ),
        pytest.param(
            "a: [\n",
            ["common.yaml:2:1: this is not valid YAML: a value is missing, or this is not expected here"],
            id="no YAML",
        ),
        pytest.param("vars: {a: '1',\n a: '2'}\npolicy: !x {}\n", None, id="problems of YAML have their places"),
        pytest.param(
            "vars: {x: 3}\n", ["common.yaml:1:11: field 'x' must be text or empty, not a number"], id="a number"
        ),
        pytest.param(
            "vars: {x: ghp_0123456789abcdefghijABCDEFGHIJ012345}\n",
            ["common.yaml:1:11: this looks like a secret, and a manifest never holds one; take it out, and revoke it"],
            id="a secret",
        ),
    ],
)
def test_what_cannot_be_included_is_told_where_it_stands(included: str, problems: list[str] | None) -> None:
    texts = Texts(HEAD + "include: [common.yaml]\nkeys: []\n", included={"common.yaml": included})
    found = texts.problems()
    if problems is None:
        assert found[0] == "common.yaml:2:2: field 'a' is given twice; first in line 1, column 8"
        assert found[1].startswith("common.yaml:3:9: tag '!x' is not supported")
    else:
        assert found == problems


def test_a_name_that_two_included_files_give_is_told_with_both_places() -> None:
    texts = Texts(
        HEAD + "include: [a.yaml, b.yaml, a.yaml, c.yaml]\nkeys: []\n",
        included={
            "a.yaml": "vars: {x: '1'}\n",
            "b.yaml": "vars: {y: '1', x: '2'}\n",
            "c.yaml": Refusal(message="c.yaml is not allowed", rule="policy/allow/folders"),
        },
    )
    assert texts.problems() == [
        "keys.yaml:6:27: 'a.yaml' is included twice",
        "keys.yaml:6:35: c.yaml is not allowed",
        "b.yaml:1:16: 'x' of 'vars' is given twice; first in a.yaml, line 1, column 8",
    ]


def test_a_field_that_is_no_mapping_takes_nothing_in() -> None:
    texts = Texts(
        "version: 1\nowner: ml\ninclude: [a.yaml]\nsinks: 3\nkeys: []\n",
        included={"a.yaml": "sinks: {s: {type: file}}\n"},
    )
    assert texts.problems() == ["keys.yaml:4:8: field 'sinks' must be a mapping, not a number"]


def test_include_must_be_a_list_of_paths() -> None:
    assert Texts(HEAD + "include: common.yaml\nkeys: []\n").problems() == [
        "keys.yaml:6:10: field 'include' must be a list, not text"
    ]


def test_the_policy_of_an_included_file_is_cited_where_it_stands() -> None:
    texts = Texts(
        HEAD + "policy: {require_expiry: true}\ninclude: [a.yaml]\nkeys: []\n",
        included={"a.yaml": "\npolicy: {max_age: 9d}\n"},
    )
    cited = [[policy.cite(rule) for rule in policy.lines] for policy in texts.read().policies]
    assert cited == [["policy/require_expiry in keys.yaml:6"], ["policy/max_age in a.yaml:2"]]


def test_an_empty_policy_is_a_policy() -> None:
    assert [policy.file for policy in Texts(HEAD + "policy: {}\nkeys: []\n").read().policies] == ["keys.yaml"]


# What cannot be composed at all.


@pytest.mark.parametrize("text", ["- a\n", "3\n"])
def test_what_is_no_mapping_is_no_manifest(text: str) -> None:
    texts = Texts(text, overlays={"o.yaml": "owner: ml\n"})
    assert texts.problems()[0].startswith("keys.yaml:1:1: a manifest must be a mapping")
    with pytest.raises(Exception, match="a manifest is a mapping of fields"):
        texts.write()


def test_what_composition_finds_is_all_that_is_told() -> None:
    texts = Texts(HEAD + "vars: {x: null}\nkeys: [{nam: a}]\n")
    assert texts.problems() == [
        "keys.yaml:6:8: variable 'x' has neither a default nor a value; give it one with --var x=VALUE"
    ]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        pytest.param("", "keys.yaml:1:1: field 'keys' is missing", id="missing"),
        pytest.param("keys: 3\n", "keys.yaml:7:7: field 'keys' must be a list, not a number", id="no list"),
    ],
)
def test_a_manifest_with_variables_needs_keys_like_any_other(keys: str, problem: str) -> None:
    assert Texts(f"{HEAD}vars: {{x: y}}\n{keys}").problems() == [problem]


def test_odd_values_are_written_as_they_are_read() -> None:
    head = HEAD.replace(
        'path: "secrets/{name}.env"', "path: p, labels: {n: .nan, i: -.inf, f: 1.5, e: null, l: [[a], []]}"
    )
    texts = Texts(head + "vars: {}\nkeys: [{name: n, key_type: user, description: '$${each} $${x} 3'}]\n")
    written = texts.write()
    assert "vars: {}\n" in written
    assert Texts(written).write() == Texts(Texts(written).write()).write()
    first, again = texts.read(), Texts(written).read()
    assert repr(first.sinks["local"].options) == repr(again.sinks["local"].options)
    assert first.keys == again.keys
    assert again.keys[0].description == "${each} ${x} 3"


SIGNS = st.text(alphabet="ab/%${}.: '#é\\n", max_size=12)
WORDS = st.text(alphabet="abc", min_size=1, max_size=3)


def quoted(text: str) -> str:
    return '"' + text.encode("unicode_escape").decode().replace('"', '\\"') + '"'


@given(elements=st.lists(WORDS, unique=True, max_size=4), value=SIGNS, overlaid=st.sets(WORDS, max_size=3), given=SIGNS)
def test_whatever_is_composed_is_what_it_is_written_out_as(
    elements: list[str], value: str, overlaid: set[str], given: str
) -> None:
    texts = Texts(
        f"{HEAD}vars: {{v: {quoted(value)}, g: null}}\n"
        f"keys:\n  - for_each: [{', '.join(map(quoted, elements))}]\n    name: n${{each}}\n    key_type: user\n"
        "    description: a ${var.v}${var.g} $${each}\n"
        "  - {name: plain, key_type: user, description: '${var.g}'}\n",
        overlays={
            "o.yaml": "keys:\n  - {name: plain, key_type: user, protect: true}\n"
            + "".join(f"  - {{name: n{name}, key_type: user, expires_in: 9d}}\n" for name in sorted(overlaid))
        },
        variables={"g": given},
    )
    try:
        composed = texts.read()
    except ManifestError as error:
        assert "the default of variable 'v'" in str(error)  # noqa: PT017 - the only thing that may be wrong
        return
    assert Texts(texts.write()).read().keys == composed.keys
    assert {declared.name for declared in composed.keys} == {"plain", *(f"n{name}" for name in {*elements, *overlaid})}
    assert composed.keys[-1 - len(overlaid - set(elements))].description == given.strip()


def test_without_a_user_who_gives_them_nothing_is_included_and_no_variable_is_judged() -> None:
    refused = NO_SOURCES.include("keys.yaml", "common.yaml")
    assert isinstance(refused, Refusal)
    assert refused.message == "included file 'common.yaml' is not read here"
    assert NO_SOURCES.judge_variable("HOME") is None
