"""The closed policy of `--untrusted`, and how the items of policy files take its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import keyplan
from keyplan.app.untrusted import CLOSED, UNTRUSTED, Asked, close, find_asked, judge, list_rules
from keyplan.model.policy import Allow, AllowedStore, Policy

ITEMS = [name for name in Allow.__slots__ if name != "lines"]
PLATFORM = Policy(file="platform.yaml", allow=Allow(commands=True, sinks=(AllowedStore(type="file"),)))
COMMAND = "sinks: {s: {type: command, argv: [./store]}}"
VAULT = "sinks: {s: {type: vault, address: 'https://vault.evil.example', path: p}}"
POSTGRES = "ledger: {type: postgres, url: 'postgresql://db.evil.example/keys'}"


def closed(*policies: Policy, environment: Mapping[str, str] | None = None) -> Allow:
    *others, last = close(policies, environment or {})
    assert (tuple(others), last.file, last.allow is None) == (policies, UNTRUSTED, False)
    return last.allow or CLOSED


def rules(folder: Path, lines: str, *policies: Policy, environment: Mapping[str, str] | None = None) -> list[str]:
    path = folder / "keys.yaml"
    path.write_text(f"version: 1\nowner: ml\n{lines}\nkeys: [{{name: ci, key_type: user, sink: s}}]\n")
    if "sinks:" not in lines:
        path.write_text(f"version: 1\nowner: ml\n{lines}\nkeys: []\n")
    held = close(policies, environment or {})
    return [problem.rule.removeprefix("policy/allow/") for problem in judge(keyplan.read_manifest(path), folder, held)]


def test_nothing_is_open_but_the_api_and_its_variable() -> None:
    allow = closed()
    given = {name for name in ITEMS if getattr(allow, name) is not None}
    assert given == {"base_urls", "credentials", "commands", "folders", "environment"}
    assert allow.environment == ()
    assert find_asked(close((), {})) == Asked(sinks=False, shared_ledger=False)


def test_what_a_policy_gives_takes_the_place_of_what_is_closed() -> None:
    allow = closed(PLATFORM)
    assert (allow.commands, allow.folders, allow.credentials) == (None, CLOSED.folders, CLOSED.credentials)
    assert find_asked(close([PLATFORM], {})) == Asked(sinks=True, shared_ledger=False)


def test_a_policy_without_allow_opens_nothing() -> None:
    allow = closed(Policy(file="names.yaml", names=("a",)))
    assert allow == closed()


def test_without_the_option_everything_is_asked_and_only_files_are_policies() -> None:
    assert find_asked([PLATFORM]) == Asked()
    assert list_rules(close([PLATFORM], {})) == (PLATFORM,)


@pytest.mark.parametrize(
    ("environment", "added"),
    [
        pytest.param({"ARIZE_API_HOST": "arize.acme.example"}, "https://arize.acme.example", id="the operator's host"),
        pytest.param({"ARIZE_REGION": "x", "ARIZE_BASE_DOMAIN": "y"}, None, id="two that contradict each other: none"),
    ],
)
def test_the_operators_host_is_open(environment: Mapping[str, str], added: str | None) -> None:
    assert set(closed(environment=environment).base_urls or ()) - set(CLOSED.base_urls or ()) == (
        {added} if added else {"https://api.arize.com"} - set(CLOSED.base_urls or ())
    )


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        pytest.param("formerly: [old]", [], id="nothing outside"),
        pytest.param("provider: {region: eu-west-1a}", [], id="a region of the API"),
        pytest.param("provider: {base_url: 'https://evil.example'}", ["base_urls"], id="another host"),
        pytest.param("provider: {credential: {env: AWS_SECRET_ACCESS_KEY}}", ["credentials"], id="another variable"),
        pytest.param("provider: {credential: {file: /etc/machine-id}}", ["credentials"], id="a file"),
        pytest.param("provider: {credential: {command: [env]}}", ["commands"], id="a program"),
        pytest.param("ledger: {type: sqlite, path: /var/ledger.db}", ["folders"], id="a ledger elsewhere"),
        pytest.param("ledger: {type: sqlite, path: state/ledger.db}", [], id="a ledger in the folder"),
        pytest.param(COMMAND, [], id="a sink that runs programs is not asked"),
        pytest.param(VAULT, [], id="nor one with an address of its own"),
        pytest.param(POSTGRES, [], id="nor a shared ledger"),
    ],
)
def test_what_is_refused(tmp_path: Path, lines: str, refused: list[str]) -> None:
    assert rules(tmp_path, lines) == refused


@pytest.mark.parametrize(
    ("lines", "allow", "refused"),
    [
        pytest.param(COMMAND, {"sinks": (AllowedStore(type="command"),)}, ["sinks", "commands"], id="two items"),
        pytest.param(VAULT, {"sinks": (AllowedStore(type="file"),)}, ["sinks"], id="another sink"),
        pytest.param(
            VAULT,
            {"sinks": (AllowedStore(type="vault", options={"address": "https://vault.evil.example", "path": "*"}),)},
            [],
            id="this sink",
        ),
        pytest.param(COMMAND, {"commands": False}, ["commands"], id="what the policy forbids anyway"),
        pytest.param(POSTGRES, {"ledgers": ()}, ["ledgers"], id="no other ledger"),
        pytest.param("provider: {base_url: 'https://x.test'}", {"base_urls": ("https://x.test",)}, [], id="this host"),
    ],
)
def test_with_a_policy_what_it_names_is_asked_and_judged(
    tmp_path: Path, lines: str, allow: Mapping[str, Any], refused: list[str]
) -> None:
    found = rules(tmp_path, lines, Policy(file="platform.yaml", allow=Allow(**allow)))
    assert sorted(dict.fromkeys(found)) == sorted(refused)


def test_the_messages_name_the_option_in_the_place_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("version: 1\nowner: ml\nprovider: {base_url: 'https://evil.example'}\nkeys: []\n")
    (problem,) = judge(keyplan.read_manifest(path), tmp_path, close((), {}))
    assert "(policy/allow/base_urls in --untrusted)" in problem.message
