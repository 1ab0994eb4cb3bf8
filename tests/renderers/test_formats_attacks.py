"""Whatever somebody writes into a name, a description or a path: it comes out harmless in every format."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from attacks import ATTACKS, MARKDOWN, PIPELINE, TERMINAL
from drifts import ACCEPTED, GONE, make_drift
from drifts import STRANGER as UNDECLARED
from judges import (
    Command,
    list_code,
    list_commands,
    list_controls,
    list_markup,
    list_readings,
    list_tokens,
    read_command,
    read_outputs,
)
from plans import BLOCKED, CREATE, DONE, FAILED, FORGET, IN_DOUBT, MOVED, NOW, REPLACE, STRANGER, make_plan, make_report
from prometheus_client.parser import text_string_to_metric_families
from renderers.test_reported_leaks import make_reported
from sheets import DIGEST, DRIFT, VALIDATE

from keyplan.errors import KeyplanError
from keyplan.model.drift import Drift, DriftFinding
from keyplan.model.field_change import FieldChange
from keyplan.model.identity import Address, KeyId
from keyplan.model.place import Place
from keyplan.model.plan import Action, Blocked, Guard, Plan, Request
from keyplan.model.report import Report
from keyplan.model.watch import WatchEvent, WatchNews
from keyplan.renderers.ci.drift_sheet import build_drift_sheet
from keyplan.renderers.ci.forges import render_annotations, render_gitlab, render_outputs, render_step_summary
from keyplan.renderers.ci.junit import render_junit
from keyplan.renderers.ci.markdown import render_markdown
from keyplan.renderers.ci.plan_sheet import build_plan_sheet, build_report_sheet
from keyplan.renderers.ci.sarif import render_sarif
from keyplan.renderers.formats import render_drift, render_plan, render_report
from keyplan.renderers.machine.events import describe_end, describe_plan, describe_start, describe_step
from keyplan.renderers.machine.metrics import Sample, render_metrics
from keyplan.renderers.machine.notice import FailedManifest, LeakedKeys, build_leak_notice, build_notice
from keyplan.renderers.machine.watch import describe_watch
from keyplan.renderers.reported_leaks import advise_on_leak, describe_reported_leak
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Sheet

CALM = "harmless"
ORPHANS = "keyplan_orphans"
APPLYING = {"apply_start", "apply_progress", "apply_complete", "apply_errored"}
DELIMITER = "keyplan-0123456789abcdef"
attacked = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)


def spoil(action: Action, attack: str) -> Action:
    """Return an action with the attack wherever its text comes from outside."""
    return replace(
        action,
        address=Address(attack),
        key_id=action.key_id and KeyId(attack),
        after=action.after and replace(action.after, name=attack, description=attack, spaces=(attack,), roles=attack),
        changes=tuple(FieldChange(field=change.field, before=attack, after=f"a{attack}b") for change in action.changes),
        explanation=attack,
        consequences=(f"{attack}, and more",),
        locations=(f"local:{attack}",),
        previous_address=action.previous_address and Address(attack),
        blocked=action.blocked and Blocked(guard=Guard.DELETES, advice=attack),
        place=Place(attack, 3, 5),
    )


@functools.cache
def make_spoilt_plan(attack: str) -> Plan:
    return make_plan(
        *(spoil(action, attack) for action in (CREATE, REPLACE, BLOCKED, FORGET, MOVED)),
        owner=attack,
        manifest=attack,
        provider=attack,
        warnings=(attack, f"mind {attack} as well"),
        request=Request(targets=(attack,)),
        unmanaged=(replace(STRANGER, name=attack), replace(STRANGER, id=KeyId(attack))),
    )


@functools.cache
def make_spoilt_report(attack: str) -> Report:
    done = replace(DONE, action=spoil(CREATE, attack), key_id=KeyId(attack), delivered=(attack,), notes=(attack,))
    failed = replace(FAILED, action=spoil(REPLACE, attack), message=attack, advice=attack, next_run=attack)
    in_doubt = replace(IN_DOUBT, action=spoil(MOVED, attack), message=f"lost: {attack}", next_run=attack)
    return replace(make_report(done, failed, in_doubt), owner=attack, manifest=attack)


def spoil_sheet(sheet: Sheet, attack: str) -> Sheet:
    """Return a sheet with the attack in all of its texts, those that are our own words included."""
    rows = tuple(
        replace(
            row,
            subject=attack,
            word=attack,
            reason=attack,
            rule=f"{row.rule}{attack}",
            details=((attack, attack), ("a", f"b {attack}")),
            advice=attack,
            place=row.place and Place(attack, 3, 5),
        )
        for row in sheet.rows
    )
    texts = {"manifest": attack, "owner": attack, "summary": attack, "digest": attack}
    return replace(sheet, rows=rows, remarks=(attack, f"a {attack}"), unchanged=(attack, f"b{attack}"), **texts)


def spoil_finding(finding: DriftFinding, attack: str) -> DriftFinding:
    """Return a finding with the attack wherever its text comes from outside."""
    return replace(
        finding,
        address=finding.address and Address(attack),
        name=attack,
        key_id=KeyId(attack),
        detail=attack,
        advice=attack,
        place=finding.place and Place(attack, 3, 5),
        waiver=finding.waiver and replace(finding.waiver, owner=attack, reason=attack),
        lapsed=finding.lapsed and replace(finding.lapsed, owner=attack, reason=attack),
    )


@functools.cache
def make_spoilt_drift(attack: str) -> Drift:
    findings = [spoil_finding(finding, attack) for finding in (GONE, UNDECLARED, ACCEPTED)]
    return make_drift(*findings, owner=attack, manifest=attack, provider=attack, warnings=(attack,))


@functools.cache
def make_spoilt_sheets(attack: str) -> tuple[Sheet, ...]:
    return (
        build_plan_sheet(make_spoilt_plan(attack)),
        build_report_sheet(make_spoilt_report(attack)),
        build_drift_sheet(make_spoilt_drift(attack)),
        spoil_sheet(DRIFT, attack),
        spoil_sheet(VALIDATE, attack),
    )


def shape(value: Any) -> Any:
    """Return a JSON value with its texts and numbers taken out."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


