"""Writes a manifest of keys that exist, as YAML with comments.

Names and descriptions come from the provider: none of them may end its own scalar or comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

from keyplan.manifest.scalars import write_scalar
from keyplan.model.export import ExportedKey, ExportedManifest
from keyplan.model.manifest import (
    FromCommand,
    FromEnvironment,
    FromFile,
    OrganizationGrant,
    ProviderSettings,
    Role,
    ScopeById,
    SecretSource,
)
from keyplan.model.observation import Observation
from keyplan.model.secret_shapes import looks_secret
from keyplan.model.times import show_time, write_duration, write_time

_HEAD = """\
{modeline}
# The keys of {base_url} as they were on {date}, written by keyplan export.
# See that nothing would change with: keyplan plan
version: 1

owner: {owner}
id: {id}

{providers}

# Where consumers read each key. Change it to where the raw keys are today; {{space}} is "_" for a user key.
sinks:
{sinks}
defaults:
  sink: local
{usual}
"""
_SINK = """\
  {name}:
    type: file
    path: "secrets/{folder}{{key_type}}/{{space}}/{{name}}.env"
    format: dotenv
    variable: {variable}
"""
_NOT_IN_VARIABLES = re.compile(r"[^A-Za-z0-9]")
_HIDDEN = "(not shown: it looks like a secret)"
_REASON_CHARACTERS = 300


def render_manifest(
    manifest: ExportedManifest, *, base_url: str, now: datetime, modeline: str
) -> tuple[str, tuple[int, ...]]:
    """Return the manifest's text, and in which line the entry of each of its keys begins, from 1.

    `modeline` is the comment that names its schema to editors.
    """
    usual = f"  provider: {manifest.providers[0].label}\n" if manifest.providers[1:] else ""
    lines = _HEAD.format(
        modeline=modeline,
        base_url=write_scalar(base_url),
        date=show_time(now),
        owner=write_scalar(manifest.owner),
        id=manifest.id,
        providers=_write_providers(manifest),
        sinks="".join(_write_sink(settings) for settings in manifest.providers or (ProviderSettings(),)),
        usual=usual,
    ).splitlines()
    lines.append("keys:" if any(entry.is_declared for entry in manifest.keys) else "keys: []")
    starts = []
    for entry in manifest.keys:
        starts.append(len(lines) + 1)
        lines += [*_write_entry(entry), ""]
    return "\n".join(lines).rstrip("\n") + "\n", tuple(starts)


def _write_providers(manifest: ExportedManifest) -> str:
    if not manifest.providers:
        given = {"type": "arize", **manifest.provider, "credential": {"env": "ARIZE_API_KEY"}}
        return f"provider: {_write_flow(given)}"
    if not manifest.providers[1:]:
        return f"provider: {_write_flow(_list_settings(manifest.providers[0]))}"
    rows = (f"  {settings.label}: {_write_flow(_list_settings(settings))}" for settings in manifest.providers)
    return "\n".join(["providers:", *rows])


def _list_settings(settings: ProviderSettings) -> Mapping[str, Any]:
    """Return the fields of a provider, as a manifest has them."""
    options = {name: value for name, value in settings.options.items() if name != "username"}
    source = _name_source(settings.credential)
    login = settings.options.get("username")
    further = {
        "reader_credential": settings.reader_credential and _name_source(settings.reader_credential),
        "max_lifetime": settings.max_lifetime and write_duration(settings.max_lifetime),
        "creators": list(settings.creators),
    }
    return {
        "type": settings.type,
        **options,
        "credential": {"username": login, "password": source} if login is not None else source,
        **{name: value for name, value in further.items() if value},
    }


def _name_source(source: SecretSource) -> Mapping[str, Any]:
    match source:
        case FromEnvironment(name):
            return {"env": name}
        case FromFile(path):
            return {"file": path}
        case FromCommand(argv):
            return {"command": list(argv)}
        case _:
            assert_never(source)


def name_sink(settings: ProviderSettings) -> str:
    """Return the sink of a provider's keys: with several, no two of them share a place."""
    return f"local-{settings.name}" if settings.name else "local"


