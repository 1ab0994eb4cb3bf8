"""The published document of an audit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from audited import ENTRY, HOSTILE, make_audit
from jsonschema import Draft202012Validator, FormatChecker
from plans import NOW

from keyplan.documents import schemas
from keyplan.documents.audit import to_document
from keyplan.model.audit import AuditLog

VALIDATOR = Draft202012Validator(schemas.load("audit.v1"), format_checker=FormatChecker())


def test_the_published_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)


def test_the_document_fits_the_published_schema() -> None:
    bare = replace(ENTRY, at=None, user_id="", ip="", operation="")
    for entries in ((), (ENTRY, HOSTILE), (bare,)):
        VALIDATOR.validate(to_document(make_audit(*entries)))
    VALIDATOR.validate(to_document(make_audit(log=AuditLog(entries=(), read=1, reached=NOW))))


@pytest.mark.parametrize("field", to_document(make_audit()))
def test_every_field_is_promised(field: str) -> None:
    document = to_document(make_audit())
    del document[field]
    assert not VALIDATOR.is_valid(document)


def test_an_entry_says_who_when_from_where_what_and_which_key() -> None:
    (written,) = to_document(make_audit(ENTRY))["entries"]  # type: ignore[misc]  # JSON values are not narrowed
    assert written == {
        "at": "2026-11-23T06:31:00+00:00",
        "user_id": "user-7",
        "ip": "192.0.2.7",
        "operation": "revokeApiKey",
        "keys": [{"key_id": "key-1", "address": "user/ci"}],
    }
