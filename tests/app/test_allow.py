"""What a manifest names outside itself is held against the `allow` of each policy, at its place, all at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from keyplan.app.allow import find_forbidden
from keyplan.app.files import Input, read_manifest
from keyplan.documents.schemas import load
from keyplan.errors import Problem
from keyplan.manifest import read_policy

HEAD = "version: 1\nowner: ml-platform\nid: k7f3a9c2\n"
KEYS = "keys:\n  - {name: ci, key_type: user, sink: s}\n"
FILE_SINK = 'sinks: {s: {type: file, path: "secrets/{name}.env"}}\n'

PLATFORM = """\
base_urls: ["https://api.arize.com", "https://api.*.arize.com"]
credentials: [{env: ARIZE_API_KEY}, {env: "ARIZE_*_KEY"}]
secrets: [{env: VAULT_TOKEN}, {file: "/run/secrets/*"}]
commands: false
sinks:
  - {type: vault, address: "https://vault.example.com", path: "arize/ml/*"}
  - {type: github-actions, repository: "acme/*"}
ledgers: [{type: postgres}]
owners: ["ml-*"]
folders: ["."]
"""

Find = Callable[[str, str], list[Problem]]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Return what finds the problems of a manifest, without its head, under the items of `allow`."""

    def find_in(manifest: str, *policies: str) -> list[Problem]:
        read = read_manifest(Input(name="keys.yaml", folder=tmp_path, content=(HEAD + manifest).encode()))
        held = [
            read_policy(
                ("version: 1\nallow:\n" + "".join(f"  {line}\n" for line in policy.splitlines())).encode(),
                file=f"{number}.yaml",
                schema=load("policy.v1"),
            )
            for number, policy in enumerate(policies)
        ]
        return list(find_forbidden(read, tmp_path, held))

    return find_in


def outline(problems: list[Problem]) -> list[str]:
    return [f"{problem.line}:{problem.column} {problem.rule.removeprefix('policy/allow/')}" for problem in problems]


def sink(options: str) -> str:
    return f"sinks: {{s: {{{options}}}}}\n{KEYS}"


def test_a_manifest_within_the_policy_has_no_problem(find: Find) -> None:
    manifest = (
        "formerly: [ml-team]\n"
        "provider: {region: eu-west-1a, credential: {env: ARIZE_ML_KEY}}\n"
        "ledger: {type: postgres, dsn: {env: VAULT_TOKEN}}\n"
        "sinks:\n"
        '  s: {type: vault, address: "https://vault.example.com/", path: "arize/ml/{name}", mount: secret}\n'
        "  hub: {type: github-actions, repository: acme/app, token: {file: /run/secrets/github}}\n"
        "keys:\n"
        "  - {name: ci, key_type: user, sink: [s, hub], moved_from: {owner: ml-old, address: user/x}}\n"
    )
    assert find(manifest, PLATFORM) == []


def test_a_manifest_that_names_nothing_has_no_problem(find: Find) -> None:
    assert find("keys: []\n", PLATFORM) == []


def test_an_item_that_is_not_given_allows_everything(find: Find) -> None:
    manifest = (
        'formerly: [other]\nprovider: {base_url: "https://evil.example", credential: {command: [sh]}}\n'
        "ledger: {type: sqlite, path: /var/x.db}\n" + sink("type: command, argv: [./x]")
    )
    assert find(manifest, "folders: [/]") == []
    assert find(manifest, "owners: ['*']") == []


def test_a_profile_that_the_policy_names_is_allowed(find: Find) -> None:
    allow = "credentials: [{env: ARIZE_API_KEY}, {profile: 'ci-*'}]\nfolders: ['.']"
    assert find("provider: {profile: ci-1}\nkeys: []\n", allow) == []


def test_every_policy_holds(find: Find) -> None:
    manifest = f"{FILE_SINK}{KEYS}"
    problems = find(manifest, "owners: ['ml-*']", "owners: [data]", "sinks: []")
    assert outline(problems) == ["2:8 owners", "4:19 sinks"]
    assert "policy/allow/owners in 1.yaml:3" in problems[0].message


def test_a_problem_says_what_where_and_what_is_allowed(find: Find) -> None:
    (problem,) = find(
        'provider: {base_url: "https://evil.example"}\nkeys: []\n', "base_urls: ['https://api.arize.com']"
    )
    assert str(problem) == (
        "keys.yaml:4:22: base_url means 'https://evil.example', which is not allowed "
        "(policy/allow/base_urls in 0.yaml:3); allowed are: 'https://api.arize.com'"
    )