def _write_sink(settings: ProviderSettings) -> str:
    return _SINK.format(
        name=name_sink(settings),
        folder=f"{settings.name}/" if settings.name else "",
        variable=f"{_NOT_IN_VARIABLES.sub('_', settings.type).upper()}_API_KEY",
    )


def _write_entry(entry: ExportedKey) -> Iterator[str]:
    yield f"  # {_describe(entry.key)}"
    fields = list(_list_fields(entry))
    texts = [f"  - {fields[0]}", *(f"    {text}" for text in fields[1:])]
    if entry.is_declared:
        yield from texts
        return
    reason = (
        entry.obstacle if len(entry.obstacle) <= _REASON_CHARACTERS else f"{entry.obstacle[:_REASON_CHARACTERS]}..."
    )
    yield f"  # Not declared: {_write_comment(reason)}"
    yield from (f"  # {text[2:]}" for text in texts)


def _describe(key: Observation) -> str:
    """Return one line on a key that a declaration has no field for."""
    by = f" by {_write_comment(key.created_by)}" if key.created_by else ""
    used = f", last used {show_time(key.last_used_at)}" if key.last_used_at else ""
    return f"created {show_time(key.created_at)}{by}{used}"


def _list_fields(entry: ExportedKey) -> Iterator[str]:
    """Yield the fields of a declaration, each as one line."""
    key, is_comment = entry.key, not entry.is_declared
    yield f"name: {_write_text(key.name, is_comment=is_comment)}"
    if entry.provider:
        yield f"provider: {entry.provider}"
        yield f"sink: local-{entry.provider}"
    if key.key_type:
        yield f"key_type: {key.key_type.value}"
    if key.description:
        yield f"description: {_write_text(key.description, is_comment=is_comment)}"
    if entry.space is not None:
        field = "space_id" if isinstance(entry.space, ScopeById) else entry.scope_field
        yield f"{field}: {_write_text(str(entry.space), is_comment=is_comment)}"
    yield from _list_roles(entry)
    if key.expires_at:
        yield f"expires_at: {write_time(key.expires_at)}"
    yield f"import: {write_scalar(key.id)}"


def _list_roles(entry: ExportedKey) -> Iterator[str]:
    access = entry.key.access
    if access is None:
        return
    account_role = {"account_role": _to_value(access.account_role)}
    if entry.space is not None and access.organizations:
        granted = access.organizations[0]
        roles = {"space_role": _to_value(granted.spaces[0].role), "org_role": _to_value(granted.role)}
        yield f"roles: {_write_flow({**roles, **account_role})}"
        return
    yield f"roles: {_write_flow(account_role)}"
    yield f"organizations: {_write_flow(list(map(_to_grant, access.organizations)))}"


def _to_grant(granted: OrganizationGrant) -> Mapping[str, Any]:
    spaces = [{"space_id": grant.space_id, "role": _to_value(grant.role)} for grant in granted.spaces]
    return {"org_id": granted.org_id, "role": _to_value(granted.role), "spaces": spaces}


def _to_value(role: Role) -> str | Mapping[str, str]:
    return {"type": "CUSTOM", "id": role.name} if role.custom else role.name


def _write_flow(value: Any) -> str:
    """Return nested mappings, lists and texts on one line, as YAML that is read as the same values."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_write_flow(one)}' for name, one in value.items())}}}"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_write_flow, value))}]"
    return write_scalar(str(value))


def _write_text(text: str, *, is_comment: bool) -> str:
    # Only what the manifest refuses becomes a comment, and a text that looks like a secret is one reason for that.
    return _HIDDEN if is_comment and looks_secret(text) else write_scalar(text)


def _write_comment(text: str) -> str:
    """Return a text on one line, which a line break or a control character in it can't end."""
    return _HIDDEN if looks_secret(text) else text.encode("unicode_escape").decode()
