"""`keyplan audit`, and what the audit log adds to `keyplan drift`."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from audited import DENIED, ENTRY, AuditedProvider
from cli.shell import Shell
from jsonschema import Draft202012Validator
from simulator import SimulatedProvider
from syrupy.assertion import SnapshotAssertion
from two_providers import ARIZE, FIRST_URL, SECOND_URL, PairShell, make_applied

import keyplan
from keyplan.documents import schemas
from keyplan.errors import ProviderError
from keyplan.model.audit import AuditEntry, AuditLog, AuditQuery
from keyplan.model.identity import KeyId, UserId


@pytest.fixture
def audited(shell: Shell) -> AuditedProvider:
    """Return the provider of a shell in which the usual manifest is applied."""
    provider = AuditedProvider(shell.world)
    shell.world.provider = provider
    shell.write()
    assert shell("apply", "--auto-approve").status == 0
    return provider


def revoke(shell: Shell, provider: AuditedProvider, name: str = "ci") -> KeyId:
    """End a key as a person does, an hour after the apply, and log it; return its id."""
    (key_id,) = (record.id for record in provider.live() if record.name == name)
    shell.world.clock.advance(timedelta(hours=1))
    provider.person_deletes(key_id)
    provider.log.insert(0, replace(ENTRY, at=shell.world.clock.now(), key_ids=(key_id,)))
    shell.world.clock.advance(timedelta(hours=1))
    return key_id


def test_who_did_what_to_which_key_reads_like_this(
    shell: Shell, audited: AuditedProvider, snapshot: SnapshotAssertion
) -> None:
    revoke(shell, audited)
    done = shell("audit")
    assert (done.status, done.err) == (0, "")
    assert done.out == snapshot


@pytest.mark.parametrize("as_format", ["json", "csv", "markdown"])
def test_every_format_has_the_entry(shell: Shell, audited: AuditedProvider, as_format: str) -> None:
    key_id = revoke(shell, audited)
    done = shell("audit", "user/ci", "--format", as_format)
    assert done.status == 0
    assert [word in done.out for word in (key_id, "user/ci", "user-7", "192.0.2.7", "revokeApiKey")] == [True] * 5


def test_the_log_is_asked_about_the_named_keys_and_as_far_back_as_is_said(
    shell: Shell, audited: AuditedProvider
) -> None:
    key_id = revoke(shell, audited)
    assert shell("audit", "user/ci", "key-99", "--since", "7d").status == 0
    (query,) = audited.queries
    assert query.key_ids == {key_id, "key-99"}
    assert query.until - query.since == timedelta(days=7)


def test_without_a_sink_the_log_is_read_all_the_same(shell: Shell, audited: AuditedProvider) -> None:
    revoke(shell, audited)
    shell.world.sinks.clear()
    assert shell("audit").status == 0


def test_a_log_that_may_not_be_read_is_exit_status_5_with_the_reason(shell: Shell, audited: AuditedProvider) -> None:
    audited.refusal = DENIED
    done = shell("audit")
    assert (done.status, done.out) == (5, "")
    assert "403 Forbidden" in done.err
    assert "administrators" in done.err


def test_a_provider_without_a_log_is_exit_status_5(shell: Shell) -> None:
    shell.write()
    done = shell("audit")
    assert done.status == 5
    assert "has no audit log" in done.err


def test_an_address_without_a_key_is_exit_status_3(shell: Shell, audited: AuditedProvider) -> None:
    assert shell("audit", "user/nobody").status == 3


def test_a_window_beyond_the_calendar_is_the_whole_of_it(shell: Shell, audited: AuditedProvider) -> None:
    assert shell("audit", "--since", "999999w").status == 0


# Drift.


def test_an_alarm_says_who_when_and_from_where(
    shell: Shell, audited: AuditedProvider, snapshot: SnapshotAssertion
) -> None:
    revoke(shell, audited)
    done = shell("drift")
    assert (done.status, done.err) == (2, "")
    assert done.out == snapshot


@pytest.mark.parametrize("as_format", ["markdown", "github", "junit", "sarif"])
def test_every_format_of_a_drift_says_it(shell: Shell, audited: AuditedProvider, as_format: str) -> None:
    revoke(shell, audited)
    done = shell("drift", "--format", as_format)
    assert done.status == 2
    assert "192.0.2.7" in done.out


def test_the_document_of_a_drift_says_it(shell: Shell, audited: AuditedProvider) -> None:
    revoke(shell, audited)
    document = json.loads(shell("drift", "--format", "json").out)
    (finding,) = [one for one in document["findings"] if one["cause"] == "gone"]
    assert [one["user_id"] for one in finding["audit"]] == ["user-7"]
    assert document["audit_log"] == {"read": True, "reason": None}


def test_a_log_that_may_not_be_read_changes_nothing_but_what_verbose_says(
    shell: Shell, audited: AuditedProvider
) -> None:
    revoke(shell, audited)
    without = shell("drift", "--no-audit")
    assert audited.queries == []
    audited.refusal = DENIED
    assert shell("drift") == without
    told = shell("drift", "--verbose")
    assert told.out == without.out
    assert "audit log: read the audit log: 403 Forbidden; the audit log is for administrators" in told.err
    document = json.loads(shell("drift", "--format", "json").out)
    assert document["audit_log"]["read"] is False
    assert document["audit_log"]["reason"].startswith("read the audit log: 403 Forbidden")


def test_one_look_is_enough_and_none_is_taken_without_an_alarm(shell: Shell, audited: AuditedProvider) -> None:
    assert shell("drift").status == 0
    assert audited.queries == []
    revoke(shell, audited, "ci")
    revoke(shell, audited, "ingest")
    assert shell("drift", "--only", "pending").status == 0
    assert audited.queries == []
    assert shell("drift").status == 2
    assert [len(query.key_ids) for query in audited.queries] == [2]


def test_what_no_one_has_reviewed_shows_nothing_of_the_log(shell: Shell, audited: AuditedProvider) -> None:
    revoke(shell, audited)
    shell("drift", "--untrusted")
    assert audited.queries == []


def test_the_environment_can_switch_it_off(shell: Shell, audited: AuditedProvider) -> None:
    revoke(shell, audited)
    shell.environment["KEYPLAN_NO_AUDIT"] = "1"
    assert shell("drift").status == 2
    assert audited.queries == []


def test_from_python_the_log_is_asked_unless_it_is_switched_off(shell: Shell, audited: AuditedProvider) -> None:
    key_id = revoke(shell, audited)
    session = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    assert keyplan.drift(shell.folder / "keys.yaml", audit=False, session=session).audit is None
    found = keyplan.drift(shell.folder / "keys.yaml", session=session)
    assert [one.audit[0].key_ids for one in found.alarms] == [(key_id,)]


def test_a_page_that_may_be_published_has_nothing_of_the_log(shell: Shell, audited: AuditedProvider) -> None:
    revoke(shell, audited)
    assert shell("report", "--out", "page.html").status in (0, 2)
    assert (shell.folder / "page.html").is_file()
    assert audited.queries == []


def give_log(
    provider: SimulatedProvider, *entries: AuditEntry, refusal: ProviderError | None = None
) -> list[AuditQuery]:
    """Give a provider a log with these entries; return what it will be asked."""
    queries: list[AuditQuery] = []

    def read_audit(query: AuditQuery) -> AuditLog:
        queries.append(query)
        if refusal:
            raise refusal
        named = [replace(one, key_ids=tuple(sorted(query.key_ids & set(one.key_ids)))) for one in entries]
        return AuditLog(entries=tuple(one for one in named if one.key_ids), read=len(named))

    provider.read_audit = read_audit  # type: ignore[attr-defined]  # what makes it `Auditable`
    return queries


def log_both(shell: PairShell) -> tuple[list[AuditQuery], list[AuditQuery]]:
    """Give both providers a log with an entry about their key."""
    now = shell.world.clock.now()
    (first,), (second,) = shell.first.live(), shell.second.live()
    older = replace(ENTRY, at=now - timedelta(minutes=30), key_ids=(first.id,))
    newer = replace(ENTRY, at=now - timedelta(minutes=10), key_ids=(second.id,), user_id=UserId("user-8"))
    return give_log(shell.first, older), give_log(shell.second, newer)


def test_the_logs_of_several_providers_are_read_together_each_for_its_own_keys(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    queries = log_both(shell)
    done = shell("audit", "--format", "json")
    document = json.loads(done.out)
    assert list(Draft202012Validator(schemas.load("audit.v1")).iter_errors(document)) == []
    assert [(one["provider"], one["user_id"], one["keys"][0]["key_id"]) for one in document["entries"]] == [
        ("zen", "user-8", "zen:key-0501"),
        ("main", "user-7", "key-0001"),
    ]
    assert [one["name"] for one in document["providers"]] == ["main", "zen"]
    assert [query.key_ids for (query,) in queries] == [{"key-0001"}, {"key-0501"}]
    text = shell("audit").out
    assert f"Audit log of main ({FIRST_URL}), zen ({SECOND_URL})" in text
    assert ", provider zen, user user-8" in text
    assert shell("audit", "--format", "csv").out.splitlines()[0].endswith(",provider")
    assert "| `zen` |" in shell("audit", "--format", "markdown").out


@pytest.mark.parametrize("subject", ["zen:user/ci", "zen:key-0501", "zen:key-99"])
def test_the_provider_that_a_subject_names_is_asked_alone(tmp_path: Path, subject: str) -> None:
    shell = make_applied(tmp_path, ARIZE)
    first, second = log_both(shell)
    assert shell("audit", subject).status == 0
    assert first == []
    assert [query.key_ids for query in second] == [{"key-99" if subject.endswith("99") else "key-0501"}]


def test_an_address_of_a_further_provider_that_is_unknown_is_no_id(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    log_both(shell)
    done = shell("audit", "zen:user/elsewhere")
    assert (done.status, "no key is known of 'zen:user/elsewhere'" in done.err) == (3, True)


def test_of_several_providers_those_with_a_log_are_asked_and_the_others_named(tmp_path: Path) -> None:
    shell = make_applied(tmp_path)
    (key,) = shell.first.live()
    give_log(shell.first, replace(ENTRY, at=shell.world.clock.now(), key_ids=(key.id,)))
    done = shell("audit")
    assert (done.status, "zen:key-0501" in done.out) == (0, False)
    assert "Provider zen has no audit log for keyplan: its keys were not looked for." in done.out
    alone = shell("audit", "zen:service/staging/nightly")
    assert (alone.status, "provider 'zen'" in alone.err, "no audit log" in alone.err) == (5, True, True)


def test_a_log_of_one_provider_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    log_both(shell)
    give_log(shell.second, refusal=DENIED)
    done = shell("audit")
    assert (done.status, f"provider 'zen' ({SECOND_URL}): read the audit log: 403 Forbidden" in done.err) == (5, True)
    assert shell("audit", "user/ci").status == 0


def test_a_drift_asks_the_log_of_the_provider_of_the_key(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    first, second = log_both(shell)
    (key,) = shell.second.live()
    shell.second.person_deletes(key.id)
    done = shell("drift", "--format", "json")
    (found,) = [one for one in json.loads(done.out)["findings"] if one.get("audit")]
    assert (found["address"], found["audit"][0]["user_id"]) == ("zen:user/ci", "user-8")
    assert (len(first), [query.key_ids for query in second]) == (0, [{key.id}])
