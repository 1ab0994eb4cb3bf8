"""Defaults stand behind every declaration, as far as a key of its type could have them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keyplan.model.identity import ScopeId
from keyplan.model.manifest import Adopt, Declaration, KeyType, Manifest, Role, Roles, Rotation, ScopeById

Read = Callable[[str], Manifest]
Find = Callable[[str], tuple[str, ...]]

ORGANIZATIONS = "[{org_id: o, spaces: [{space_id: s}]}]"


def write(defaults: str, fields: str) -> str:
    sinks = "sinks: {s: {type: vault}, t: {type: vault}}"
    return f"version: 1\nowner: ml\n{sinks}\ndefaults: {{{defaults}}}\nkeys:\n  - {{name: n, {fields}}}\n"


def read_one(read_text: Read, defaults: str, fields: str) -> Declaration:
    return read_text(write(f"sink: s, {defaults}", fields)).keys[0]


@pytest.mark.parametrize(
    ("defaults", "fields", "attribute", "value"),
    [
        pytest.param("key_type: user", "", "key_type", KeyType.USER, id="inherited"),
        pytest.param("adopt: refresh", "key_type: user, adopt: replace", "adopt", Adopt.REPLACE, id="own field wins"),
        pytest.param("space: a", "key_type: user", "scope", None, id="a space is not passed on to a user key"),
        pytest.param(
            "key_type: user, roles: {org_role: admin}",
            "",
            "roles",
            Roles(),
            id="nor roles, the type being a default too",
        ),
        pytest.param(
            "space: a",
            "key_type: service, space_id: b",
            "scope",
            ScopeById(ScopeId("b")),
            id="an own space displaces the default of a rival",
        ),
        pytest.param(
            "space: a", f"key_type: service, organizations: {ORGANIZATIONS}", "scope", None, id="so do several"
        ),
        pytest.param(
            "expires_in: 9d",
            "key_type: user, expires_at: 2027-01-01T00:00:00Z",
            "expires_in",
            None,
            id="an own time displaces a default duration",
        ),
        pytest.param(
            "expires_at: 2027-01-01T00:00:00Z",
            "key_type: user",
            "expires_at",
            datetime(2027, 1, 1, tzinfo=UTC),
            id="default time",
        ),
        pytest.param(
            "rotation: {every: 9d, overlap: 1h}",
            "key_type: user, rotation: {every: 3d}",
            "rotation",
            Rotation(every=timedelta(days=3), overlap=timedelta(hours=1)),
            id="rotation is merged field by field",
        ),
        pytest.param(
            "roles: {space_role: admin, account_role: admin}",
            "key_type: service, space: a, roles: {org_role: admin}",
            "roles",
            Roles(org_role=Role("admin")),
            id="roles are not",
        ),
        pytest.param(
            "roles: {space_role: admin, account_role: admin}",
            f"key_type: service, organizations: {ORGANIZATIONS}",
            "roles",
            Roles(account_role=Role("admin")),
            id="of default roles only that in the account counts beside organizations",
        ),
    ],
)
def test_defaults_are_merged(defaults: str, fields: str, attribute: str, value: Any, read_text: Read) -> None:
    assert getattr(read_one(read_text, defaults, fields), attribute) == value


def test_an_own_sink_displaces_the_default(read_text: Read) -> None:
    assert [delivery.sink for delivery in read_one(read_text, "", "key_type: user, sink: t").deliveries] == ["t"]


def test_it_is_known_whether_a_field_stands_in_the_declaration_or_in_the_defaults(read_text: Read) -> None:
    declared = read_one(read_text, "protect: true", "key_type: user, self: true")
    assert (declared.place_of("protect").line, declared.place_of("self").line) == (4, declared.place.line)


def test_keys_that_take_the_default_sink_share_one_delivery(read_text: Read) -> None:
    text = "version: 1\nowner: x\nsinks: {s: {type: vault}}\ndefaults: {sink: s}\nkeys:\n"
    first, second = read_text(f"{text}  - {{name: a, key_type: user}}\n  - {{name: b, key_type: user}}\n").keys
    assert first.deliveries is second.deliveries


@pytest.mark.parametrize(
    ("defaults", "fields", "problems"),
    [
        pytest.param("sink: u", "key_type: user", ["4:18: sink 'u' is unknown; known are 's', 't'"], id="told there"),
        pytest.param(
            "sink: u", "key_type: user, sink: t", ["4:18: sink 'u' is unknown; known are 's', 't'"], id="unused"
        ),
        pytest.param(
            "sinc: s", "key_type: user", ["4:12: field 'sinc' is unknown; did you mean 'sink'?"], id="not missing too"
        ),
        pytest.param(
            "sink: 3",
            "key_type: user",
            ["4:18: field 'sink' must be text, a mapping or a list, not a number"],
            id="refused, not missing too",
        ),
        pytest.param(
            "sink: s, adopt: 3",
            "key_type: user",
            ["4:28: field 'adopt' must be one of 'import', 'refresh', 'refuse', 'replace', not a number"],
            id="passed over",
        ),
        pytest.param(
            "sink: s, rotation: {every: 3}",
            "key_type: user, rotation: {overlap: 0}",
            [
                "4:39: field 'every' must be a duration such as 45s, 30m, 12h, 90d or 2w, not a number",
                "6:51: field 'overlap' must be a duration such as 45s, 30m, 12h, 90d or 2w, not a number",
            ],
            id="both refused",
        ),
        pytest.param(
            "sink: s, rotation: {overlap: 4h}",
            "key_type: user, rotation: {every: 2h}",
            ["4:41: field 'overlap' must be shorter than 'every'"],
            id="at the default that is too long",
        ),
        pytest.param(
            "sink: s, rotation: {every: 0h}",
            "key_type: user",
            ["4:39: field 'every' must be longer than nothing"],
            id="at the default",
        ),
        pytest.param(
            "sink: s, roles: {org_role: x}",
            "key_type: service, space: a",
            ["4:39: field 'org_role' must be one of 'admin', 'member', 'read-only', not 'x'"],
            id="default role",
        ),
        pytest.param(
            "sink: s, expires_in: 1d, expires_at: 2027-01-01T00:00:00Z",
            "key_type: user",
            ["4:33: fields 'expires_at' and 'expires_in' exclude each other; keep one"],
            id="rival defaults",
        ),
    ],
)
def test_a_mistake_in_defaults_is_told_once(
    defaults: str, fields: str, problems: list[str], find_problems: Find
) -> None:
    two_keys = write(defaults, fields) + f"  - {{name: m, {fields}}}\n"
    assert [problem for problem in find_problems(two_keys) if not problem.startswith("7:")] == problems


def test_defaults_that_are_no_mapping_make_nothing_missing(find_problems: Find) -> None:
    text = "version: 1\nowner: ml\ndefaults: 3\nkeys: [{name: a}]\n"
    assert find_problems(text) == ("3:11: field 'defaults' must be a mapping, not a number",)
