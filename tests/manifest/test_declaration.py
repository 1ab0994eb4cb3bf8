"""What a declaration says is what is read; defaults stand behind it; each mistake is one line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keyplan.manifest import declaration
from keyplan.model.identity import ManifestId, OrganizationId, ScopeId, SinkName
from keyplan.model.manifest import (
    Adopt,
    Declaration,
    Delivery,
    KeyType,
    Manifest,
    OnRemove,
    OrganizationGrant,
    Retire,
    Role,
    Roles,
    Rotation,
    ScopeById,
    ScopeByName,
    SpaceGrant,
    Strategy,
)
from keyplan.model.observation import REF_DIGITS, Marker
from keyplan.model.place import Place

Read = Callable[[str], Manifest]
Find = Callable[[str], tuple[str, ...]]

USER = "key_type: user, sink: local"
SERVICE = "key_type: service, sink: local"
USER_OF_S = "key_type: user, sink: s"


def read_one(read_keys: Read, fields: str) -> Declaration:
    """Return the declaration of these fields, called `n`."""
    return read_keys(f"  - {{name: n, {fields}}}").keys[0]


def test_a_user_key_has_ordinary_settings(read_keys: Read) -> None:
    place = Place("keys.yaml", 7, 5)
    assert read_one(read_keys, USER) == Declaration(
        address="user/n",
        name="n",
        key_type=KeyType.USER,
        deliveries=(Delivery(sink=SinkName("local"), place=place),),
        place=place,
    )


def test_a_declaration_knows_its_place(read_keys: Read) -> None:
    declared = read_keys(f"  - {{name: a, {USER}}}\n  - name: b\n    key_type: user\n    sink: [local]").keys
    assert [key.place for key in declared] == [Place("keys.yaml", 7, 5), Place("keys.yaml", 8, 5)]
    assert declared[1].deliveries[0].place == Place("keys.yaml", 10, 12)


@pytest.mark.parametrize(
    ("fields", "attribute", "value"),
    [
        pytest.param(f"{USER}, description: ' x  '", "description", "x", id="blanks around a description are dropped"),
        pytest.param(f"{USER}, protect: true", "protect", True, id="protect"),
        pytest.param(f"{USER}, adopt: replace", "adopt", Adopt.REPLACE, id="adopt"),
        pytest.param(f"{USER}, on_remove: forget", "on_remove", OnRemove.FORGET, id="on_remove"),
        pytest.param(f"{USER}, self: true", "may_rotate_itself", True, id="self"),
        pytest.param(f"{USER}, moved_from: user/o", "moved_from", ("user/o",), id="one former address"),
        pytest.param(
            f"{USER}, moved_from: [user/o, service/s%2Ft/p]",
            "moved_from",
            ("user/o", "service/s%2Ft/p"),
            id="several former addresses",
        ),
        pytest.param(
            f"{USER}, expires_at: 2027-01-01T02:30:00+02:00",
            "expires_at",
            datetime(2027, 1, 1, 0, 30, tzinfo=UTC),
            id="an offset is turned into UTC",
        ),
        pytest.param(f"{USER}, expires_in: 2w", "expires_in", timedelta(weeks=2), id="expires_in"),
        pytest.param(f"{SERVICE}, space: a b", "scope", ScopeByName("a b"), id="space by name"),
        pytest.param(f"{SERVICE}, space_id: x=", "scope", ScopeById(ScopeId("x=")), id="space by id"),
        pytest.param(f"{SERVICE}, space: a/b%", "address", "service/a%2Fb%25/n", id="address with escapes"),
        pytest.param(f"{SERVICE}, space: a", "roles", Roles(), id="default roles"),
        pytest.param(
            f"{SERVICE}, space: a, roles: {{space_role: ADMIN, org_role: Read_Only, account_role: admin}}",
            "roles",
            Roles(space_role=Role("admin"), org_role=Role("read-only"), account_role=Role("admin")),
            id="roles as words in any case",
        ),
        pytest.param(
            f"{SERVICE}, space: a, roles: {{space_role: {{type: CUSTOM, id: r, name: shown}}, "
            "org_role: {type: PREDEFINED, name: READ_ONLY}}",
            "roles",
            Roles(space_role=Role("r", custom=True)),
            id="roles in the API's own shape",
        ),
        pytest.param(
            f"{SERVICE}, organizations: [{{org_id: o, role: member, spaces: [{{space_id: s, role: admin}}, "
            "{space_id: t}]}, {org_id: p, spaces: [{space_id: u}]}]",
            "organizations",
            (
                OrganizationGrant(
                    org_id=OrganizationId("o"),
                    role=Role("member"),
                    spaces=(
                        SpaceGrant(space_id=ScopeId("s"), role=Role("admin")),
                        SpaceGrant(space_id=ScopeId("t")),
                    ),
                ),
                OrganizationGrant(org_id=OrganizationId("p"), spaces=(SpaceGrant(space_id=ScopeId("u")),)),
            ),
            id="organizations",
        ),
        pytest.param(
            f"{SERVICE}, organizations: [{{org_id: o, spaces: [{{space_id: s/t}}]}}]",
            "address",
            "service/s%2Ft/n",
            id="the first space of organizations stands in the address",
        ),
        pytest.param(
            f"{SERVICE}, organizations: [{{org_id: o, spaces: [{{space_id: s}}]}}], roles: {{account_role: admin}}",
            "roles",
            Roles(account_role=Role("admin")),
            id="account role beside organizations",
        ),
        pytest.param(f"{USER}, rotation: {{}}", "rotation", Rotation(), id="default rotation"),
        pytest.param(
            f"{USER}, rotation: {{every: 30d, before_expiry: 14d, overlap: 24h, strategy: replace, generation: 2.0, "
            "retire: when_unused, settle: 0s}",
            "rotation",
            Rotation(
                every=timedelta(days=30),
                before_expiry=timedelta(days=14),
                overlap=timedelta(hours=24),
                strategy=Strategy.REPLACE,
                generation=2,
                retire=Retire.WHEN_UNUSED,
                settle=timedelta(0),
            ),
            id="every field of rotation",
        ),
        pytest.param(
            f"{USER}, rotation: {{every: 1h, overlap: 0s}}",
            "rotation",
            Rotation(every=timedelta(hours=1), overlap=timedelta(0)),
            id="shortest cycle, no overlap",
        ),
    ],
)
def test_a_field_is_read(fields: str, attribute: str, value: Any, read_keys: Read) -> None:
    assert getattr(read_one(read_keys, fields), attribute) == value


def test_a_former_address_may_lie_in_a_list_of_defaults_that_is_displaced(read_text: Read) -> None:
    text = "version: 1\nowner: ml\ndefaults: {moved_from: user/o}\nsinks: {s: {type: vault}}\nkeys:\n"
    keys = read_text(f"{text}  - {{name: a, key_type: user, sink: s, moved_from: [user/p]}}").keys
    assert keys[0].moved_from == ("user/p",)


@pytest.mark.parametrize(
    ("sink", "deliveries"),
    [
        pytest.param("local", [("local", {})], id="name"),
        pytest.param("[local, vault]", [("local", {}), ("vault", {})], id="list of names"),
        pytest.param("{name: local, path: p}", [("local", {"path": "p"})], id="with a change"),
        pytest.param("{name: local}", [("local", {})], id="mapping without a change"),
        pytest.param("{sink: local, path: p}", [("local", {"path": "p"})], id="named by 'sink'"),
        pytest.param('{sink: vault, name: "a/{name}"}', [("vault", {"name": "a/{name}"})], id="an option called name"),
        pytest.param(
            "[local, {name: local, path: p}, {name: vault, tags: [a], token: {env: T}}]",
            [("local", {}), ("local", {"path": "p"}), ("vault", {"tags": ["a"], "token": {"env": "T"}})],
            id="one sink at two places",
        ),
    ],
)
def test_deliveries_are_read_in_order(sink: str, deliveries: list[Any], read_keys: Read) -> None:
    declared = read_one(read_keys, f"key_type: user, sink: {sink}").deliveries
    assert [(delivery.sink, delivery.options) for delivery in declared] == deliveries


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param("sink: local", "field 'key_type' is missing", id="no type"),
        pytest.param("key_type: user", "field 'sink' is missing, here and in 'defaults'", id="no sink"),
        pytest.param(
            "key_type: usr, sink: local",
            "field 'key_type' must be one of 'api', 'service', 'system', 'user', not 'usr'; did you mean 'user'?",
            id="type",
        ),
        pytest.param(
            "key_type: USER, sink: local",
            "field 'key_type' must be one of 'api', 'service', 'system', 'user', not 'USER'; did you mean 'user'?",
            id="case",
        ),
        pytest.param(f"{USER}, desciption: x", "field 'desciption' is unknown; did you mean 'description'?", id="slip"),
        pytest.param(f"{USER}, every: 3d", "field 'every' is unknown; it belongs under 'rotation'", id="level"),
        pytest.param(
            f"{USER}, account_role: admin",
            "field 'account_role' is unknown; it belongs under 'roles'",
            id="account role where the API has it",
        ),
        pytest.param(
            "key_type: user, sinc: local",
            "field 'sinc' is unknown; did you mean 'sink'?",
            id="a misspelt sink is not missing too",
        ),
        pytest.param(
            "key_tipe: user, sink: local",
            "field 'key_tipe' is unknown; did you mean 'key_type'?",
            id="a misspelt type is not missing too",
        ),
        pytest.param(
            "key_type: service, sink: local, spce: x",
            "field 'spce' is unknown; did you mean 'space'?",
            id="a misspelt space is not missing too",
        ),
        pytest.param(f"{USER}, description: 7", "field 'description' must be text, not a number", id="number"),
        pytest.param(f"{USER}, description: ~", "field 'description' must be text, not empty", id="nothing"),
        pytest.param(f"{USER}, protect: on", "field 'protect' must be true or false, not the text 'on'", id="on"),
        pytest.param(
            f"{USER}, description: {'x' * 1001}",
            "field 'description' has 1,001 characters; at most 1,000 are allowed",
            id="long description",
        ),
        pytest.param(
            f"{USER}, description: {'x' * 977}",
            "field 'description' has 977 characters; with the marker at most 976 are allowed",
            id="no room for the marker",
        ),
        pytest.param(
            f"{USER}, description: 'x [keyplan o/0123456789]'",
            "field 'description' ends with a marker; leave it out, keyplan adds its own",
            id="marker",
        ),
        *(
            pytest.param(
                f"{USER}, {name}: {value}", f"field '{name}' is for service keys, and this is a user key", id=name
            )
            for name, value in (
                ("space", "x"),
                ("space_id", "x"),
                ("roles", "{}"),
                ("organizations", "[{org_id: o, spaces: [{space_id: s}]}]"),
            )
        ),
        pytest.param(SERVICE, "a service key needs one of 'space_id', 'space' and 'organizations'", id="no space"),
        pytest.param(
            f"{SERVICE}, space: x, space_id: y",
            "fields 'space_id' and 'space' exclude each other; keep one",
            id="two spaces",
        ),
        pytest.param(
            f"{SERVICE}, space: x, space_id: y, organizations: [{{org_id: o, spaces: [{{space_id: s}}]}}]",
            "fields 'space_id' and 'space' and 'organizations' exclude each other; keep one",
            id="three",
        ),
        pytest.param(
            f"{SERVICE}, space_id: a b",
            "field 'space_id' must be an id: text without blanks, not 'a b'",
            id="name for an id",
        ),
        pytest.param(f"{SERVICE}, organizations: []", "field 'organizations' must not be empty", id="no organization"),
        pytest.param(f"{SERVICE}, organizations: [{{org_id: o}}]", "field 'spaces' is missing", id="no spaces"),
        pytest.param(
            f"{SERVICE}, organizations: [{{org_id: o, spaces: []}}]",
            "field 'spaces' must not be empty",
            id="organization without a space",
        ),
        pytest.param(
            f"{SERVICE}, organizations: [o]", "an item of 'organizations' must be a mapping, not text", id="id"
        ),
        pytest.param(
            f"{SERVICE}, organizations: [{{org_id: o, spaces: [{{space_id: s}}, {{space_id: s}}]}}]",
            "field 'space_id' names 's' a second time",
            id="one space twice",
        ),
        pytest.param(
            f"{SERVICE}, organizations: [{{org_id: o, spaces: [{{space_id: s}}]}}, "
            "{org_id: o, spaces: [{space_id: t}]}]",
            "field 'org_id' names 'o' a second time",
            id="one org twice",
        ),
        pytest.param(
            f"{SERVICE}, organizations: [{{org_id: o, spaces: [{{space_id: s}}]}}], roles: {{space_role: admin}}",
            "field 'space_role' stands beside each organization or space when 'organizations' is given",
            id="r",
        ),
        pytest.param(
            f"{SERVICE}, space: x, roles: {{space_role: membr}}",
            "field 'space_role' must be one of 'admin', 'member', 'read-only', not 'membr'; did you mean 'member'?",
            id="misspelt role",
        ),
        pytest.param(
            f"{SERVICE}, space: x, roles: {{account_role: read-only}}",
            "field 'account_role' must be one of 'admin', 'member', not 'read-only'",
            id="account role",
        ),
        pytest.param(
            f"{SERVICE}, space: x, roles: {{org_role: {{type: CUSTOM, id: r}}}}",
            "field 'org_role' must not be a custom role; only the role in a space may be one",
            id="custom role in an organization",
        ),
        pytest.param(
            f"{SERVICE}, space: x, roles: {{space_role: {{type: CUSTOM}}}}",
            "field 'space_role' of the type CUSTOM must have an 'id'",
            id="custom role without an id",
        ),
        pytest.param(
            f"{SERVICE}, space: x, roles: {{space_role: {{type: PREDEFINED}}}}",
            "field 'space_role' of the type PREDEFINED must have a 'name', and no 'id'",
            id="predefined role without a name",
        ),
        pytest.param(
            f"{SERVICE}, space: x, roles: {{space_role: 7}}",
            "field 'space_role' must be text or a mapping, not a number",
            id="role as a number",
        ),
        pytest.param(
            f"{SERVICE}, space: x, roles: {{space_role: {{type: custom, id: r}}}}",
            "field 'type' must be one of 'CUSTOM', 'PREDEFINED', not 'custom'; did you mean 'CUSTOM'?",
            id="alternative that was meant",
        ),
        pytest.param(
            f"{USER}, expires_at: 2027-01-01T00:00:00Z, expires_in: 1d",
            "fields 'expires_at' and 'expires_in' exclude each other; keep one",
            id="two expiries",
        ),
        pytest.param(
            f"{USER}, expires_at: 2027-01-01T00:00:00",
            "field 'expires_at' has no offset; add Z for UTC, or one such as +02:00",
            id="naive time",
        ),
        pytest.param(
            f"{USER}, expires_at: 2027-01-01",
            "field 'expires_at' must be a time with an offset, such as 2027-01-01T00:00:00Z",
            id="date",
        ),
        pytest.param(
            f"{USER}, expires_at: 2027-02-30T00:00:00Z",
            "field 'expires_at' is not a real time; check day and hour",
            id="February 30",
        ),
        pytest.param(
            f"{USER}, expires_in: 3 days",
            "field 'expires_in' must be a duration such as 45s, 30m, 12h, 90d or 2w, not '3 days'",
            id="words",
        ),
        pytest.param(
            f"{USER}, expires_in: 90",
            "field 'expires_in' must be a duration such as 45s, 30m, 12h, 90d or 2w, not a number",
            id="no unit",
        ),
        pytest.param(f"{USER}, expires_in: 0d", "field 'expires_in' must be longer than nothing", id="no life"),
        pytest.param(f"{USER}, expires_in: 36526d", "field 'expires_in' must be at most 100 years (36525d)", id="ages"),
        pytest.param(f"{USER}, rotation: {{every: 59m}}", "field 'every' must be at least 1h", id="too often"),
        pytest.param(
            f"{USER}, rotation: {{every: 1d, overlap: 24h}}",
            "field 'overlap' must be shorter than 'every'",
            id="overlap as long as the cycle",
        ),
        pytest.param(
            f"{USER}, expires_in: 14d, rotation: {{before_expiry: 2w}}",
            "field 'before_expiry' must be shorter than 'expires_in'",
            id="due from birth",
        ),
        pytest.param(
            f"{USER}, rotation: {{before_expiry: 0s}}",
            "field 'before_expiry' must be longer than nothing",
            id="at the very end",
        ),
        pytest.param(f"{USER}, rotation: {{generation: 0}}", "field 'generation' must be at least 1", id="generation"),
        pytest.param(
            f"{USER}, rotation: {{generation: 1.5}}",
            "field 'generation' must be a whole number, not a number",
            id="half a generation",
        ),
        pytest.param(
            f"{USER}, rotation: {{retire: unused}}",
            "field 'retire' must be one of 'after_overlap', 'when_unused', not 'unused'; did you mean 'when_unused'?",
            id="retire",
        ),
        pytest.param(
            f"{USER}, rotation: daily", "field 'rotation' must be a mapping, not text", id="rotation as a word"
        ),
        pytest.param(
            f"{USER}, moved_from: n",
            "field 'moved_from' must be an address: user/NAME or service/SPACE/NAME, "
            "with %2F for '/' and %25 for '%' inside a part, not 'n'",
            id="name for an address",
        ),
        pytest.param(
            f"{USER}, moved_from: [user/a/b]",
            "an item of 'moved_from' must be an address: user/NAME or "
            "service/SPACE/NAME, with %2F for '/' and %25 for '%' inside a part, not 'user/a/b'",
            id="slash",
        ),
        pytest.param(
            f"{USER}, moved_from: user/n",
            "address 'user/n' is not a former one: it is declared in line 7, column 5",
            id="its own address",
        ),
        pytest.param("key_type: user, sink: vualt", "sink 'vualt' is unknown; did you mean 'vault'?", id="sink"),
        pytest.param("key_type: user, sink: aws", "sink 'aws' is unknown; known are 'local', 'vault'", id="far off"),
        pytest.param(
            "key_type: user, sink: {name: vualt, path: p}",
            "sink 'vualt' is unknown; did you mean 'vault'?",
            id="sink of a mapping",
        ),
        pytest.param("key_type: user, sink: {path: p}", "field 'name' is missing", id="nameless sink"),
        pytest.param("key_type: user, sink: []", "field 'sink' must not be empty", id="empty list of sinks"),
        pytest.param("key_type: user, sink: [3]", "an item of 'sink' must be text or a mapping, not a number", id="3"),
        pytest.param(
            "key_type: user, sink: 3", "field 'sink' must be text, a mapping or a list, not a number", id="no"
        ),
        pytest.param(
            "key_type: user, sink: {name: local, pth: p}",
            "field 'pth' is unknown; did you mean 'path'?",
            id="change of an unknown option",
        ),
        pytest.param(
            "key_type: user, sink: {name: local, type: vault}",
            "field 'type' is unknown; known fields: format, path, variable",
            id="change of type",
        ),
        pytest.param(
            "key_type: user, sink: {name: local, format: raww}",
            "field 'format' must be one of 'dotenv', 'json', 'raw', not 'raww'; did you mean 'raw'?",
            id="bad change",
        ),
        pytest.param(
            "key_type: user, sink: {name: local, format: dotenv}", "field 'variable' is missing", id="condition"
        ),
        pytest.param(
            "key_type: user, sink: [local, local]", "sink 'local' is named twice with the same options", id="2"
        ),
        pytest.param(
            "key_type: user, sink: [{name: local, path: p}, {name: local, path: p}]",
            "sink 'local' is named twice with the same options",
            id="twice the same change",
        ),
    ],
)
def test_a_mistake_in_a_declaration_is_one_line(fields: str, problem: str, find_key_problems: Find) -> None:
    assert find_key_problems(f"  - {{name: n, {fields}}}") == (problem,)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("''", "must not be empty", id="empty"),
        pytest.param("' n'", "must be text on one line, without a blank at either end, not ' n'", id="blank before"),
        pytest.param("'n '", "must be text on one line, without a blank at either end, not 'n '", id="blank after"),
        pytest.param('"n\\n"', r"must be text on one line, without a blank at either end, not 'n\n'", id="line break"),
        pytest.param(
            '"n\\e[0m"', r"must be text on one line, without a blank at either end, not 'n\x1b[0m'", id="escape"
        ),
        pytest.param("123", "must be text on one line, without a blank at either end, not a number", id="number"),
        pytest.param("x" * 257, "has 257 characters; at most 256 are allowed", id="long"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(name: str, said: str, find_key_problems: Find) -> None:
    assert f"field 'name' {said}" in find_key_problems(f"  - {{name: {name}, {USER}}}")


def test_a_name_may_be_long_and_odd(read_keys: Read) -> None:
    assert [
        key.name for key in read_keys(f"  - {{name: {'x' * 256}, {USER}}}\n  - {{name: 'ü b/c', {USER}}}").keys
    ] == [
        "x" * 256,
        "ü b/c",
    ]


def test_a_description_may_fill_what_the_marker_leaves(read_keys: Read) -> None:
    assert len(read_one(read_keys, f"{USER}, description: {'x' * 976}").description) == 976


def test_the_id_counts_against_a_description_with_the_marker(read_text: Read, find_problems: Find) -> None:
    head = "version: 1\nowner: ml\nid: k7f3a9c2\nsinks: {s: {type: vault}}\nkeys:\n"
    fits, excess = (f"{head}  - {{name: n, {USER_OF_S}, description: {'x' * count}}}" for count in (967, 968))
    assert len(read_text(fits).keys[0].description) == 967
    assert find_problems(excess) == (
        "6:53: field 'description' has 968 characters; with the marker at most 967 are allowed",
    )


def test_without_a_marker_a_description_may_be_longer(read_text: Read) -> None:
    head = "version: 1\nowner: ml\nmarker: false\nsinks: {s: {type: vault}}\nkeys:\n"
    declared = read_text(f"{head}  - {{name: n, key_type: user, sink: s, description: {'x' * 1000}}}").keys
    assert len(declared[0].description) == 1000


def test_an_address_is_declared_once(find_key_problems: Find) -> None:
    keys = f"  - {{name: n, {USER}}}\n  - {{name: n, {USER}}}\n  - {{name: n, {SERVICE}, space: x}}"
    assert find_key_problems(keys) == ("address 'user/n' is declared twice; first in line 7, column 5",)


def test_a_space_by_name_and_one_by_id_may_collide(find_key_problems: Find) -> None:
    keys = f"  - {{name: n, {SERVICE}, space: x}}\n  - {{name: n, {SERVICE}, space_id: x}}"
    assert find_key_problems(keys) == ("address 'service/x/n' is declared twice; first in line 7, column 5",)


def test_an_alias_of_a_declaration_declares_it_twice(find_key_problems: Find) -> None:
    keys = f"  - &a {{name: n, {USER}}}\n  - *a"
    assert find_key_problems(keys) == ("address 'user/n' is declared twice; first in line 7, column 5",)


def test_a_former_address_is_claimed_once(find_key_problems: Find) -> None:
    keys = f"  - {{name: a, {USER}, moved_from: user/o}}\n  - {{name: b, {USER}, moved_from: [user/o]}}"
    assert find_key_problems(keys) == ("address 'user/o' is claimed twice; first in line 7, column 56",)


def test_a_former_address_is_not_declared(find_key_problems: Find) -> None:
    keys = f"  - {{name: a, {USER}, moved_from: user/b}}\n  - {{name: b, {USER}}}"
    assert find_key_problems(keys) == ("address 'user/b' is not a former one: it is declared in line 8, column 5",)


def test_what_is_refused_hides_no_other_problem_of_a_declaration(find_key_problems: Find) -> None:
    fields = (
        "name: n, key_type: user, sink: vualt, space: x, adopt: no, rotation: {every: 1m, generation: 0}, roles: {x: y}"
    )
    assert len(find_key_problems(f"  - {{{fields}}}")) == 7


def test_what_is_refused_stays_out_of_the_address_check(find_key_problems: Find) -> None:
    keys = f"  - {{name: n, {USER}}}\n  - {{name: n, key_type: service, sink: local, space: 3}}"
    assert len(find_key_problems(keys)) == 1


def test_what_is_wrong_with_a_sink_is_not_told_again_of_its_deliveries(find_problems: Find) -> None:
    head = "version: 1\nowner: ml\nsinks: {s: {type: file, path: p, format: x}, t: {type: zip}}\nkeys:\n"
    keys = "  - {name: n, key_type: user, sink: [{name: s, path: q}, {name: t, path: q}]}"
    assert [problem.split(": ")[0] for problem in find_problems(head + keys)] == ["3:42", "3:56"]


def test_beside_a_description_that_always_fits_there_is_room_for_the_longest_marker() -> None:
    longest = Marker("o" * 63, "0" * REF_DIGITS, ManifestId("i" * 32))
    assert len(longest.attach("x" * declaration.ALWAYS_FITS)) <= declaration.LONGEST_DESCRIPTION
