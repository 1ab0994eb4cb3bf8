"""What the manifest alone decides: `validate` says it with its place, and `plan` says the same before any request."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli.shell import Shell

from keyplan.app import registry
from keyplan.app.wiring import SINKS
from keyplan.sinks.places import SinkPlaces

HEAD = "version: 1\nowner: ml\nid: k1\n"
TWO = "keys: [{name: a, key_type: user}, {name: b, key_type: user}]\n"
ONE = "keys: [{name: a, key_type: user}]\n"


def to_one(options: str) -> str:
    """Return a manifest of one key and one sink."""
    return f"{HEAD}sinks: {{x: {{{options}}}}}\ndefaults: {{sink: x}}\n{ONE}"


def to_each(first: str, second: str) -> str:
    """Return a manifest of two sinks, each of which gets a key of its own."""
    return (
        f"{HEAD}sinks:\n  x: {{{first}}}\n  y: {{{second}}}\nkeys:\n"
        "  - {name: a, key_type: user, sink: x}\n  - {name: b, key_type: user, sink: y}\n"
    )


def in_provider(options: str, keys: str = "{name: a, key_type: user, sink: x}") -> str:
    return f"{HEAD}provider: {{{options}}}\nsinks: {{x: {{type: file, path: '{{name}}.key'}}}}\nkeys:\n  - {keys}\n"


VAULT = "type: vault, address: 'https://v', path: '{name}'"
GITHUB = "type: github-actions, repository: a/b"
REFUSED = [
    pytest.param(to_one("type: file, path: '{nmae}.key'"), 4, "did you mean {name}?", id="an unknown field"),
    pytest.param(to_one("type: file, path: '{name'"), 4, "is not a template", id="no template"),
    pytest.param(to_one("type: file, path: '{name!r}'"), 4, "alone, without conversion", id="a conversion"),
    pytest.param(to_one("type: file, path: '../{name}'"), 4, "climbs upwards", id="upwards"),
    pytest.param(to_one("type: file, path: '{name}/'"), 4, "names a folder", id="a folder"),
    pytest.param(to_one("type: file, path: '${HOME}/x'"), 4, "write the text itself", id="a variable of a shell"),
    pytest.param(to_one("type: file, path: 'x/${name}'"), 4, "write {name}", id="a field like a variable"),
    pytest.param(to_one("type: file, path: '~/x.key'"), 4, "begins with '~'", id="a home in a path"),
    pytest.param(to_one("type: file, path: '~ada/x.key'"), 4, "begins with '~'", id="another's home in a path"),
    pytest.param(
        to_one("type: file, path: x, format: dotenv, variable: '{address}-x'"), 4, "name of a variable", id="a variable"
    ),
    pytest.param(
        HEAD + "sinks: {x: {type: file, path: shared.key}}\ndefaults: {sink: x}\n" + TWO,
        6,
        "would be delivered",
        id="shared",
    ),
    pytest.param(
        to_each("type: file, path: a.key", "type: file, path: a.key"),
        9,
        "would be delivered",
        id="under two sink names",
    ),
    pytest.param(
        to_each("type: file, path: a.key", "type: file, path: ./s/../a.key"), 6, "climbs upwards", id="a detour"
    ),
    pytest.param(
        to_each("type: file, path: a.key", "type: file, path: HERE/a.key"),
        9,
        "would be delivered",
        id="relative and absolute",
    ),
    pytest.param(
        to_each("type: file, path: a.env, format: dotenv", "type: file, path: ./a.env"),
        9,
        "another format",
        id="two formats",
    ),
    pytest.param(
        to_each("type: file, path: a.yaml", "type: sops, path: a.yaml, entry: k"),
        9,
        "another format",
        id="file and sops",
    ),
    pytest.param(
        to_each("type: aws-secrets-manager, name: s, field: f", "type: aws-secrets-manager, name: s"),
        9,
        "another format",
        id="a secret and a field of it",
    ),
    pytest.param(
        to_each(
            "type: vault, address: 'https://v', path: p", "type: vault, address: 'https://v', path: p, format: json"
        ),
        9,
        "would be delivered",
        id="two vault sinks on one server",
    ),
    pytest.param(
        f"{HEAD}sinks:\n  x: {{type: file, path: a.key}}\n  y: {{type: file, path: ./a.key}}\n"
        "keys: [{name: a, key_type: user, sink: [x, y]}]\n",
        7,
        "it would be delivered to",
        id="one key twice",
    ),
    pytest.param(
        f"{HEAD}sinks: {{x: {{type: file, path: '{{name}}'}}}}\nkeys:\n"
        "  - {name: a, key_type: user, sink: {name: x, path: '{x}'}}\n",
        6,
        "user/a: '{x}': {x} is unknown",
        id="in one delivery",
    ),
    pytest.param(
        f"{HEAD}sinks: {{x: {{{VAULT}}}}}\nkeys:\n  - {{name: a, key_type: user, sink: {{name: x, address: 'https://w'}}}}\n",
        6,
        "'address' can't differ for one key",
        id="an option that can't differ",
    ),
    pytest.param(to_one(f"{VAULT}, receipts: false"), 4, "leaves no mark", id="vault without marks"),
    pytest.param(to_one(f"{VAULT}, copy_from: true, write_only: true"), 4, "can't be copied from", id="write only"),
    pytest.param(to_one("type: vault, address: 'http://v.example', path: p"), 4, "is plain http", id="plain http"),
    pytest.param(to_one("type: vault, path: '/p'"), 4, "does not name a secret", id="vault's path"),
    pytest.param(
        to_one("type: kubernetes, name: s, copy_from: true, write_only: true"),
        4,
        "can't be copied from",
        id="kubernetes",
    ),
    pytest.param(to_one("type: kubernetes, name: S_"), 4, "in Kubernetes", id="a name for Kubernetes"),
    pytest.param(to_one(f"{GITHUB}, organization: o"), 4, "either 'repository' or 'organization'", id="github"),
    pytest.param(to_one(f"{GITHUB}, name: GITHUB_X"), 4, "can't be the name of a GitHub secret", id="github's name"),
    pytest.param(to_one(f"{GITHUB}, api_url: 'ftp://x'"), 4, "must begin with https://", id="github's URL"),
    pytest.param(to_one("type: gitlab-ci, project: p, hidden: true, masked: false"), 4, "needs 'masked", id="gitlab"),
    pytest.param(to_one("type: gitlab-ci, project: p, url: 'http://x.example'"), 4, "is plain http", id="gitlab's URL"),
    pytest.param(to_one("type: aws-ssm, name: 'a b'"), 4, "can't be a name in AWS", id="ssm"),
    pytest.param(
        to_one("type: gcp-secret-manager, project: p, name: n, endpoint: 'http://x.example'"),
        4,
        "is plain http",
        id="gcp",
    ),
    pytest.param(
        to_one("type: gcp-secret-manager, project: p, name: n, endpoint: 'https://x.example/v1'"),
        4,
        "must end after host and port",
        id="gcp's path",
    ),
    pytest.param(
        to_one("type: azure-key-vault, vault_url: 'https://v.example/path', name: n"), 4, "and nothing else", id="azure"
    ),
    pytest.param(to_one("type: keyring, service: '{x}'"), 4, "{x} is unknown", id="keyring"),
    pytest.param(to_one("type: sops, path: a.txt, entry: k"), 4, "ends in none of", id="sops"),
    pytest.param(to_one("type: command, argv: [p, '{x}']"), 4, "{x} is unknown", id="command"),
    pytest.param(
        in_provider("base_url: 'https://a.example', region: eu-west-1a"), 4, "exclude each other", id="two hosts"
    ),
    pytest.param(in_provider("base_url: 'http://a.example'"), 4, "is plain http", id="a provider over plain http"),
    pytest.param(
        in_provider("api: alpha", "{name: a, key_type: user, sink: x, rotation: {retire: when_unused, overlap: 1h}}"),
        7,
        "the alpha API does not show",
        id="a retirement that this API can't have",
    ),
    pytest.param(
        in_provider("api: alpha", "{name: a, key_type: user, sink: x, rotation: {strategy: refresh, overlap: 1h}}"),
        7,
        "strategy: refresh is not possible",
        id="an overlap that this API can't have",
    ),
    pytest.param(
        in_provider("api: beta", "{name: a, key_type: user, sink: x, expires_in: 9d, rotation: {strategy: refresh}}"),
        7,
        "can't extend a key's life",
        id="a refresh that this API can't have",
    ),
    pytest.param(
        in_provider(
            "api: alpha",
            "{name: a, key_type: service, sink: x, organizations: [{org_id: o, spaces: [{space_id: s}]}]}",
        ),
        7,
        "the alpha API knows no key with several spaces",
        id="spaces that this API can't have",
    ),
    pytest.param(
        in_provider(
            "api: alpha", "{name: a, key_type: service, space: s, sink: x, roles: {space_role: {type: CUSTOM, id: r}}}"
        ),
        7,
        "the alpha API knows no custom roles",
        id="a role that this API can't have",
    ),
    pytest.param(in_provider("credential: {file: '~/key'}"), 4, "begins with '~'", id="the credential's file"),
    pytest.param(
        in_provider("api: auto", "{name: '${TEAM}-ci', key_type: user, sink: x}"), 7, "does not fill in", id="a name"
    ),
    pytest.param(
        in_provider("api: auto", "{name: a, key_type: service, space: '${SPACE}', sink: x}"),
        7,
        "does not fill in",
        id="a space",
    ),
    pytest.param(f"{HEAD}ledger: {{path: '~/l.db'}}\nkeys: []\n", 4, "begins with '~'", id="the ledger's file"),
]


@pytest.mark.parametrize(("text", "line", "message"), REFUSED)
def test_what_plan_refuses_offline_validate_refuses_with_a_place(
    shell: Shell, text: str, line: int, message: str
) -> None:
    shell.write(text.replace("HERE", str(shell.folder)))
    validated = shell("validate")
    assert (validated.status, validated.out) == (3, "")
    told = [found for found in validated.err.splitlines() if message in found]
    assert [re.match(r"keys\.yaml:(\d+):\d+: ", found)[1] for found in told] == [str(line)], validated.err
    for command in (["plan"], ["drift"], ["apply", "--auto-approve"]):
        refused = shell(*command)
        assert (refused.status, refused.err) == (3, validated.err)
    assert shell.wiring.settings is None, "the provider was opened"


ACCEPTED = [
    pytest.param(
        to_each("type: file, path: a.env, format: dotenv", "type: file, path: a.env, format: dotenv, variable: B")
    ),
    pytest.param(to_each("type: vault, address: 'https://v', path: p", "type: vault, address: 'https://w', path: p")),
    pytest.param(to_each("type: kubernetes, name: s, entry: a", "type: kubernetes, name: s, entry: b")),
    pytest.param(to_each("type: kubernetes, name: s, entry: a", "type: kubernetes, name: s, entry: a, namespace: n")),
    pytest.param(
        to_each("type: aws-secrets-manager, name: s, field: f", "type: aws-secrets-manager, name: s, field: g")
    ),
    pytest.param(to_one("type: command, argv: [sh, -c, 'echo ${{HOME}}']")),
    pytest.param(to_one("type: file, path: 'a~b/~{name}'")),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_places_that_only_resemble_each_other_are_valid(shell: Shell, text: str) -> None:
    shell.write(text)
    validated = shell("validate")
    assert (validated.status, validated.err) == (0, "")


def test_a_mistake_in_a_sink_is_told_once_however_many_keys_go_there(shell: Shell) -> None:
    keys = ", ".join(f"{{name: n{number}, key_type: user}}" for number in range(50))
    shell.write(f"{HEAD}sinks: {{x: {{type: file, path: '{{x}}'}}}}\ndefaults: {{sink: x}}\nkeys: [{keys}]\n")
    assert len(shell("validate").err.splitlines()) == 1


def test_a_wrong_recipient_of_age_is_told_where_the_library_is_installed(shell: Shell) -> None:
    pytest.importorskip("pyrage")
    shell.write(to_one("type: age, path: a.age, recipients: [age1x]"))
    assert "keys.yaml:4:9: age: 'age1x' is not a recipient" in shell("validate").err


@pytest.mark.parametrize("kind", sorted(registry.list_types(SINKS)))
def test_every_sink_says_where_its_places_are_without_being_opened(kind: str) -> None:
    module = registry.load(SINKS, kind)
    # Plugins of others may do without.
    assert not module.__name__.startswith("keyplan.sinks.") or isinstance(module.PLACES, SinkPlaces)


def test_the_problems_of_places_stand_among_the_others(shell: Shell, tmp_path: Path) -> None:
    shell.write(to_one("type: file, path: '{x}'") + "waivers: [{address: a}]\n")
    lines = [int(line.split(":")[1]) for line in shell("validate").err.splitlines()]
    assert lines == sorted(lines)
    assert {4, 7} <= set(lines)


def test_a_second_provider_is_checked_as_the_first_one_is(shell: Shell) -> None:
    shell.write(
        f"{HEAD}providers:\n  a: {{type: arize}}\n  b: {{type: zenml, base_url: 'https://zen.example.com'}}\n"
        "defaults: {provider: a}\nkeys:\n"
        "  - {name: x, key_type: service, service_account: ci, provider: b, expires_in: 30d, sink: s}\n"
    )
    refused = shell("validate")
    assert refused.status == 3
    assert "keys.yaml:9:" in refused.out + refused.err, refused.out + refused.err


def test_one_account_under_two_names_is_refused_at_the_second(shell: Shell) -> None:
    shell.write(
        f"{HEAD}providers:\n  a: {{type: arize, region: eu-west-1a}}\n  b: {{type: arize, region: eu-west-1a}}\n"
        "defaults: {provider: a}\nkeys: []\n"
    )
    refused = shell("validate")
    assert refused.status == 3
    assert "keys.yaml:6:6: provider 'b' is the same as 'a'" in refused.out + refused.err


def test_an_unknown_type_of_sink_is_reported_once_at_its_place(shell: Shell) -> None:
    shell.write(to_one("type: flie, path: p"))
    refused = shell("validate")
    assert refused.status == 3
    (line,) = [one for one in (refused.out + refused.err).splitlines() if "flie" in one]
    assert line.endswith("sink type 'flie' is unknown; did you mean 'file'?")


def test_an_unknown_type_of_provider_is_reported_once_at_its_place(shell: Shell) -> None:
    shell.write(
        'version: 1\nowner: o\nprovider: {type: zemnl}\nsinks: {s: {type: file, path: "k/{name}"}}\n'
        "keys: [{name: a, key_type: user, sink: s}]\n"
    )
    refused = shell("validate")
    assert refused.status == 3
    (line,) = [one for one in (refused.out + refused.err).splitlines() if "zemnl" in one]
    assert line == "keys.yaml:3:18: provider type 'zemnl' is unknown; did you mean 'zenml'?"