def draw(element: ET.Element) -> tuple[Any, ...]:
    """Return an XML element with its texts taken out."""
    return element.tag, sorted(element.attrib), [draw(child) for child in element]


def _drop_bases(sarif: str) -> str:
    """Return SARIF without the names of base folders, which absolute paths have none of."""
    return re.sub(r',\s*"uriBaseId": "%SRCROOT%"', "", sarif)


def annotate(sheets: Sequence[Sheet]) -> list[Command]:
    """Return the annotations that a runner makes; what it takes for anything else fails the test."""
    commands = [read_command(line) for line in render_annotations(sheets).splitlines()]
    assert all(command and command.name in ("error", "warning", "notice") for command in commands)
    return [command for command in commands if command]


@attacked
def test_text_is_harmless(attack: str) -> None:
    texts, calm = (
        [
            render_plan(make_spoilt_plan(some), as_format="text"),
            render_report(make_spoilt_report(some), as_format="text"),
            render_drift(make_spoilt_drift(some), as_format="text"),
        ]
        for some in (attack, CALM)
    )
    assert not list_controls("".join(texts))
    assert not list_commands("".join(texts))
    assert [text.count("\n") for text in texts] == [text.count("\n") for text in calm]


@attacked
def test_json_is_harmless(attack: str) -> None:
    plan, report, drift = make_spoilt_plan(attack), make_spoilt_report(attack), make_spoilt_drift(attack)
    texts = [
        render_plan(plan, as_format="json"),
        render_report(report, as_format="json"),
        render_drift(drift, as_format="json"),
    ]
    assert all(text.isascii() and not list_controls(text) and not list_commands(text) for text in texts)
    assert json.loads(texts[0])["manifest"] == attack
    assert shape(json.loads(texts[0])) == shape(json.loads(render_plan(make_spoilt_plan(CALM), as_format="json")))


