"""What a provider's log says of keys as JSON values, in the format that `schemas/audit.v1.json` publishes."""

from __future__ import annotations

from keyplan.model.audit import Audit, AuditedKey, AuditEntry
from keyplan.model.manifest import Json
from keyplan.model.times import write_time

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""


def to_document(audit: Audit) -> dict[str, Json]:
    """Return the audit as JSON values: keys by address, then id; entries newest first."""
    log = audit.log
    return {
        "format_version": FORMAT_VERSION,
        "owner": audit.owner,
        "manifest": audit.manifest,
        "provider": {"base_url": audit.provider},
        **_write_providers(audit),
        "since": write_time(audit.since),
        "until": write_time(audit.until),
        "read": log.read,
        "reached": write_time(log.reached) if log.reached else None,
        "keys": [_write_key(key) for key in audit.keys],
        "entries": [
            {**write_entry(entry), "keys": [_write_key(audit.find_key(key_id)) for key_id in entry.key_ids]}
            for entry in log.entries
        ],
    }


def _write_providers(audit: Audit) -> dict[str, Json]:
    """Return whose logs were read, and who has none; nothing if the manifest has one provider."""
    if not audit.providers and not audit.without_log:
        return {}
    return {
        "providers": [{"name": name, "base_url": url} for name, url in audit.providers.items()],
        "without_log": list(audit.without_log),
    }


def write_entry(entry: AuditEntry) -> dict[str, Json]:
    """Return who, when, from where and what, as JSON values; what the log does not say is null."""
    return {
        "at": write_time(entry.at) if entry.at else None,
        "user_id": entry.user_id or None,
        "ip": entry.ip or None,
        "operation": entry.operation or None,
        **({"provider": entry.provider} if entry.provider else {}),
    }


def _write_key(key: AuditedKey) -> dict[str, Json]:
    return {"key_id": key.id, "address": key.address}
