"""What people read, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from listed_keys import KEYS, make_key
from plans import (
    BLOCKED,
    CREATE,
    DONE,
    FAILED,
    FORGET,
    FULL,
    IN_DOUBT,
    KEEP,
    NOT_TRIED,
    NOW,
    REFRESH,
    REPLACE,
    STRANGER,
    make_plan,
    make_report,
)
from samples import make_problem
from syrupy.assertion import SnapshotAssertion

from keyplan.errors import InputError, KeyplanError, ManifestError
from keyplan.model.manifest import Address, KeyId, KeyType, SinkName, Unmanaged
from keyplan.model.plan import KeyView, Plan, Reason, Request, Verb
from keyplan.model.receipt import Delivered, Intent, IntentId, Receipt, Superseded
from keyplan.model.report import Done, Report
from keyplan.ports import HistoryEntry, Holder, Memory
from keyplan.renderers.formats import INVENTORY_FORMATS, PLAN_FORMATS, REPORT_FORMATS, render_inventory, render_report
from keyplan.renderers.formats import render_plan as render_plan_as
from keyplan.renderers.palette import ANSI, PLAIN, Tone
from keyplan.renderers.text.error import render_error
from keyplan.renderers.text.inventory import render_csv
from keyplan.renderers.text.ledger import render_history, render_ledger
from keyplan.renderers.text.many import render_plans, render_reports
from keyplan.renderers.text.plan import UNMANAGED_SHOWN, render_plan
from keyplan.renderers.text.report import summarize as summarize_report
from keyplan.renderers.words import PAST, REASONS, SIGNS, join_words, say_count, say_reason

ONE_ADDED = "Resources: 1 added, 0 changed, 0 destroyed."
STRANGERS = tuple(replace(STRANGER, id=KeyId(f"key-{n}"), name=f"hand-made {n}") for n in range(UNMANAGED_SHOWN + 3))
PLANS = {
    "everything at once": FULL,
    "nothing to do": make_plan(KEEP, replace(KEEP, address=Address("user/also"))),
    "nothing at all": make_plan(),
    "nothing but a blocked action": make_plan(BLOCKED, KEEP),
    "a create that is blocked": make_plan(replace(CREATE, reason=Reason.FOREIGN, blocked=BLOCKED.blocked)),
    "nothing but a receipt to forget": make_plan(FORGET),
    "more unmanaged keys than are shown": make_plan(KEEP, unmanaged=STRANGERS),
    "unmanaged keys that fail the plan": make_plan(KEEP, unmanaged=(STRANGER,), unmanaged_policy=Unmanaged.FAIL),
    "unmanaged keys that are ignored": make_plan(KEEP, unmanaged=(STRANGER,), unmanaged_policy=Unmanaged.IGNORE),
    "an unmanaged key of unknown type": make_plan(unmanaged=(KeyView(name="odd", key_type=None),)),
    "targets": make_plan(REFRESH, request=Request(targets=("user/*", "service/x/y"))),
    "a fixed expiry": make_plan(
        replace(CREATE, after=KeyView(name="ci", key_type=KeyType.USER, expires_at=NOW, spaces=("s",), roles="r"))
    ),
    "a create of which nothing is shown": make_plan(replace(CREATE, after=None, locations=())),
}
REPORTS = {
    "nothing to do": make_report(),
    "all done": make_report(DONE, Done(action=REPLACE, key_id=KeyId("key-8")), Done(action=FORGET)),
    "something of everything": make_report(DONE, FAILED, IN_DOUBT, NOT_TRIED),
    "interrupted": make_report(DONE, NOT_TRIED, interrupted_by=15),
    "interrupted by an odd signal": make_report(DONE, interrupted_by=10),
    "failed without advice": make_report(replace(FAILED, advice="", next_run="")),
}
INTENT = Intent(
    id=IntentId("i-1"),
    owner="ml-platform",
    address=Address("user/ci"),
    verb="create",
    key_id=None,
    alive_before=(),
    at=NOW,
    attempts=2,
)
RECEIPT = Receipt(
    owner="ml-platform",
    address=Address("user/ci"),
    key_id=KeyId("key-1"),
    key_type=KeyType.USER,
    name="ci",
    created_at=NOW,
    delivered=(Delivered(SinkName("local"), "secrets/ci.env"),),
    delivered_at=NOW,
    superseded=(Superseded(key_id=KeyId("key-0"), switched_at=NOW, delete_after=NOW + timedelta(days=1)),),
)
HOLDER = Holder(id="5f3a9c1e", owner="ada", host="ci-1", pid=42, since=NOW, command="apply")
ENTRY = HistoryEntry(digest="ab" * 32, started_at=NOW, finished_at=NOW, added=2, changed=1, destroyed=0, failed=1)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_plan_reads_like_this(plan: Plan, snapshot: SnapshotAssertion) -> None:
    assert render_plan(plan) == snapshot


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_report_reads_like_this(report: Report, snapshot: SnapshotAssertion) -> None:
    assert render_report(report, as_format="text") == snapshot


def test_a_coloured_plan_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_plan(make_plan(CREATE, BLOCKED), ANSI) == snapshot


@pytest.mark.parametrize("as_format", PLAN_FORMATS)
def test_a_plan_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render_plan_as(FULL, as_format=as_format) == snapshot


@pytest.mark.parametrize("as_format", REPORT_FORMATS)
def test_a_report_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render_report(make_report(DONE, FAILED), as_format=as_format) == snapshot


def test_several_plans_have_one_summary_as_the_last_line(snapshot: SnapshotAssertion) -> None:
    other = make_plan(REPLACE, owner="search", manifest="envs/test/keys.yaml")
    assert render_plans([FULL, other]) == snapshot


def test_several_plans_without_changes_say_so(snapshot: SnapshotAssertion) -> None:
    assert render_plans([make_plan(KEEP), make_plan(KEEP, manifest="other.yaml")]) == snapshot


def test_several_reports_have_one_summary_as_the_last_line(snapshot: SnapshotAssertion) -> None:
    assert render_reports([make_report(DONE, FAILED), make_report(NOT_TRIED)]) == snapshot


@pytest.mark.parametrize("as_format", INVENTORY_FORMATS)
def test_keys_are_listed_in_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render_inventory(KEYS, as_format=as_format) == snapshot


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="format 'xml' is unknown; known are: text, json"):
        render_plan_as(FULL, as_format="xml")


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        (make_plan(CREATE, REPLACE, REFRESH), "Plan: 2 to add, 1 to change, 1 to destroy."),
        (make_plan(KEEP), "No changes. Your keys match the manifest."),
        (make_plan(KEEP, BLOCKED), "Plan: 0 to add, 0 to change, 0 to destroy."),
        (PLANS["unmanaged keys that fail the plan"], "Plan: 0 to add, 0 to change, 0 to destroy."),
    ],
)
def test_the_last_line_is_the_one_that_scripts_match(plan: Plan, line: str) -> None:
    assert render_plan(plan).splitlines()[-1] == line


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (make_report(DONE), f"Apply complete! {ONE_ADDED}"),
        (make_report(), "Apply complete! Resources: 0 added, 0 changed, 0 destroyed."),
        (
            make_report(DONE, FAILED, IN_DOUBT, NOT_TRIED),
            f"Apply incomplete. {ONE_ADDED} Not done: 1 failed, 1 in doubt, 1 not tried.",
        ),
    ],
)
def test_a_report_is_called_complete_only_if_it_is(report: Report, line: str) -> None:
    assert summarize_report(report) == line


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(InputError("sink 'vualt' is unknown", advice="did you mean 'vault'?"), id="with advice"),
        pytest.param(KeyplanError("it broke"), id="without advice"),
        pytest.param(InputError("keys.yaml:1:1: one\nkeys.yaml:9:1: two", advice="do it"), id="several problems"),
        pytest.param(
            ManifestError((make_problem("one", line=3), make_problem("two", line=9, column=4))),
            id="problems of a manifest",
        ),
    ],
)
def test_an_error_reads_like_this(error: KeyplanError, snapshot: SnapshotAssertion) -> None:
    assert render_error(error) == snapshot


def test_a_ledger_reads_like_this(snapshot: SnapshotAssertion) -> None:
    memory = Memory(receipts=(RECEIPT,), intents=(INTENT,))
    assert [render_ledger(memory, HOLDER), render_ledger(Memory(), None)] == snapshot


def test_a_history_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert [render_history([ENTRY]), render_history([])] == snapshot


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_the_csv_is_a_formula(start: str) -> None:
    line = render_csv((make_key(name=start),)).splitlines()[1]
    assert line.split(",")[1].startswith("'")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason: Reason) -> None:
    assert REASONS[reason]


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_has_a_sign_and_a_past(verb: Verb) -> None:
    assert SIGNS[verb]
    assert PAST[verb]


def test_a_change_without_fields_still_has_a_reason() -> None:
    assert say_reason(replace(REPLACE, changes=())) == "changed in the manifest"


def test_a_move_without_an_origin_still_has_a_reason() -> None:
    assert say_reason(replace(KEEP, reason=Reason.MOVED)) == "moved to another address"


def test_a_key_that_is_made_beside_an_adopted_one_says_so() -> None:
    assert say_reason(replace(CREATE, reason=Reason.ADOPTED)).startswith("a new key beside one")
    assert say_reason(replace(REFRESH, reason=Reason.ADOPTED)) == "an existing key is taken over"


@pytest.mark.parametrize(
    ("words", "joined"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_joined_as_in_a_sentence(words: list[str], joined: str) -> None:
    assert join_words(words) == joined


@pytest.mark.parametrize(("number", "said"), [(0, "0 keys"), (1, "1 key"), (2, "2 keys")])
def test_nouns_agree_with_their_number(number: int, said: str) -> None:
    assert say_count(number, "key") == said


def test_a_plain_palette_paints_nothing() -> None:
    assert PLAIN.paint(Tone.ALARM, "x") == "x"