@attacked
def test_markdown_is_harmless(attack: str) -> None:
    text, calm = (render_markdown(make_spoilt_sheets(some), budget_bytes=10**7) for some in (attack, CALM))
    assert list_markup(text) == list_markup(calm)
    assert list_tokens(text) == list_tokens(calm)
    assert not list_readings(text)
    assert not list_controls(text)
    assert not list_commands(text)


@attacked
def test_markdown_shows_a_name_as_it_is(attack: str) -> None:
    sheet = spoil_sheet(VALIDATE, attack)
    name = sanitize(attack, width=256).replace("\\|", "\\x5c|").replace("`", "\\x60")
    assert name in list_code(render_markdown([sheet], budget_bytes=10**7))


@attacked
def test_annotations_are_harmless(attack: str) -> None:
    commands, calm = annotate(make_spoilt_sheets(attack)), annotate(make_spoilt_sheets(CALM))
    shown = [(command.name, *command.properties, command.properties.get("line")) for command in commands]
    assert shown == [(command.name, *command.properties, command.properties.get("line")) for command in calm]
    for command in commands:
        assert command.properties.get("file") in (None, sanitize(attack))
        assert not list_controls("".join((*command.properties.values(), command.data)))
        assert not list_commands(command.data)


@attacked
def test_step_summaries_are_harmless(attack: str) -> None:
    text = render_step_summary(make_spoilt_sheets(attack), digest=attack)
    assert list_markup(text) == list_markup(render_step_summary(make_spoilt_sheets(CALM), digest="no digest"))


@attacked
def test_outputs_are_harmless(attack: str) -> None:
    sheets = make_spoilt_sheets(attack)
    outputs = read_outputs(render_outputs(sheets, exit_status=2, digest=DIGEST, plan_path=attack, delimiter=DELIMITER))
    assert list(outputs) == ["exitcode", "has_changes", "add", "change", "destroy", "digest", "plan_path"]
    assert (outputs["has_changes"], outputs["digest"], outputs["plan_path"]) == ("true", DIGEST, attack)


@attacked
def test_gitlab_s_report_is_harmless(attack: str) -> None:
    assert render_gitlab(make_spoilt_sheets(attack)) == render_gitlab(make_spoilt_sheets(CALM))


@attacked
def test_junit_is_harmless(attack: str) -> None:
    text, calm = (render_junit(make_spoilt_sheets(some)) for some in (attack, CALM))
    root = ET.fromstring(text.encode())  # noqa: S314 - nobody else wrote it
    assert draw(root) == draw(ET.fromstring(calm))  # noqa: S314 - the same
    assert not list_controls(text)
    assert not list_commands(text)
    assert not list_commands("\n".join(root.itertext()))


@attacked
def test_sarif_is_harmless(attack: str) -> None:
    text, calm = (render_sarif(make_spoilt_sheets(some), version="1.0") for some in (attack, CALM))
    assert text.isascii()
    assert not list_commands(text)
    assert shape(json.loads(_drop_bases(text))) == shape(json.loads(_drop_bases(calm)))
    for result in json.loads(text)["runs"][0]["results"]:
        assert not list_controls(result["message"]["text"])
        assert not re.search(r"\]\(|\{\d+\}|(?<!\w)@\w", result["message"]["text"])


@attacked
def test_a_path_in_sarif_leads_to_no_other_host(attack: str) -> None:
    for result in json.loads(render_sarif([spoil_sheet(VALIDATE, attack)], version="1.0"))["runs"][0]["results"]:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert urlsplit(uri)[:2] == ("", "")
        assert urlsplit(uri)[3:] == ("", "")
        assert unquote(uri, errors="surrogatepass").lstrip("/") == attack.lstrip("/")


@pytest.mark.parametrize("attack", MARKDOWN.values(), ids=MARKDOWN)
def test_the_judges_of_markdown_condemn_it_as_it_is(attack: str) -> None:
    def show(text: str) -> str:
        return f"| a | b |\n|---|---|\n| {text} | `b` |\n\n{text} `code`\n"

    def judge(text: str) -> tuple[object, ...]:
        return list_markup(text), list_tokens(text), list_readings(text), list_code(text)

    assert judge(show(attack)) != judge(show(CALM))