@pytest.mark.parametrize(
    ("manifest", "policy", "expected"),
    [
        pytest.param(
            'provider: {base_url: "https://api.arize.com.evil.com"}\nkeys: []\n', None, "4:22 base_urls", id="host"
        ),
        pytest.param(
            'provider: {base_url: "https://api.x.arize.com:8443"}\nkeys: []\n', None, "4:22 base_urls", id="port"
        ),
        pytest.param("provider: {region: eu-west-1a}\nkeys: []\n", "base_urls: []", "4:20 base_urls", id="region"),
        pytest.param("provider: {credential: {env: HOME}}\nkeys: []\n", None, "4:24 credentials", id="a variable"),
        pytest.param("provider: {credential: {file: /etc/passwd}}\nkeys: []\n", None, "4:24 credentials", id="a file"),
        pytest.param("provider: {credential: {command: [id]}}\nkeys: []\n", None, "4:24 commands", id="a command"),
        pytest.param(
            "provider: {credential: {command: [id, -u]}}\nkeys: []\n",
            "credentials: [{command: [id]}]",
            "4:24 credentials",
            id="a command with another argument",
        ),
        pytest.param(
            "provider: {reader_credential: {env: HOME}}\nkeys: []\n", None, "4:31 credentials", id="the reader's"
        ),
        pytest.param(
            "provider: {profile: ci}\nkeys: []\n",
            "base_urls: ['https://*.arize.com']",
            "4:21 base_urls",
            id="a profile",
        ),
        pytest.param(
            "provider: {profile: ci}\nkeys: []\n",
            "credentials: [{env: ARIZE_API_KEY}, {profile: 'dev-*'}]",
            "4:21 credentials",
            id="another profile",
        ),
        pytest.param("provider: {profile: ci}\nkeys: []\n", "folders: ['.']", "4:21 folders", id="a profile by folder"),
        pytest.param("keys: []\n", "credentials: [{env: OTHER}]", "1:1 credentials", id="the default credential"),
        pytest.param(
            "provider: {credential: {file: /etc/passwd}}\nkeys: []\n", "folders: ['.']", "4:24 folders", id="by folder"
        ),
        pytest.param("formerly: [ml-a, data]\nkeys: []\n", None, "4:18 owners", id="a former owner"),
        pytest.param("removed: [{address: user/x, to: data}]\nkeys: []\n", None, "4:33 owners", id="a new owner"),
        pytest.param("ledger: {type: s3, bucket: prod}\nkeys: []\n", None, "4:16 ledgers", id="a type of ledger"),
        pytest.param(
            'ledger: {type: postgres, url: "postgresql://k@evil/db"}\nkeys: []\n', None, "4:31 ledgers", id="a database"
        ),
        pytest.param("ledger: {type: sqlite, path: x.db}\nkeys: []\n", "ledgers: []", "4:30 ledgers", id="a file"),
        pytest.param(
            "ledger: {type: sqlite, path: ../x.db}\nkeys: []\n", "folders: ['.']", "4:30 folders", id="climbing"
        ),
        pytest.param(
            'ledger: {type: postgres, url: "postgresql://k@h/d?sslkey=/etc/x"}\nkeys: []\n',
            "folders: ['.']",
            "4:31 folders",
            id="a file in the URL of a database",
        ),
        pytest.param(
            'ledger: {type: postgres, url: "postgresql://k@%2Fvar%2Frun/d"}\nkeys: []\n',
            "folders: ['.']",
            "4:31 folders",
            id="a socket in the URL of a database",
        ),
        pytest.param(sink("type: file, path: x"), None, "4:19 sinks", id="a type of sink"),
        pytest.param(sink("type: command, argv: [x]"), "commands: false", "4:34 commands", id="a program"),
        pytest.param(
            sink("type: kubernetes, name: x, kubeconfig: kc"), "commands: false", "4:52 commands", id="a kubeconfig"
        ),
        pytest.param(sink("type: kubernetes, name: x, context: c"), "commands: false", "4:49 commands", id="a context"),
        pytest.param(sink("type: keyring, backend: os.path"), "commands: false", "4:37 commands", id="an import name"),
        pytest.param(sink("type: aws-ssm, name: x, profile: p"), "commands: false", "4:46 commands", id="a profile"),
        pytest.param(
            sink("type: vault, path: x, ca_file: /etc/x"), "folders: ['.']", "4:44 folders", id="a certificate"
        ),
        pytest.param(
            sink("type: vault, path: x, auth: {method: token, token: {env: HOME}}"),
            "secrets: [{env: VAULT_TOKEN}]",
            "4:64 secrets",
            id="a nested secret",
        ),
        pytest.param(
            sink("type: vault, path: x, auth: {method: kubernetes, role: r}"),
            "secrets: [{env: VAULT_TOKEN}]",
            "4:12 secrets",
            id="a secret that is used without being named",
        ),
        pytest.param(
            sink("type: github-actions, repository: a/b"), "secrets: []", "4:12 secrets", id="the default of a secret"
        ),
        pytest.param(
            sink("type: age, path: x, recipients: [age1x], identity: {file: /k}"),
            "folders: ['.']",
            "4:64 folders",
            id="an identity",
        ),
    ],
)
def test_what_is_not_allowed_is_told_at_its_place(find: Find, manifest: str, policy: str | None, expected: str) -> None:
    assert expected in outline(find(manifest, policy or PLATFORM))


