"""`keyplan watch --leak-reports` as a real process: signed reports over HTTP find keys, and show no token anywhere."""

from __future__ import annotations

import json
import subprocess
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from e2e.terminal import Terminal
from e2e.test_watch import CALM, Service, Start, eventually, start
from signed_reports import URL, Scanner, report, write_body

__all__ = ["start"]

pytestmark = [pytest.mark.processes, pytest.mark.e2e, pytest.mark.enable_socket]

KEYS = "public_keys.json"
STRANGE = "ak-0" + "9" * 49


class Sender:
    """A scanner that reports to one watch."""

    def __init__(self, watch: Service, scanner: Scanner) -> None:
        self.watch, self.scanner = watch, scanner

    def post(self, body: bytes, **headers: str) -> int:
        """Post a signed message; return the status of the answer."""
        signed = {**self.scanner.sign(body), **headers}
        return httpx.post(f"{self.watch.url}/leaks/github", content=body, headers=signed, timeout=30).status_code

    def found(self) -> list[dict[str, str]]:
        """Return the keys that the watch told of."""
        return [event["leak"] for event in list(self.watch.events) if "leak" in event]


@pytest.fixture
def applied(beta: Terminal) -> Terminal:
    """Return a terminal whose one key was just made."""
    beta.write(CALM)
    assert beta.apply().returncode == 0
    return beta


@pytest.fixture
def sender(applied: Terminal, start: Start) -> Sender:
    """Return a scanner whose reports a watch takes that has read its manifest."""
    scanner = Scanner()
    scanner.write_keys(applied.folder / KEYS)
    watch = start("--leak-reports", KEYS)
    eventually(lambda: watch.get("/readyz").status_code == 200)
    return Sender(watch, scanner)


def test_a_signed_report_finds_the_key_and_no_token_is_shown_anywhere(sender: Sender, applied: Terminal) -> None:
    raw = applied.delivered("ci")
    before = applied.mutations()
    body = write_body(report(STRANGE), report(raw, url=f"{URL}/{STRANGE}?token={raw}"))
    assert sender.post(body) == 202
    (leak,) = eventually(sender.found)
    assert (leak["address"], leak["owner"], leak["proof"]) == ("user/ci", "e2e", "fingerprint")
    assert leak["key_id"]
    assert leak["created_by_user_id"]
    assert leak["sightings"] == [{"type": "arize_api_key", "url": f"{URL}/(hidden)?token=(hidden)", "source": "commit"}]
    eventually(lambda: sender.watch.metric("keyplan_leaked_keys_total", standing="current") == 1)
    assert sender.watch.metric("keyplan_leak_reports_total", result="accepted") == 1
    shown = json.dumps(sender.watch.events) + sender.watch.get("/metrics").text
    assert (raw in shown, STRANGE in shown) == (False, False)
    # It ended nothing, and wrote nothing.
    assert (applied.is_valid(raw), applied.mutations()) == (True, before)
    assert sender.watch.stop() == 0


