"""An overlay wins over what it is laid on: maps field by field, declarations by their address, and null removes."""

from __future__ import annotations

import pytest
from composed_manifests import HEAD, Texts

from keyplan.model.manifest import FromEnvironment, FromFile

AT_TOP = (
    "; known fields: "
    "defaults, environment, formerly, id, include, keys, ledger, limits, marker, owner, policy, "
    "provider, providers, removed, rollout, sinks, unmanaged, vars, version, waivers"
)

KEYS = """\
keys:
  - {name: ci, key_type: user, expires_in: 30d, rotation: {every: 10d, generation: 3}}
  - {name: ingest, key_type: service, space: production}
  - {name: many, key_type: service, organizations: [{org_id: o, spaces: [{space_id: s1}]}]}
"""


def lay(*overlays: str, keys: str = KEYS, head: str = HEAD) -> Texts:
    return Texts(head + keys, overlays={f"o{number}.yaml": text for number, text in enumerate(overlays)})


def test_maps_are_laid_over_each_other_field_by_field() -> None:
    manifest = lay("limits: {deletes: 1}\n", "limits: {replaces: 2, deletes: null}\nowner: other\n").read()
    assert (manifest.limits.deletes, manifest.limits.replaces, manifest.owner) == (5, 2, "other")


def test_null_takes_away_what_is_there_and_is_nothing_where_nothing_is() -> None:
    manifest = lay("id: null\nmarker: null\nsinks: {vault: {type: file, path: '{name}', mount: null}}\n").read()
    assert (manifest.id, manifest.marker) == ("", True)
    assert manifest.sinks["vault"].options == {"path": "{name}"}


def test_what_has_another_type_is_another_thing() -> None:
    head = HEAD + "ledger: {type: s3, bucket: b}\nprovider: {credential: {env: A}, region: r}\n"
    manifest = lay("ledger: {type: sqlite, path: l.db}\nprovider: {credential: {file: f}}\n", head=head).read()
    assert (manifest.ledger.type, manifest.ledger.options) == ("sqlite", {"path": "l.db"})
    assert (manifest.provider.credential, manifest.provider.options) == (FromFile("f"), {"region": "r"})


def test_what_has_the_same_type_is_the_same_thing() -> None:
    head = HEAD + "provider: {type: arize, credential: {env: A}, region: r}\n"
    manifest = lay("provider: {type: arize, credential: {env: B}}\n", head=head).read()
    assert (manifest.provider.credential, manifest.provider.options) == (FromEnvironment("B"), {"region": "r"})


def test_a_rival_field_is_displaced() -> None:
    ci = lay("keys: {user/ci: {expires_at: 2027-01-01T00:00:00Z, rotation: {every: null}}}\n").read().keys[0]
    assert (ci.expires_in, ci.rotation.every, ci.rotation.generation) == (None, None, 3)
    assert ci.expires_at is not None


def test_a_list_is_replaced_as_a_whole() -> None:
    head = HEAD + "formerly: [a, b]\n"
    assert [former.owner for former in lay("formerly: [c]\n", head=head).read().formerly] == ["c"]


def test_declarations_are_found_by_the_address_that_they_have_in_the_end() -> None:
    texts = lay(
        "defaults: {description: d}\nkeys:\n  service/production/ingest: {protect: true}\n  service/s1/many: null\n",
        "keys:\n  - {name: ci, key_type: user, protect: true}\n  - {name: new, key_type: user, description: null}\n",
    )
    manifest = texts.read()
    assert [(one.address, one.protect, one.description) for one in manifest.keys] == [
        ("user/ci", True, "d"),
        ("service/production/ingest", True, "d"),
        ("user/new", False, "d"),
    ]


def test_an_overlay_may_declare_all_keys() -> None:
    texts = lay("keys: [{name: a, key_type: user}]\n", keys="")
    assert texts.addresses() == ["user/a"]


def test_an_overlay_may_take_all_keys_away() -> None:
    assert lay("keys: null\n").problems() == ["o0.yaml:1:7: field 'keys' must be a list, not empty"]