@pytest.mark.parametrize(
    ("options", "entry"),
    [
        ("type: vault, path: arize/ci", "type: vault, path: 'arize/*'"),
        ("type: vault, path: 'arize/{name}'", "type: vault, path: arize/ci"),
        (
            "type: vault, path: x, address: 'https://V.example:443'",
            "type: vault, path: x, address: 'https://v.example'",
        ),
        ("type: vault, path: x", "type: vault, path: x, address: 'https://v.example'"),
        ("type: vault, path: x", "type: vault, path: x, mount: [kv, secret]"),
        (
            "type: github-actions, repository: acme/app, name: ARIZE_API_KEY",
            "type: github-actions, repository: 'acme/*'",
        ),
        (
            "type: github-actions, repository: acme/app, token: {env: GH_TOKEN}",
            "type: github-actions, repository: 'acme/*', token: {env: 'GH_*'}",
        ),
        (
            "type: gcp-secret-manager, project: p, name: n, locations: [eu-1, eu-2]",
            "type: gcp-secret-manager, project: p, name: n, locations: 'eu-*'",
        ),
        ("type: command, argv: [./x, '{name}']", "type: command, argv: [./x, ci]"),
        ("type: file, path: secrets/x, overwrite: true", "type: file, path: 'secrets/*', overwrite: true"),
        ("type: file, path: a/b/c", "type: file, path: '**'"),
        ("type: kubernetes, name: n", "type: kubernetes, name: n, namespace: ml, context: prod"),
        (
            "type: vault, path: x, auth: {method: token, token: {file: t}}",
            "type: vault, path: x, auth: {method: token, token: {file: '*'}}",
        ),
        ("type: kubernetes, name: n, labels: {a: b}", "type: kubernetes, name: n, labels: {a: b}"),
    ],
)
def test_a_sink_that_fits_an_entry_is_allowed(find: Find, options: str, entry: str) -> None:
    assert find(sink(options), f"sinks: [{{type: ssm}}, {{{entry}}}]") == []


@pytest.mark.parametrize(
    ("options", "entry", "message"),
    [
        ("type: vault, path: prod/ci", "type: vault, path: 'arize/*'", "'prod/ci' does not fit 'arize/*'"),
        ("type: vault, path: 'arize/{name}/x'", "type: vault, path: 'arize/*'", "'arize/ci/x' does not fit"),
        ("type: vault, path: x", "type: vault", "must keep its default"),
        ("type: vault, path: x, mount: kv", "type: vault, path: x", "must keep its default"),
        ("type: vault, path: x", "type: vault, path: x, mount: kv", "'secret' does not fit 'kv'"),
        ("type: vault, path: x, address: 'https://e.example'", "type: vault, path: x", "must keep its default"),
        ("type: vault, path: x, overwrite: true", "type: vault, path: x", "must keep its default"),
        ("type: vault, path: x, overwrite: true", "type: vault, path: x, overwrite: 1", "true does not fit 1"),
        (
            "type: github-actions, repository: acme/app",
            "type: github-actions, repository: 'acme/*', environment: p",
            "is missing, and must fit 'p'",
        ),
        (
            "type: github-actions, repository: acme/app",
            "type: github-actions, repository: 'acme/*', token: {env: X}",
            "does not fit",
        ),
        (
            "type: github-actions, repository: acme/app, token: {file: x}",
            "type: github-actions, repository: 'acme/*', token: {env: '*'}",
            "does not fit",
        ),
        ("type: command, argv: [./x, --evil]", "type: command, argv: [./x, --good]", "does not fit"),
        ("type: command, argv: [./x, ./x]", "type: command, argv: [./x]", "does not fit"),
        ("type: command, argv: [x]", "type: command, argv: x", "does not fit 'x'"),
        ("type: file, path: /etc/x", "type: file, path: '**'", "'/etc/x' does not fit '**'"),
        (
            "type: vault, path: x, auth: {method: token, token: {env: A}, mount: m}",
            "type: vault, path: x, auth: {method: token, token: {env: A}}",
            "must keep its default",
        ),
        (
            "type: gcp-secret-manager, project: p, name: n, locations: [eu-1, us-1]",
            "type: gcp-secret-manager, project: p, name: n, locations: ['eu-*']",
            "does not fit",
        ),
        ("type: kubernetes, name: n, labels: {a: b}", "type: kubernetes, name: n, labels: {a: c}", "does not fit"),
    ],
)
def test_a_sink_that_fits_no_entry_is_refused_for_the_option(
    find: Find, options: str, entry: str, message: str
) -> None:
    (problem,) = find(sink(options), f"sinks: [{{{entry}}}]")
    assert problem.rule == "policy/allow/sinks"
    assert message in problem.message


