"""A manifest for each field that can name something outside, made from the schemas of manifests and plugins.

A new field that no table here knows must fail a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keyplan.app import registry
from keyplan.app.wiring import LEDGERS, PROVIDERS, SINKS

HEAD: Mapping[str, Any] = {"version": 1, "owner": "ml", "id": "k7f3a9c2"}

# Fields of the manifest itself.

NAMES_NOTHING: Mapping[str, str] = {
    "id": "random text that marks keys, as its owner does; the owner is judged",
    "formerly[].id": "stands beside an owner, which is judged",
    "removed[].address": "an address of this manifest",
    "provider.<options>": "of a plugin, see below",
    "sinks.*.<options>": "of a plugin, see below",
    "ledger.<options>": "of a plugin, see below",
    "provider.type": "an installed plugin; each of its options is judged",
    "provider.credential.username": "who logs in; the password beside it is judged",
    "provider.credential.password.*": "read as the credential, which is judged",
    "providers.*.credential.password.*": "read as the credential, which is judged",
    "providers.*.<options>": "of a plugin, see below",
    "providers.*.type": "an installed plugin; each of its options is judged",
    "providers.*.credential.username": "who logs in; the password beside it is judged",
    "providers.*.max_lifetime": "a duration",
    "providers.*.creators[]": "as those of provider",
    "provider.max_lifetime": "a duration",
    "provider.creators[]": "ids of users, whose marked keys count as ours; owners limit which marks these are",
    "sinks.*.type": "an installed plugin; each of its options is judged",
    "ledger.type": "an installed plugin; each of its options is judged",
    "ledger.lease": "a duration",
    "policy.*": "only adds rules",
    "waivers[].*": "accepts findings, and names addresses and ids of keys",
    "vars.*": "texts of the manifest; what they make is judged as if it was written out",
    "declaration.for_each": "as vars",
    "declaration.for_each.*": "as vars",
    "rollout.*": "globs of addresses, a share and durations",
    "declaration.group": "joins declarations of this manifest",
    "declaration.name": "of a key",
    "declaration.description": "of a key",
    "declaration.space_id": "a space of the account; allowed_spaces of the policy limits them",
    "declaration.space": "as space_id",
    "declaration.service_account": "an account of the provider; allowed_spaces of the policy limits them",
    "declaration.provider": "the name of a provider of the manifest; its options are judged",
    "declaration.roles.*": "roles; allowed_roles of the policy limits them",
    "declaration.organizations[].*": "as space_id and roles",
    "declaration.expires_at": "a time",
    "declaration.expires_in": "a duration",
    "declaration.rotation.*": "durations and choices",
    "declaration.sink": "the name of a sink of the manifest; its options are judged",
    "declaration.sink.sink": "as sink",
    "declaration.sink.name": "as sink; beside sink, an option of the sink",
    "declaration.moved_from": "an address of this manifest",
    "declaration.moved_from.id": "stands beside an owner, which is judged",
    "declaration.moved_from.address": "stands beside an owner, which is judged",
    "declaration.import": "a key of the account; who may be taken over from is reviewed",
}
"""Fields that hold a text and name nothing outside the manifest and the account, with the reason."""

_SOURCES: Mapping[str, Mapping[str, Any]] = {
    "env": {"env": "EVIL"},
    "file": {"file": "/etc/evil"},
    "command[]": {"command": ["evil"]},
}


def _name_source(path: str, field: str, way: str) -> Mapping[str, Any]:
    """Return the fields of a manifest in which a provider names a source of its credential."""
    provider = {field: _SOURCES[way]}
    if path == "provider":
        return {"provider": provider}
    named = {"good": {"type": "arize"}, "evil": {"type": "arize", **provider}}
    return {"providers": named, "defaults": {"provider": "good"}}


HOSTILE_FIELDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "owner": ("owners", {"owner": "evil"}),
    "include[]": ("folders", {"include": ["/etc/evil.yaml"]}),
    "environment[]": ("environment", {"environment": ["EVIL"]}),
    "formerly[]": ("owners", {"formerly": ["evil"]}),
    "formerly[].owner": ("owners", {"formerly": [{"owner": "evil"}]}),
    "removed[].to": ("owners", {"removed": [{"address": "user/x", "to": "evil"}]}),
    **{
        f"{path}.{field}.{way}": (item, _name_source(path, field, way))
        for path in ("provider", "providers.*")
        for field in ("credential", "reader_credential")
        for way, item in (("env", "credentials"), ("file", "credentials"), ("command[]", "commands"))
    },
    "declaration.sink.<options>": (
        "sinks",
        {
            "sinks": {"s": {"type": "file", "path": "evil/{name}"}},
            "keys": [{"name": "ci", "key_type": "user", "sink": {"name": "s", "path": "/etc/{name}"}}],
        },
    ),
    "declaration.moved_from.owner": (
        "owners",
        {
            "sinks": {"s": {"type": "file", "path": "keys/{name}"}},
            "keys": [
                {
                    "name": "ci",
                    "key_type": "user",
                    "sink": "s",
                    "moved_from": {"owner": "evil", "address": "user/ci"},
                }
            ],
        },
    ),
}
"""Of each other field the item of `allow` that refuses it, and a manifest that uses it with ill intent."""

STRICT = {
    "base_urls": ["https://api.arize.com"],
    "credentials": [{"env": "ARIZE_API_KEY"}],
    "secrets": [],
    "commands": False,
    "sinks": [{"type": "file", "path": "keys/*"}],
    "ledgers": [],
    "owners": ["ml"],
    "folders": ["."],
    "environment": ["CI_*"],
}


def list_fields(schema: Mapping[str, Any]) -> set[str]:
    """Return every field of a manifest that can hold a text which is not one of a few words."""
    found = {path for name in schema["properties"] for path in _walk(schema["properties"][name], schema, name)}
    declared = schema["$defs"]["declaration"]["properties"]
    found |= {path for name in declared for path in _walk(declared[name], schema, f"declaration.{name}")}
    return {path for path in found if not path.startswith(("keys", "defaults"))}


def covers(pattern: str, field: str) -> bool:
    """Whether a row of a table is about a field; one that ends in ``.*`` is about all fields below."""
    return field == pattern or (pattern.endswith(".*") and field.startswith(pattern[:-1]))


def _walk(part: Any, root: Mapping[str, Any], path: str) -> Iterator[str]:
    while "$ref" in part:
        named = root["$defs"][part["$ref"].rpartition("/")[2]]
        part = {**named, **{word: value for word, value in part.items() if word not in named and word != "$ref"}}
    if "enum" in part or "const" in part or path in ("keys[]", "defaults"):
        return
    kinds = part.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "string" in kinds or part.get("additionalProperties") is True:
        yield path if "string" in kinds else f"{path}.<options>"
    for name, inner in part.get("properties", {}).items():
        yield from _walk(inner, root, f"{path}.{name}")
    if isinstance(part.get("additionalProperties"), Mapping):
        yield from _walk(part["additionalProperties"], root, f"{path}.*")
    if "items" in part:
        yield from _walk(part["items"], root, f"{path}[]")
    for choice in part.get("anyOf", ()):
        # A delivery and a list of deliveries are the same field.
        yield from _walk(choice.get("items", choice), root, path)


# Options of plugins.

BENIGN: Mapping[tuple[str, str], Mapping[str, Any]] = {
    (PROVIDERS, "arize"): {},
    (PROVIDERS, "http"): {"definition": "good.yaml", "base_url": "https://good.example"},
    (PROVIDERS, "phoenix"): {"base_url": "https://good.example"},
    (PROVIDERS, "zenml"): {"base_url": "https://good.example"},
    (LEDGERS, "sqlite"): {},
    (LEDGERS, "postgres"): {},
    (LEDGERS, "s3"): {"bucket": "good-bucket"},
    (SINKS, "age"): {
        "path": "keys/x.age",
        "recipients": ["age1vrp00vxsuy624v6rxccyqhxg6ptjnn2hya6xw4lxjd5fce8qd3asep95eg"],
    },
    (SINKS, "aws-secrets-manager"): {"name": "good"},
    (SINKS, "aws-ssm"): {"name": "good"},
    (SINKS, "azure-key-vault"): {"vault_url": "https://good.vault.azure.net", "name": "good"},
    (SINKS, "command"): {"argv": ["./good"]},
    (SINKS, "file"): {"path": "keys/good"},
    (SINKS, "gcp-secret-manager"): {"project": "good", "name": "good"},
    (SINKS, "github-actions"): {"repository": "acme/good"},
    (SINKS, "gitlab-ci"): {"project": "acme/good"},
    (SINKS, "keyring"): {},
    (SINKS, "kubernetes"): {"name": "good"},
    (SINKS, "sops"): {"path": "keys/good.yaml", "entry": "good"},
    (SINKS, "vault"): {"path": "good"},
}
"""Of each plugin the fewest options with which a manifest can use it."""

SPECIAL: Mapping[tuple[str, str], Any] = {
    ("age", "recipients"): ["age1qra64hqhed48x3z5tyw64gfvtyz8gj69gsr4r4n2mek8hhk9q4tsmav5kr"],
    ("arize", "region"): "eu-west-1a",
    ("gcp-secret-manager", "locations"): ["evil-1"],
    ("github-actions", "repository"): "evil/app",
    ("github-actions", "selected_repositories"): [666],
    ("http", "definition"): "/etc/evil.yaml",
    ("http", "variables"): {"project": "evil"},
    ("keyring", "backend"): "evil.module.Backend",
    ("kubernetes", "annotations"): {"evil": "x"},
    ("kubernetes", "labels"): {"evil": "x"},
    ("kubernetes", "kubeconfig"): "/etc/evil",
    ("postgres", "url"): "postgresql://evil@evil.example/db",
    ("sops", "path"): "/etc/evil.yaml",
    ("command", "timeout"): "7s",
    ("vault", "auth.token"): {"method": "token", "token": {"env": "EVIL"}},
    ("vault", "auth.role_id"): {"method": "approle", "role_id": "evil", "secret_id": {"env": "EVIL"}},
    ("vault", "auth.secret_id"): {"method": "approle", "role_id": "evil", "secret_id": {"file": "/etc/evil"}},
    ("vault", "auth.role"): {"method": "kubernetes", "role": "evil"},
    ("vault", "auth.jwt"): {"method": "kubernetes", "role": "evil", "jwt": {"file": "/etc/evil"}},
    ("vault", "auth.mount"): {"method": "token", "token": {"env": "EVIL"}, "mount": "evil"},
}
"""Hostile values of options that not any text fits; of a nested option the whole of the outermost."""

GENERAL: Mapping[str, Any] = {
    "url": "https://evil.example",
    "host": "evil-1",
    "file": "/etc/evil",
    "secret": {"file": "/etc/evil"},
    "command": ["./evil"],
    "profile": "evil",
    "place": "evil",
    "none": "evil",
}
"""Hostile values by what an option names."""


@dataclass(frozen=True)
class HostileOption:
    """One option of one plugin."""

    group: str
    type: str
    path: str
    """``auth.token``."""
    access: str

    @property
    def benign(self) -> Mapping[str, Any]:
        """The options without it."""
        return BENIGN[self.group, self.type]

    @property
    def evil(self) -> Mapping[str, Any]:
        """The options with it."""
        value = SPECIAL.get((self.type, self.path))
        return {**self.benign, self.path.partition(".")[0]: GENERAL[self.access] if value is None else value}

    def __str__(self) -> str:
        return f"{self.group.removeprefix('keyplan.')}-{self.type}-{self.path}-{self.access}"


def list_options() -> list[HostileOption]:
    """Return every option of every installed plugin that says what it names."""
    return [
        HostileOption(group, name, path, access)
        for group in (PROVIDERS, SINKS, LEDGERS)
        for name in registry.list_types(group)
        for path, access in _list_accesses(registry.options_schema(group, name), "")
    ]


def _list_accesses(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, option in schema.get("properties", {}).items():
        said = option.get("x-access")
        if said is not None:
            for word in [said] if isinstance(said, str) else said:
                yield f"{prefix}{name}", word
        else:
            yield from _list_accesses(option, f"{prefix}{name}.")


def write_manifest(group: str, name: str, options: Mapping[str, Any]) -> str:
    """Return a manifest that uses a plugin with these options. YAML is a superset of JSON."""
    body: dict[str, Any] = {**HEAD, "keys": []}
    if group == SINKS:
        body["sinks"] = {"s": {"type": name, **options}}
        body["keys"] = [{"name": "ci", "key_type": "user", "sink": "s"}]
    else:
        body["provider" if group == PROVIDERS else "ledger"] = {"type": name, **options}
    return json.dumps(body)


def write_policy(allow: Mapping[str, Any]) -> str:
    """Return a policy that allows this."""
    return json.dumps({"version": 1, "allow": allow})