@pytest.mark.parametrize(
    ("overlay", "problem"),
    [
        pytest.param(
            "keys: {user/cj: {protect: true}}\n",
            "o0.yaml:1:8: no declaration has the address 'user/cj'; did you mean 'user/ci'?",
            id="an address that is not there",
        ),
        pytest.param(
            "keys: {user/ci: null, user/ci : null}\n",
            "o0.yaml:1:23: field 'user/ci' is given twice; first in line 1, column 8",
            id="one that is taken away twice",
        ),
        pytest.param(
            "keys: {user/ci: yes}\n", "o0.yaml:1:17: user/ci must be a mapping of fields, or null", id="no mapping"
        ),
        pytest.param(
            "keys: {user/ci: {for_each: [a]}}\n",
            "o0.yaml:1:17: user/ci must be a mapping of fields, or null",
            id="several",
        ),
        pytest.param("vars: {x: '1'}\nkeys: {user/ci: yes}\n", None, id="no mapping in a manifest with variables"),
        pytest.param("nonsense: 1\n", f"o0.yaml:1:1: field 'nonsense' is unknown{AT_TOP}", id="an unknown field"),
        pytest.param("keys: 3\n", "o0.yaml:1:7: field 'keys' must be a list, not a number", id="no keys at all"),
        pytest.param("- a\n", "o0.yaml:1:1: an overlay is a mapping of fields, and this is none", id="a list"),
        pytest.param("vars: 3\n", "o0.yaml:1:7: field 'vars' must be a mapping, not a number", id="no variables"),
    ],
)
def test_what_cannot_be_laid_over_is_told_where_it_stands(overlay: str, problem: str | None) -> None:
    expected = problem or "o0.yaml:2:17: user/ci must be a mapping of fields, or null"
    assert lay(overlay).problems() == [expected]


def test_a_key_that_one_overlay_takes_away_is_not_there_for_the_next() -> None:
    texts = lay("keys: {user/ci: null}\n", "keys: {user/ci: null}\n")
    assert texts.problems() == ["o1.yaml:1:8: no declaration has the address 'user/ci'"]


def test_declarations_without_an_address_are_laid_over_by_none() -> None:
    keys = "keys:\n  - 3\n  - {name: 4}\n  - {name: a}\n  - {name: b, key_type: service}\n"
    texts = lay("keys: [{name: c}, {name: 5, key_type: user}]\n", keys=keys)
    places = [problem.split(": ")[0] for problem in texts.problems()]
    assert {place.split(":")[0] for place in places} == {"keys.yaml", "o0.yaml"}
    assert "keys.yaml:7:5" in places


def test_keys_that_are_no_list_take_no_overlay() -> None:
    texts = lay("keys: [{name: c, key_type: user}]\n", keys="keys: {}\n")
    assert texts.problems() == ["keys.yaml:6:7: field 'keys' must be a list, not a mapping"]


def test_a_delivery_to_another_sink_takes_nothing_of_the_former_one() -> None:
    head = HEAD.replace("sinks: {", "sinks: {second: {type: file, path: x}, ")
    keys = "keys: [{name: ci, key_type: user, sink: {name: local, path: a}}]\n"
    first = lay("keys: {user/ci: {sink: {name: second, mount: m}}}\n", keys=keys, head=head).read().keys[0]
    assert first.deliveries[0].options == {"mount": "m"}
    second = lay("keys: {user/ci: {sink: {name: local, mount: m}}}\n", keys=keys, head=head).read().keys[0]
    assert second.deliveries[0].options == {"path": "a", "mount": "m"}


def test_an_overlay_may_include_files_and_remove_variables() -> None:
    texts = lay("include: [a.yaml]\nvars: {x: null}\n", head=HEAD + "vars: {x: '1', y: '2'}\n")
    texts.included = {"a.yaml": "vars: {z: '3'}\n"}
    assert texts.read().includes == ("a.yaml",)
    texts.variables = {"x": "2"}
    assert texts.problems() == ["keys.yaml:6:7: --var: variable 'x' is not declared under 'vars'"]


@pytest.mark.parametrize(
    ("over", "name", "source"),
    [
        pytest.param("{env: A}", "", FromEnvironment("A"), id="a source replaces a login"),
        pytest.param("{username: other}", "other", FromFile("/p"), id="the name of a login alone"),
    ],
)
def test_a_login_is_changed_field_by_field_and_replaced_as_a_whole(
    over: str, name: str, source: FromEnvironment | FromFile
) -> None:
    login = "provider: {region: r, credential: {username: admin, password: {file: /p}}}\n"
    texts = lay(f"provider: {{credential: {over}}}\n", head=HEAD.replace("keys:\n", "") + login)
    provider = texts.read().provider
    assert (provider.credential, provider.options.get("username", "")) == (source, name)


def test_an_overlay_finds_keys_of_further_providers_by_their_addresses() -> None:
    providers = "providers: {a: {type: x}, b: {type: x}}\n"
    head = HEAD.replace("sink: local}", "sink: local, provider: a}") + providers
    keys = "keys: [{name: ci, key_type: user}, {name: ci, key_type: user, provider: b}]\n"
    manifest = lay("keys: {'b:user/ci': {protect: true}}\n", head=head, keys=keys).read()
    assert [key.protect for key in manifest.keys] == [False, True]