def test_secrets_say_what_the_secret_options_of_an_allowed_sink_may_be(find: Find) -> None:
    options = "type: github-actions, repository: acme/app, token: {env: GH_TOKEN}"
    entry = "sinks: [{type: github-actions, repository: 'acme/*'}]"
    assert outline(find(sink(options), entry)) == ["4:64 sinks"]
    assert outline(find(sink(options), f"{entry}\nsecrets: [{{env: GH_TOKEN}}]")) == []
    assert outline(find(sink(options), f"{entry}\nsecrets: [{{env: OTHER}}]")) == ["4:64 secrets"]


def test_a_context_or_profile_that_an_entry_spells_may_be_used_without_commands(find: Find) -> None:
    options = "type: aws-ssm, name: x, profile: prod"
    assert find(sink(options), "commands: false\nsinks: [{type: aws-ssm, name: x, profile: prod}]") == []
    assert outline(find(sink(options), "commands: false\nsinks: [{type: aws-ssm, name: x, profile: 'pro*'}]")) == [
        "4:46 commands"
    ]


def test_a_template_is_judged_for_each_key(find: Find) -> None:
    manifest = (
        'sinks: {s: {type: vault, path: "{owner}/{name}"}}\n'
        "keys:\n"
        "  - {name: a, key_type: user, sink: s}\n"
        "  - {name: b, key_type: user, sink: [{name: s, path: prod/b}]}\n"
    )
    problems = find(manifest, "sinks: [{type: vault, path: ml-platform/a}]")
    assert [(problem.line, problem.subject) for problem in problems] == [(7, "user/b")]


def test_one_wrong_option_of_a_sink_is_one_problem_however_many_keys_go_there(find: Find) -> None:
    keys = "keys:\n" + "".join(f"  - {{name: k{number}, key_type: user, sink: s}}\n" for number in range(50))
    manifest = f'sinks: {{s: {{type: vault, path: "a/{{name}}", address: "https://evil.example"}}}}\n{keys}'
    (problem,) = find(manifest, "sinks: [{type: vault, path: 'a/*', address: 'https://good.example'}]")
    assert problem.subject == ""


def test_a_sink_that_no_key_uses_is_judged_as_well(find: Find) -> None:
    assert outline(find("sinks: {s: {type: command, argv: [./x]}}\nkeys: []\n", "commands: false")) == ["4:34 commands"]


@pytest.mark.parametrize("link", ["secrets", "secrets/x"])
def test_a_link_in_the_repository_leads_no_file_out(find: Find, tmp_path: Path, link: str) -> None:
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to("/etc")
    source = "provider: {credential: {file: secrets/x}}\nkeys: []\n"
    assert outline(find(source, "folders: ['.']")) == ["4:24 folders"]
    assert outline(find(source, "credentials: [{file: 'secrets/*'}]")) == ["4:24 credentials"]


def test_a_mounted_secret_may_lie_behind_links_of_its_own_folder(find: Find, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    (mounted / "..2026").mkdir(parents=True)
    (mounted / "..data").symlink_to("..2026")
    (mounted / "token").symlink_to("..data/token")
    source = f"provider: {{credential: {{file: {mounted}/token}}}}\nkeys: []\n"
    assert find(source, f"credentials: [{{file: '{mounted}/*'}}]") == []


def test_a_folder_outside_the_manifest_s_is_named_by_its_path(find: Find, tmp_path: Path) -> None:
    source = f"sinks: {{s: {{type: file, path: '{tmp_path.parent}/shared/{{name}}'}}}}\n{KEYS}"
    assert outline(find(source, "folders: ['.']")) == ["4:31 folders"]
    assert find(source, "folders: [../shared]") == []
    assert find(source, f"folders: ['.', '{tmp_path.parent}/shared']") == []
