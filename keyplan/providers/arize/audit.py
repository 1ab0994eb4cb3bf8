"""Reads the account's audit log, as far as it names certain keys (docs/arize-api.md, A40).

An entry names a key only if one of the values that its caller sent is exactly that key's id: a text in which an id
merely occurs proves nothing. What else an entry holds goes nowhere, because callers send secrets, too.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from keyplan.errors import ProviderDeniedError, ProviderRefusedError
from keyplan.model.audit import AuditEntry, AuditLog, AuditQuery
from keyplan.model.identity import KeyId, UserId
from keyplan.net.answers import load_json
from keyplan.net.retry import Patience
from keyplan.providers.answers import JsonObject
from keyplan.providers.arize.pages import fetch_pages
from keyplan.providers.arize.parser import read_text, read_time
from keyplan.providers.client import ProviderReadClient

AUDIT_PATH = "/v2/audit-logs"
_WHAT = "read the audit log"
_CHANGE = "MUTATION"
_PATIENCE = Patience(deadline=timedelta(seconds=15), attempts=3)
"""Shorter than elsewhere: the log is never needed, and a drift must not wait for it."""
_LONGEST_VARIABLES = 65_536
_MOST_VALUES = 10_000
"""Of one entry: what a caller sent may be as large and as deep as it likes."""
_LONGEST_TEXT = 256


def read_audit_log(client: ProviderReadClient, query: AuditQuery) -> AuditLog:
    """Return the entries of the log that name one of the keys, newest first.

    Raises:
        ProviderDeniedError: The credential is not an administrator's, or the account has no audit log.
        ProviderRefusedError: The server has no such endpoint, or refused.
        ProviderUnavailableError: The server cannot be reached, or its pages cannot be understood.
    """
    try:
        return _read(client, query)
    except ProviderDeniedError as error:
        advice = "the audit log is for administrators of an account that has audit logging switched on"
        raise ProviderDeniedError(error.message, advice=advice) from error
    except ProviderRefusedError as error:
        advice = "this server may have no audit log, or none that keyplan can read"
        raise ProviderRefusedError(error.message, status=error.status, advice=advice) from error


def _read(client: ProviderReadClient, query: AuditQuery) -> AuditLog:
    began, forms = client.clock.elapsed(), _list_forms(query.key_ids)
    found: list[AuditEntry] = []
    read, oldest = 0, query.until
    # Compared here as well: a server that ignores the filters would send its whole log.
    parameters = {
        "start_time": _write_time(query.since),
        "end_time": _write_time(query.until),
        "operation_type": _CHANGE,
    }

    def ask(wanted: Mapping[str, str]) -> JsonObject:
        return client.get(_WHAT, AUDIT_PATH, wanted, patience=_PATIENCE)

    for page in fetch_pages(client, _WHAT, ask, parameters, "logs"):
        entries = [_read_entry(item, forms) for item in page]
        read += len(page)
        times = [entry.at for entry in entries if entry.at]
        oldest = min([oldest, *times])
        found += [entry for entry in entries if entry.key_ids and _is_within(entry, query)]
        if times and max(times) < query.since:
            break
        # Whether this was the last page shows only in the next one, which is not asked for.
        if read >= query.entries or client.clock.elapsed() - began > query.time:
            return AuditLog(entries=tuple(found), read=read, reached=oldest)
    return AuditLog(entries=tuple(found), read=read)


def _is_within(entry: AuditEntry, query: AuditQuery) -> bool:
    return entry.at is None or query.since <= entry.at <= query.until


def _read_entry(item: JsonObject, forms: Mapping[str, KeyId]) -> AuditEntry:
    # An unknown type is not left out: the filter was for changes, and an older server may not know the field.
    is_change = read_text(item.get("operation_type")).upper() in ("", _CHANGE)
    named = {forms[text] for text in _list_texts(item.get("variables")) if text in forms} if is_change else set()
    return AuditEntry(
        at=_find_time(item.get("created_at")),
        user_id=UserId(read_text(item.get("user_id"))[:_LONGEST_TEXT]),
        ip=read_text(item.get("ip"))[:_LONGEST_TEXT],
        operation=read_text(item.get("operation_name"))[:_LONGEST_TEXT],
        key_ids=tuple(sorted(named)),
    )


def _list_forms(key_ids: Iterable[KeyId]) -> dict[str, KeyId]:
    """Return each text that means one of the keys: its id, and what that id encodes."""
    forms: dict[str, KeyId] = {}
    for key_id in key_ids:
        forms[key_id] = key_id
        # An id is base64 of `Type:number:suffix` in all examples (docs/arize-api.md, A34); a caller may send either.
        if decoded := _decode(key_id):
            forms[decoded] = key_id
    return forms


def _decode(key_id: KeyId) -> str:
    """Return what an id encodes; empty if it is not of that form."""
    try:
        decoded = base64.b64decode(key_id.encode(), validate=True).decode("ascii")
    except ValueError:
        return ""
    return decoded if ":" in decoded else ""


def _list_texts(variables: object) -> Iterator[str]:
    """Yield every text among the values that a caller sent, at whatever depth; none if there are too many."""
    pending = [_load(variables)]
    for _ in range(_MOST_VALUES):
        if not pending:
            return
        match pending.pop():
            case str() as text:
                yield text
            case dict() as values:
                pending += values.values()
            case list() as values:
                pending += values
            case _:
                pass


def _load(variables: object) -> object:
    """Return the values that a caller sent: the log has them as a text of JSON, or as they are."""
    if not isinstance(variables, str):
        return variables
    if len(variables) > _LONGEST_VARIABLES:
        return None
    try:
        return load_json(read_text(variables).encode())
    except ValueError:
        return None


def _find_time(value: object) -> datetime | None:
    try:
        return read_time(value)
    except ValueError:
        return None


def _write_time(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
