"""The whole command line on a ledger in S3: apply, a second machine, copying, the lock, and what doctor says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from ledgers.s3.buckets import Bucket
from sinks.aws_servers import REGION
from timelapse import Timelapse, playing

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]


@pytest.fixture
def start(tmp_path: Path, bucket: Bucket) -> Iterator[Timelapse]:
    """Give the first example, beside a sandbox, with a bucket as its ledger."""
    with playing("01-start", tmp_path, "beta") as timelapse:
        path = timelapse.folder / "keys.yaml"
        options = {"type": "s3", "lease": "10s", **bucket.options(prefix="team/")}
        path.write_text(f"{path.read_text()}ledger: {json.dumps(options)}\n")
        yield timelapse


def url_of(bucket: Bucket, prefix: str) -> str:
    return f"s3://{bucket.name}/{prefix}?region={REGION}&endpoint_url={quote(bucket.proxy.url)}"


def test_plan_apply_and_doctor_work_with_it(start: Timelapse, bucket: Bucket) -> None:
    assert start("plan", "--detailed-exitcode").status == 2
    assert bucket.list_keys() == []
    start.apply()
    assert start("plan", "--detailed-exitcode").status == 0
    assert all(key.startswith("team/") for key in bucket.list_keys())
    assert "honours conditional writes" in start("doctor").out
    assert start("ledger", "lock").out == "not locked\n"
    assert not (start.folder / ".keyplan").exists()
    assert not [key for key in bucket.list_keys() if "probe" in key]


def test_a_plan_file_is_spent_on_every_machine(start: Timelapse, tmp_path: Path) -> None:
    assert start("plan", "--out", "plan.json").status == 0
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(start.folder, elsewhere)
    assert start("apply", "plan.json").status == 0
    shutil.copy(start.folder / "plan.json", elsewhere)
    done = Timelapse(elsewhere, start.sandbox)("apply", "plan.json")
    assert (done.status, "applied before" in done.err) == (4, True)


def test_a_file_is_copied_into_it_and_serves_on(start: Timelapse, bucket: Bucket) -> None:
    manifest = start.folder / "keys.yaml"
    text = manifest.read_text()
    manifest.write_text(text.partition("ledger:")[0])
    start.apply()
    shown = json.loads(start("ledger", "show", "--format", "json").out)
    assert len(shown["receipts"]) == 2
    done = start("ledger", "copy", ".keyplan/ledger.db", url_of(bucket, "team"))
    assert (done.status, done.out) == (0, "Copied 2 receipts, 0 open intents and 1 line of the history.\n")
    shutil.rmtree(start.folder / ".keyplan")
    manifest.write_text(text)
    assert json.loads(start("ledger", "show", "--format", "json").out) == shown
    assert start("plan", "--detailed-exitcode").status == 0
    again = start("ledger", "copy", "manifest", url_of(bucket, "another"))
    assert again.out == done.out


def test_a_url_takes_the_place_of_the_default(start: Timelapse, bucket: Bucket) -> None:
    manifest = start.folder / "keys.yaml"
    manifest.write_text(manifest.read_text().partition("ledger:")[0])
    assert start("apply", "--auto-approve", "--ledger", url_of(bucket, "by-url")).status == 0
    assert all(key.startswith("by-url/") for key in bucket.list_keys())
    assert start("plan", "--detailed-exitcode", "--ledger", url_of(bucket, "by-url")).status == 0
    assert start("plan", "--ledger", url_of(bucket, "by-url").replace("region", "regoin")).status == 3


def test_a_store_that_ignores_conditions_gets_no_key(start: Timelapse, bucket: Bucket) -> None:
    bucket.proxy.ignored = ("If-None-Match",)
    done = start("apply", "--auto-approve")
    assert (done.status, "ignores it" in done.err) == (7, True)
    assert "honours conditional writes" in done.err
    assert start("doctor").status == 7
    assert bucket.list_keys() == []