def test_what_is_not_signed_is_refused_and_changes_nothing(sender: Sender, applied: Terminal) -> None:
    body = write_body(report(applied.delivered("ci")))
    url = f"{sender.watch.url}/leaks/github"
    answers = [
        httpx.post(url, content=body),
        httpx.post(url, content=body + b" ", headers=dict(sender.scanner.sign(body))),
        httpx.post(url, content=body, headers=dict(Scanner().sign(body))),
        httpx.post(url, content=body, headers=dict(Scanner("scanner-2").sign(body))),
        httpx.post(url, content=b"<html></html>", headers={"Content-Type": "text/html"}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert {answer.text for answer in answers} == {"no known key signed this message\n"}
    assert sender.post(b"<html></html>") == 400
    assert sender.post(b'{"token": "x"}') == 400
    assert httpx.get(url).status_code == 405
    assert sender.post(b"[" + b" " * (4 * 1024 * 1024) + b"]") == 413
    eventually(lambda: sender.watch.metric("keyplan_leak_reports_total", result="unsigned") == 5)
    assert sender.watch.metric("keyplan_leak_reports_total", result="invalid") == 3
    assert (sender.found(), sender.watch.news().count("report_refused")) == ([], 1)


def test_ten_thousand_tokens_are_acknowledged_at_once_and_the_key_among_them_is_found(
    sender: Sender, applied: Terminal
) -> None:
    raw = applied.delivered("ci")
    many = [report(f"ak-{number:050d}") for number in range(10_000)]
    body = write_body(*many[:5000], report(raw), *many[5000:])
    begun = time.monotonic()
    assert sender.post(body) == 202
    assert time.monotonic() - begun < 5
    (leak,) = eventually(sender.found, within=60)
    assert leak["address"] == "user/ci"
    assert sender.watch.get("/healthz").status_code == 200
    assert raw not in json.dumps(sender.watch.events)


def test_many_senders_at_once_are_answered_and_each_report_is_looked_for(sender: Sender, applied: Terminal) -> None:
    raw = applied.delivered("ci")

    def post(number: int) -> int:
        body = write_body(report(raw, url=f"{URL}?{number}"))
        while (status := sender.post(body)) == 503:
            time.sleep(0.1)
        return status

    # An event shows twenty sightings, and one search may have all of these reports.
    with ThreadPoolExecutor(max_workers=4) as pool:
        assert set(pool.map(post, range(20))) == {202}

    def find_last() -> list[str]:
        return [one for leak in sender.found() for one in leak["sightings"]][19:]  # type: ignore[attr-defined]  # a list

    # Once a search fails, as on a machine that is too busy to answer it in time, the next ones come after a delay, one
    # message each.
    assert eventually(find_last, within=120), sender.watch.news()
    assert sender.watch.metric("keyplan_leak_reports_total", result="accepted") == 20


def test_sigterm_during_a_search_ends_cleanly_and_what_waited_was_looked_for(sender: Sender, applied: Terminal) -> None:
    raw = applied.delivered("ci")
    applied.break_requests("GET", "/v2/api-keys", action="delay", nth=1, seconds=2, when="before")
    assert sender.post(write_body(report(STRANGE))) == 202
    applied.await_held()
    assert sender.post(write_body(report(raw))) == 202
    assert sender.watch.stop() == 0
    eventually(lambda: "stopped" in sender.watch.news())
    assert len(sender.found()) == 1


def test_by_default_there_is_no_such_path(applied: Terminal, start: Start) -> None:
    watch = start()
    body = write_body(report(applied.delivered("ci")))
    answer = httpx.post(f"{watch.url}/leaks/github", content=body, headers=dict(Scanner().sign(body)))
    assert (answer.status_code, answer.text) == (404, "there is no such page\n")
    assert watch.get("/leaks/github").status_code == 404
    assert "keyplan_leak" not in watch.get("/metrics").text


def test_keys_of_openssl_and_curl_do(sender: Sender, applied: Terminal) -> None:
    """The commands of docs/leak-reports.md for a scanner of one's own."""
    folder, raw = applied.folder, applied.delivered("ci")
    run = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "scanner.pem"]
    subprocess.run(run, cwd=folder, check=True, capture_output=True)
    public = subprocess.run(
        ["openssl", "ec", "-in", "scanner.pem", "-pubout"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout
    (folder / KEYS).write_text(json.dumps({"public_keys": [{"key_identifier": "our-scanner", "key": public}]}))
    sender.watch.process.send_signal(1)
    eventually(lambda: sender.watch.news().count("reports_taken") == 2)
    (folder / "report.json").write_bytes(write_body(report(raw)))
    sign = ["openssl", "dgst", "-sha256", "-sign", "scanner.pem", "report.json"]
    signature = b64encode(subprocess.run(sign, cwd=folder, check=True, capture_output=True).stdout).decode()
    answer = httpx.post(
        f"{sender.watch.url}/leaks/github",
        content=(folder / "report.json").read_bytes(),
        headers={"Github-Public-Key-Identifier": "our-scanner", "Github-Public-Key-Signature": signature},
    )
    assert answer.status_code == 202
    assert eventually(sender.found)