@pytest.mark.parametrize("name", [name for name in PIPELINE if "command" in name or "sets" in name or "masks" in name])
def test_the_judges_of_logs_condemn_it_as_it_is(name: str) -> None:
    assert list_commands(PIPELINE[name])


@pytest.mark.parametrize("attack", TERMINAL.values(), ids=TERMINAL)
def test_the_judge_of_terminals_condemns_it_as_it_is(attack: str) -> None:
    assert list_controls(attack) or "\ufffe" in attack


def test_the_judge_of_commands_reads_them_as_the_runner_does() -> None:
    line = "  ::Error file=a%2Cb,line=3,empty=,col::x%0A%2525"
    assert read_command(line) == Command(name="Error", properties={"file": "a,b", "line": "3"}, data="x\n%25")
    assert read_command("say ::error::x") is None
    assert read_command("::unknown::x") is None
    assert read_command("::error") is None


def test_the_judge_of_outputs_reads_them_as_the_runner_does() -> None:
    assert read_outputs("a=1\n\nb<<E\nx\ny=2\nE\nc=<<E\n") == {"a": "1", "b": "x\ny=2", "c": "<<E"}


@attacked
def test_an_event_stays_one_line_of_ascii(attack: str) -> None:
    events = [
        *describe_plan(make_spoilt_plan(attack)),
        describe_start(spoil(CREATE, attack)),
        describe_step(spoil(CREATE, attack), attack, 0.1),
        *describe_end(make_spoilt_report(attack)),
    ]
    lines = [json.dumps(event) for event in events]
    assert [line for line in lines if "\n" in line or not line.isascii()] == []
    assert {event["type"] for event in events} <= {"planned_change", "change_summary", "diagnostic", "final"} | APPLYING


@attacked
def test_a_notice_is_plain_and_mentions_nobody(attack: str) -> None:
    trouble = FailedManifest(manifest=attack, error=KeyplanError(attack, advice=attack))
    notice = build_notice([make_spoilt_drift(attack)], [trouble], command="drift", version="1", at=NOW)
    assert (list_controls(f"{notice.title}{notice.text}"), re.findall(r"@\w", f"{notice.title}{notice.text}")) == (
        set(),
        [],
    )
    slack = json.dumps(notice.slack)
    assert (slack.isascii(), re.findall("[<>]", slack)) == (True, [])


@attacked
def test_a_notice_about_a_reported_key_is_plain_and_has_no_mention(attack: str) -> None:
    spoilt = make_reported(address=attack, urls=(attack, attack))
    leaked = LeakedKeys(manifest=attack, owner=attack, keys=(spoilt,))
    notice = build_leak_notice(leaked, command="watch", version="1", at=NOW)
    text = f"{notice.title}{notice.text}"
    assert (list_controls(text), re.findall(r"@\w", text)) == (set(), [])
    slack = json.dumps(notice.slack)
    assert (slack.isascii(), re.findall("[<>]", slack)) == (True, [])


@attacked
def test_the_log_of_a_reported_key_stays_one_harmless_line(attack: str) -> None:
    spoilt = make_reported(address=attack, urls=(attack,))
    message, advice = describe_reported_leak(spoilt), advise_on_leak(spoilt, attack)
    event = WatchEvent(news=WatchNews.KEY_LEAKED, message=message, manifest=attack, advice=advice, leak=spoilt)
    line = json.dumps(describe_watch(event))
    assert ("\n" in line, line.isascii(), list_controls(f"{message}{advice}")) == (False, True, set())


@attacked
def test_a_label_of_a_metric_stays_one_label(attack: str) -> None:
    labels = (("address", attack), ("manifest", attack), ("owner", attack))
    (family,) = text_string_to_metric_families(render_metrics([Sample(name=ORPHANS, labels=labels, value=1)]))
    (sample,) = family.samples
    assert (sample.name, set(sample.labels), list_controls("".join(sample.labels.values()))) == (
        ORPHANS,
        {"address", "manifest", "owner"},
        set(),
    )
