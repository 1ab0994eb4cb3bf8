"""Which variables of the environment hold secrets of a run, so that no program which keyplan runs gets them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from keyplan.app.environment_secrets import names_secret
from keyplan.model.manifest import FromEnvironment, Json, Manifest
from keyplan.model.mask import hide

_ALWAYS = frozenset({"ARIZE_API_KEY", "KEYPLAN_LEDGER_DSN", "KEYPLAN_NOTIFY"})
"""The default credential, the URL of a database with its password, and webhooks, whose URLs are secrets."""
_DEFAULTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "github-actions": ("GITHUB_TOKEN",),
        "gitlab-ci": ("GITLAB_TOKEN",),
        "vault": ("VAULT_TOKEN", "BAO_TOKEN"),
    }
)
"""By type of sink: where its token stands if the manifest does not say. Without such a sink, these variables are not
keyplan's, and a program may need them: `gh`, `glab` and `vault` do.
"""


_TELLING = re.compile(r"token|secret|passw|credential|private_?key|api_?key", re.IGNORECASE)
"""In the name of a variable that no manifest may read, for whichever program it is meant."""


def list_secret_variables(manifest: Manifest | None, environment: Mapping[str, str]) -> frozenset[str]:
    """Return the variables of a manifest, and those that hold a secret of keyplan whatever the manifest."""
    named = set(_ALWAYS)
    # `--ledger` may be a URL in the environment, and then it stands in no manifest.
    if "://" in environment.get("KEYPLAN_LEDGER", ""):
        named.add("KEYPLAN_LEDGER")
    if manifest is not None:
        named.update(_list_named(manifest))
        named.update(_list_of_profile(manifest, environment))
    return frozenset(named)


def holds_secret(name: str, value: str) -> bool:
    """Whether a variable holds a secret: by its own name, or because the run knows its value for one."""
    by_default = (variable for variables in _DEFAULTS.values() for variable in variables)
    is_named = name in _ALWAYS or name in by_default or names_secret(name) or _TELLING.search(name) is not None
    return is_named or hide(value) != value


def _list_named(manifest: Manifest) -> Iterator[str]:
    for provider in manifest.providers:
        for source in (provider.credential, provider.reader_credential):
            if isinstance(source, FromEnvironment):
                yield source.name
        yield from _search(provider.options)
    yield from _search(manifest.ledger.options)
    for sink in manifest.sinks.values():
        yield from _search(sink.options)
        yield from _DEFAULTS.get(sink.type, ())


def _list_of_profile(manifest: Manifest, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the variables that the API keys of the providers' profiles refer to."""
    for provider in manifest.providers:
        profile = provider.options.get("profile")
        if provider.type == "arize" and isinstance(profile, str):
            from keyplan.providers.arize.profile import list_variables  # noqa: PLC0415 - few manifests name a profile

            yield from list_variables(profile, environment)


def _search(value: Json) -> Iterator[str]:
    """Yield the variables of every `{env: NAME}` in a value, however deep."""
    if isinstance(value, Mapping):
        if isinstance(name := value.get("env"), str):
            yield name
        for inner in value.values():
            yield from _search(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _search(inner)
