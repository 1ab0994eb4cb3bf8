"""Each field of a manifest that can name something outside is refused by a policy that does not name it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from security.hostile import (
    BENIGN,
    HEAD,
    HOSTILE_FIELDS,
    NAMES_NOTHING,
    STRICT,
    HostileOption,
    covers,
    list_fields,
    list_options,
    write_manifest,
    write_policy,
)
from security.untouchable import Stranger

from keyplan.app import registry
from keyplan.app.wiring import LEDGERS, PROVIDERS, SINKS
from keyplan.documents.schemas import load

ROOT = Path(__file__).parents[2]
OPTIONS = list_options()
BY_ITEM: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "file": ("folders", {"folders": ["."]}),
    "secret": ("secrets", {"secrets": [{"env": "GOOD_TOKEN"}, {"env": "GITHUB_TOKEN"}, {"env": "GITLAB_TOKEN"}]}),
    "command": ("commands", {"commands": False}),
    "module": ("commands", {"commands": False}),
    "profile": ("commands", {"commands": False}),
}
"""What refuses an option even if all sinks and ledgers are allowed."""


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    """Return a folder without ports, empty but for what a benign provider needs."""
    copyfile(ROOT / "examples" / "providers" / "openrouter.yaml", tmp_path / "good.yaml")
    return Stranger(tmp_path)


def refusals(stranger: Stranger, manifest: str, policy: str) -> set[str]:
    """Return the items of `allow` that a plan is refused for; it is refused for nothing else, and opens nothing."""
    stranger.write("keys.yaml", manifest)
    stranger.write("policy.yaml", policy)
    done = stranger("validate", "keys.yaml", "--policy", "policy.yaml", "--format", "json")
    (validation,) = json.loads(done.out)["manifests"]
    problems = validation["problems"]
    rules = {problem["rule"] for problem in problems}
    assert {rule for rule in rules if not rule.startswith("policy/allow/")} == set()
    if rules:
        planned = stranger("plan", "keys.yaml", "--policy", "policy.yaml")
        assert (planned.status, stranger.wiring.asked) == (3, [])
    return {rule.removeprefix("policy/allow/") for rule in rules}


# The manifest's own fields.


def test_every_field_of_a_manifest_has_its_row() -> None:
    rows = [*NAMES_NOTHING, *HOSTILE_FIELDS]
    fields = list_fields(load("manifest.v1"))
    assert {field for field in fields if not any(covers(row, field) for row in rows)} == set()
    assert {row for row in rows if not any(covers(row, field) for field in fields)} == set()


def test_a_new_field_is_found() -> None:
    schema = load("manifest.v1")
    before = list_fields(schema)
    schema["properties"]["proxy"] = {"type": "object", "properties": {"url": {"type": "string"}}}
    schema["$defs"]["declaration"]["properties"]["hooks"] = {"type": "array", "items": {"type": "string"}}
    assert list_fields(schema) - before == {"proxy.url", "declaration.hooks[]"}


@pytest.mark.parametrize("field", HOSTILE_FIELDS)
def test_a_field_that_names_what_the_policy_does_not_is_refused(stranger: Stranger, field: str) -> None:
    item, fields = HOSTILE_FIELDS[field]
    manifest = json.dumps({**HEAD, "keys": [], **fields})
    assert item in refusals(stranger, manifest, write_policy(STRICT))
    others = {name: value for name, value in STRICT.items() if name == item}
    assert refusals(stranger, manifest, write_policy(others)) == {item}


# Options of plugins.


def is_judged_elsewhere(option: HostileOption) -> bool:
    """Whether an option of a provider says nothing of the server: a file is judged by `folders`, a name by nothing."""
    return option.group == PROVIDERS and option.access in ("file", "none")


def test_every_plugin_has_its_row() -> None:
    installed = {(group, name) for group in (PROVIDERS, SINKS, LEDGERS) for name in registry.list_types(group)}
    assert installed == set(BENIGN)


@pytest.mark.parametrize("option", [one for one in OPTIONS if not is_judged_elsewhere(one)], ids=str)
def test_an_option_that_a_policy_does_not_give_is_refused(stranger: Stranger, option: HostileOption) -> None:
    item, policy = allow_benign(option)
    assert refusals(stranger, write_manifest(option.group, option.type, option.benign), policy) == set()
    assert refusals(stranger, write_manifest(option.group, option.type, option.evil), policy) == {item}


@pytest.mark.parametrize("option", [one for one in OPTIONS if one.access in BY_ITEM], ids=str)
def test_an_option_is_refused_by_what_it_names_in_any_sink_or_ledger(stranger: Stranger, option: HostileOption) -> None:
    item, allow = BY_ITEM[option.access]
    policy = write_policy(allow)
    if item != "commands" or option.type != "command":
        assert (
            refusals(stranger, write_manifest(option.group, option.type, option.benign), policy) - {"secrets"} == set()
        )
    assert item in refusals(stranger, write_manifest(option.group, option.type, option.evil), policy)


def allow_benign(option: HostileOption) -> tuple[str, str]:
    """Return the item that says which options may be given, and a policy that allows the benign ones."""
    entry = {"type": option.type, **option.benign}
    if option.group == PROVIDERS:
        return "base_urls", write_policy({"base_urls": ["https://api.arize.com", "https://good.example"]})
    item = "sinks" if option.group == SINKS else "ledgers"
    return item, write_policy({item: [entry]})
