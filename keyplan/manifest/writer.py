"""Writes a manifest of keys that exist, as YAML with comments.

Names and descriptions come from the provider: none of them may end its own scalar or comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from keyplan.manifest.scalars import write_scalar
from keyplan.model.export import ExportedKey, ExportedManifest
from keyplan.model.manifest import OrganizationGrant, Role, ScopeById
from keyplan.model.observation import Observation
from keyplan.model.secret_shapes import looks_secret
from keyplan.model.times import show_time, write_time

_HEAD = """\
{modeline}
# The keys of {base_url} as they were on {date}, written by keyplan export.
# See that nothing would change with: keyplan plan
version: 1

owner: {owner}
id: {id}

provider: {provider}

# Where consumers read each key. Change it to where the raw keys are today; {{space}} is "_" for a user key.
sinks:
  local:
    type: file
    path: "secrets/{{key_type}}/{{space}}/{{name}}.env"
    format: dotenv
    variable: ARIZE_API_KEY

defaults:
  sink: local

"""
_HIDDEN = "(not shown: it looks like a secret)"
_REASON_CHARACTERS = 300


def render_manifest(
    manifest: ExportedManifest, *, base_url: str, now: datetime, modeline: str
) -> tuple[str, tuple[int, ...]]:
    """Return the manifest's text, and in which line the entry of each of its keys begins, from 1.

    `modeline` is the comment that names its schema to editors.
    """
    lines = _HEAD.format(
        modeline=modeline,
        base_url=write_scalar(base_url),
        date=show_time(now),
        owner=write_scalar(manifest.owner),
        id=manifest.id,
        provider=_write_flow({"type": "arize", **manifest.provider, "credential": {"env": "ARIZE_API_KEY"}}),
    ).splitlines()
    lines.append("keys:" if any(entry.is_declared for entry in manifest.keys) else "keys: []")
    starts = []
    for entry in manifest.keys:
        starts.append(len(lines) + 1)
        lines += [*_write_entry(entry), ""]
    return "\n".join(lines).rstrip("\n") + "\n", tuple(starts)


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
    if key.key_type:
        yield f"key_type: {key.key_type.value}"
    if key.description:
        yield f"description: {_write_text(key.description, is_comment=is_comment)}"
    if entry.space is not None:
        field = "space_id" if isinstance(entry.space, ScopeById) else "space"
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
    if isinstance(value, list):
        return f"[{', '.join(map(_write_flow, value))}]"
    return write_scalar(str(value))


def _write_text(text: str, *, is_comment: bool) -> str:
    # Only what the manifest refuses becomes a comment, and a text that looks like a secret is one reason for that.
    return _HIDDEN if is_comment and looks_secret(text) else write_scalar(text)


def _write_comment(text: str) -> str:
    """Return a text on one line, which a line break or a control character in it can't end."""
    return _HIDDEN if looks_secret(text) else text.encode("unicode_escape").decode()
