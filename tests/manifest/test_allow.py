"""What a policy file allows is read from its section `allow`, which no manifest may have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.documents.schemas import load
from keyplan.errors import ManifestError
from keyplan.manifest import read_policy
from keyplan.model.policy import Allow, AllowedSource, AllowedStore, AllowRule, Policy, SourceKind

EVERYTHING = """\
version: 1
allow:
  base_urls: ["https://api.arize.com", "https://api.*.arize.com"]
  credentials: [{env: ARIZE_API_KEY}, {command: [pass, show, arize]}]
  secrets: [{env: VAULT_TOKEN}, {file: "/run/secrets/*"}]
  commands: false
  sinks: [{type: vault, path: "arize/*", write_only: true, auth: {method: token}}, {type: file, format: [raw, json]}]
  ledgers: [{type: postgres}]
  owners: ["ml-*"]
  folders: ["."]
  environment: ["CI_*"]
"""


def read(text: str) -> Policy:
    return read_policy(text.encode(), file="platform.yaml", schema=load("policy.v1"))


def find(text: str) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        read(text)
    return [str(problem).removeprefix("platform.yaml:") for problem in caught.value.problems]


def test_every_item_is_read_with_its_line() -> None:
    policy = read(EVERYTHING)
    assert policy.allow == Allow(
        base_urls=("https://api.arize.com", "https://api.*.arize.com"),
        credentials=(
            AllowedSource(kind=SourceKind.ENV, words=("ARIZE_API_KEY",)),
            AllowedSource(kind=SourceKind.COMMAND, words=("pass", "show", "arize")),
        ),
        secrets=(
            AllowedSource(kind=SourceKind.ENV, words=("VAULT_TOKEN",)),
            AllowedSource(kind=SourceKind.FILE, words=("/run/secrets/*",)),
        ),
        commands=False,
        sinks=(
            AllowedStore(type="vault", options={"path": "arize/*", "write_only": True, "auth": {"method": "token"}}),
            AllowedStore(type="file", options={"format": ("raw", "json")}),
        ),
        ledgers=(AllowedStore(type="postgres"),),
        owners=("ml-*",),
        folders=(".",),
        environment=("CI_*",),
    )
    assert [policy.cite(rule) for rule in (AllowRule.BASE_URLS, AllowRule.FOLDERS)] == [
        "policy/allow/base_urls in platform.yaml:3",
        "policy/allow/folders in platform.yaml:10",
    ]
    assert set(policy.allow.lines) == set(AllowRule)


def test_an_item_that_is_not_given_is_not_an_empty_one() -> None:
    assert read("version: 1\nallow: {sinks: []}\n").allow == Allow(sinks=())


def test_a_policy_without_the_section_allows_everything() -> None:
    policy = read("version: 1\n")
    assert policy.allow is None
    assert policy.cite(AllowRule.SINKS) == "policy/allow/sinks in platform.yaml"


def test_a_source_in_words_is_what_a_manifest_would_say() -> None:
    allow = read(EVERYTHING).allow
    assert allow is not None
    assert list(map(str, (*(allow.credentials or ()), *(allow.secrets or ())))) == [
        "{env: ARIZE_API_KEY}",
        "{command: [pass, show, arize]}",
        "{env: VAULT_TOKEN}",
        "{file: /run/secrets/*}",
    ]


@pytest.mark.parametrize(
    ("items", "places"),
    [
        pytest.param('base_urls: ["https://api.arize.com", "api.arize.com"]', ["2:46"], id="not a URL"),
        pytest.param('base_urls: ["https://*"]', [], id="one label"),
        pytest.param('base_urls: ["https://api.arize.com:*"]', ["2:21"], id="a port is no label"),
        pytest.param('base_urls: ["https://user@api.arize.com"]', ["2:21"], id="a user name"),
        pytest.param('folders: ["teams/*"]', ["2:19"], id="a glob of folders"),
        pytest.param('folders: ["~/secrets"]', ["2:19"], id="a home folder"),
        pytest.param("credentials: [{env: A, file: b}]", ["2:23"], id="two sources in one"),
        pytest.param("sinks: [{path: x}]", ["2:17"], id="a sink without a type"),
        pytest.param("unknown: 1", ["2:9"], id="an unknown item"),
        pytest.param("", ["2:8"], id="no item at all"),
    ],
)
def test_a_mistake_is_told_at_its_place(items: str, places: list[str]) -> None:
    text = f"version: 1\nallow: {{{items}}}\n"
    if not places:
        assert read(text).allow is not None
        return
    assert [":".join(line.split(":")[:2]) for line in find(text)] == places


def test_a_manifest_s_own_policy_cannot_allow_anything(find_problems: Callable[[str], tuple[str, ...]]) -> None:
    text = "version: 1\nowner: ml\nkeys: []\npolicy: {allow: {commands: true}}\n"
    (problem,) = find_problems(text)
    assert "field 'allow' is unknown" in problem
