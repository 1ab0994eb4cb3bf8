"""Which ledger a run uses: the manifest's, or the path or URL that was named in its place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from scenario import make_manifest

from keyplan.app.ledger_choice import choose_ledger, has_password, is_url
from keyplan.errors import InputError
from keyplan.model.manifest import LedgerSettings

FOLDER, START = Path("/repo"), Path("/start")
S3 = LedgerSettings(type="s3", options={"bucket": "acme", "prefix": "prod/"})
LEASE = timedelta(minutes=5)


def sqlite(path: str) -> LedgerSettings:
    return LedgerSettings(options={"path": path})


@pytest.mark.parametrize(
    ("own", "named", "chosen"),
    [
        pytest.param(LedgerSettings(), None, sqlite("/repo/.keyplan/ledger.db"), id="the default"),
        pytest.param(sqlite("x.db"), None, sqlite("/repo/x.db"), id="the manifest's file"),
        pytest.param(S3, None, S3, id="the manifest's bucket"),
        pytest.param(sqlite("x.db"), "y.db", sqlite("/start/y.db"), id="another file"),
        pytest.param(sqlite("x.db"), Path("/y.db"), sqlite("/y.db"), id="a path"),
        pytest.param(sqlite("x.db"), "sqlite:y.db", sqlite("/start/y.db"), id="a file, said to be one"),
        pytest.param(LedgerSettings(), "s3://acme/prod", S3, id="a URL in place of the default"),
        pytest.param(sqlite("x.db"), "S3://acme/prod", S3, id="a URL in place of a file"),
        pytest.param(S3, "s3://acme/prod", S3, id="the manifest's own, again"),
    ],
)
def test_the_ledger_is_chosen(own: LedgerSettings, named: str | Path | None, chosen: LedgerSettings) -> None:
    assert choose_ledger(make_manifest(ledger=own), FOLDER, named, start=START) == chosen


@pytest.mark.parametrize(
    ("named", "message"),
    [
        pytest.param("x.db", "is of type 's3', and --ledger names a file", id="a file"),
        pytest.param("s3://other", "is of type 's3', and --ledger names another one", id="another bucket"),
    ],
)
def test_two_ledgers_of_one_account_are_refused(named: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_ledger(make_manifest(ledger=S3), FOLDER, named, start=START)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        pytest.param("s3x://acme", "no ledger reads URLs with the scheme 's3x'; did you mean 's3'?", id="a slip"),
        pytest.param("ftp://u:s3cret@acme", "scheme 'ftp'; known are: ", id="unknown"),
        pytest.param("s3://k:s3cret@acme", "holds no credentials", id="the ledger's own rules"),
    ],
)
def test_a_url_that_no_ledger_reads_is_refused_and_never_quoted(named: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        choose_ledger(make_manifest(), FOLDER, named, start=START)
    assert message in caught.value.message
    assert "s3cret" not in f"{caught.value.message} {caught.value.advice}"


def test_the_lease_stays_the_manifests() -> None:
    manifest = make_manifest(ledger=LedgerSettings(lease=LEASE))
    assert choose_ledger(manifest, FOLDER, "s3://acme", start=START).lease == LEASE
    assert choose_ledger(manifest, FOLDER, None, start=START).lease == LEASE


@pytest.mark.parametrize(
    ("named", "has"),
    [
        pytest.param("postgresql://ada:pw@db.test/keyplan", True, id="a password"),
        pytest.param("postgresql://ada:@db.test/keyplan", True, id="an empty one"),
        pytest.param("postgresql://ada:p/w@db.test/keyplan", True, id="with a slash"),
        pytest.param("postgresql://ada@db.test/keyplan?password=pw", True, id="in the query"),
        pytest.param("postgresql://ada@db.test/keyplan?sslmode=require&sslPassword=pw", True, id="of a key"),
        pytest.param("postgresql://ada@db.test:5432/keyplan", False, id="a user"),
        pytest.param("postgresql://[::1]/keyplan", False, id="an address of version 6"),
        pytest.param("s3://acme/prod?endpoint_url=https://minio.test:9000", False, id="a bucket"),
        pytest.param("a:b@c.db", False, id="a path"),
    ],
)
def test_a_password_in_a_url_is_noticed(named: str, *, has: bool) -> None:
    assert has_password(named) is has


def test_a_url_is_told_from_a_path() -> None:
    assert [is_url(named) for named in ("s3://x", "postgresql://x", "x.db", "/s3://x", "sqlite:x.db")] == [
        True,
        True,
        False,
        False,
        False,
    ]
