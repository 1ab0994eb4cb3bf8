"""Notices: what is said, and that no chat obeys a key's name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from plans import NOW
from renderers.test_reported_leaks import make_reported
from samples import PLACE

from keyplan.errors import ManifestError, ProviderDeniedError
from keyplan.model.drift import Cause, Drift, DriftFinding, DriftKind
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import Waiver
from keyplan.model.notice import Mood, Notice
from keyplan.renderers.machine.notice import FailedManifest, LeakedKeys, build_leak_notice, build_notice

GONE = DriftFinding(
    kind=DriftKind.DRIFT,
    cause=Cause.GONE,
    address=Address("user/ci"),
    name="ci",
    key_id=KeyId("key-1"),
    detail="deleted outside keyplan",
    advice="ask who did it",
)
STRANGER = DriftFinding(
    kind=DriftKind.UNMANAGED, cause=Cause.UNMANAGED, address=None, name="hand-made", key_id=KeyId("key-9")
)
WAIVER = Waiver(address="user/ci", owner="ada", reason="moving", until=NOW, place=PLACE)
DENIED = ProviderDeniedError("401 Unauthorized", advice="set ARIZE_API_KEY")
ATTACK = "<!channel> @here @everyone <https://evil.test|click> *bold* &amp; \x1b[2J\u202e\nnew line"


def make_drift(*findings: DriftFinding, **changes: Any) -> Drift:
    drift = Drift(
        owner="ml-platform",
        manifest="keys.yaml",
        provider="https://api.arize.test",
        dialect="beta",
        at=NOW,
        findings=findings,
    )
    return replace(drift, **changes)


def tell(*drifts: Drift, failures: tuple[FailedManifest, ...] = ()) -> Notice:
    return build_notice(drifts, failures, command="drift", version="1.2.3", at=NOW)


def test_a_finding_is_told_with_its_place_and_advice() -> None:
    notice = tell(make_drift(GONE))
    assert notice.mood is Mood.DRIFT
    assert notice.title == "keyplan, keys of ml-platform: 1 drift"
    assert notice.text == "drift: user/ci: gone: deleted outside keyplan (ask who did it) [keys.yaml]"


def test_a_key_without_address_is_told_by_name_and_id() -> None:
    assert tell(make_drift(STRANGER)).text == "unmanaged: hand-made (key-9): unmanaged [keys.yaml]"


def test_failures_come_first_and_decide() -> None:
    notice = tell(make_drift(GONE), failures=(FailedManifest(manifest="other.yaml", error=DENIED),))
    assert notice.mood is Mood.FAILED
    assert notice.title == "keyplan, keys of ml-platform: 1 failure and 1 drift"
    assert notice.text.splitlines()[0] == "failed: other.yaml: 401 Unauthorized (set ARIZE_API_KEY)"


def test_a_run_that_came_to_no_manifest_is_told_too() -> None:
    problems = ManifestError(("keys.yaml:1:1: no", "keys.yaml:2:1: neither"))
    notice = tell(failures=(FailedManifest(manifest="", error=problems),))
    assert notice.title == "keyplan: 1 failure"
    assert notice.text == "failed: keys.yaml:1:1: no\\nkeys.yaml:2:1: neither"


def test_a_leaked_key_is_told_with_what_to_type() -> None:
    urls = ("https://a.test/" + "x" * 900,)
    leaked = LeakedKeys(manifest="keys.yaml", owner="ml-platform", keys=(make_reported(urls=urls),))
    notice = build_leak_notice(leaked, command="watch", version="1.2.3", at=NOW)
    assert notice.mood is Mood.FAILED
    assert notice.title == "keyplan, keys of ml-platform: 1 key reported as leaked"
    assert notice.text.startswith("reported as leaked (certain): key key-1 (user/ci)")
    assert notice.text.endswith("keyplan rotate user/ci --now --manifest keys.yaml")
    (leak,) = notice.document["leaks"]  # type: ignore[misc,union-attr]  # a list
    assert (leak["manifest"], leak["owner"], leak["key_id"]) == ("keys.yaml", None, "key-1")  # type: ignore[index,call-overload]  # an object
    assert (notice.document["manifests"], notice.document["failures"]) == ([], [])


@pytest.mark.parametrize(
    "finding",
    [
        pytest.param(replace(GONE, waiver=WAIVER), id="somebody accepted it"),
        pytest.param(replace(STRANGER, is_report_only=True), id="it is only shown"),
    ],
)
def test_what_nobody_has_to_deal_with_is_calm(finding: DriftFinding) -> None:
    notice = tell(make_drift(finding))
    assert (notice.mood, notice.text) == (Mood.CALM, "")
    assert notice.title == "keyplan, keys of ml-platform: all is as declared"


def test_several_manifests_are_one_notice() -> None:
    notice = tell(make_drift(GONE), make_drift(GONE, STRANGER, owner="data", manifest="data.yaml"))
    assert notice.title == "keyplan, keys of data and ml-platform: 2 drift and 1 unmanaged"
    assert [entry["counts"]["drift"] for entry in notice.document["manifests"]] == [1, 1]  # type: ignore[index,union-attr,call-overload]  # a JSON value


def test_programs_get_everything_and_chats_their_text() -> None:
    document: Any = tell(make_drift(GONE)).document
    assert document | {"text": "", "manifests": []} == {
        "type": "keyplan.notice",
        "format_version": "1.0",
        "keyplan_version": "1.2.3",
        "command": "drift",
        "at": "2026-11-23T07:31:00+00:00",
        "status": "drift",
        "title": "keyplan, keys of ml-platform: 1 drift",
        "text": "",
        "manifests": [],
        "failures": [],
    }
    assert document["text"].startswith(document["title"] + "\ndrift: user/ci")
    (manifest,) = document["manifests"]
    assert manifest["findings"] == [
        {
            "kind": "drift",
            "cause": "gone",
            "address": "user/ci",
            "name": "ci",
            "key_id": "key-1",
            "detail": "deleted outside keyplan",
            "advice": "ask who did it",
            "expires_at": None,
        }
    ]


def test_a_failure_in_the_document_has_its_exit_status() -> None:
    document: Any = tell(failures=(FailedManifest(manifest="", error=DENIED),)).document
    assert document["failures"] == [
        {"manifest": None, "message": "401 Unauthorized", "advice": "set ARIZE_API_KEY", "exit_status": 5}
    ]


def attacked() -> Notice:
    poisoned = replace(GONE, address=Address(f"user/{ATTACK}"), detail=ATTACK, advice=ATTACK)
    return tell(make_drift(poisoned, owner=ATTACK, manifest=ATTACK))


def test_an_attack_is_no_mention_and_no_control_in_text() -> None:
    notice = attacked()
    said = [notice.title, notice.text, str(notice.document["text"])]
    assert not [text for text in said if "@here" in text or "@everyone" in text or "\x1b" in text or "\u202e" in text]
    assert notice.text.count("\n") == 0
    assert "@ here" in notice.text


def test_an_attack_is_no_markup_in_slack() -> None:
    slack: Any = attacked().slack
    texts = [slack["text"], *(block["text"]["text"] for block in slack["blocks"])]
    assert not [text for text in texts if "<" in text or ">" in text or "@here" in text]
    assert "&lt;!channel&gt;" in slack["text"]
    assert {block["text"]["type"] for block in slack["blocks"]} == {"plain_text"}
    assert (slack["mrkdwn"], slack["unfurl_links"]) == (False, False)


def test_a_calm_notice_for_slack_has_no_empty_block() -> None:
    slack: Any = tell(make_drift()).slack
    assert [block["text"]["text"] for block in slack["blocks"]] == ["keyplan, keys of ml-platform: all is as declared"]


@pytest.mark.parametrize("detail", ["short", "&" * 200], ids=["many lines", "many escaped characters"])
def test_a_long_notice_fits_slack_and_says_what_is_left_out(detail: str) -> None:
    findings = [replace(GONE, address=Address(f"user/{number}"), detail=detail) for number in range(150)]
    notice = tell(make_drift(*findings))
    slack: Any = notice.slack
    assert all(0 < len(block["text"]["text"]) <= 3000 for block in slack["blocks"])
    *shown, last = notice.text.splitlines()
    assert last == f"and {150 - len(shown)} more"
    document: Any = notice.document
    assert (len(document["manifests"][0]["findings"]), document["manifests"][0]["left_out"]) == (100, 50)


def test_the_same_run_makes_the_same_bytes() -> None:
    assert json.dumps(tell(make_drift(GONE)).document) == json.dumps(tell(make_drift(GONE)).document)
