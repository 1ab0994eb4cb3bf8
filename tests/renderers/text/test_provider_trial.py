"""What `keyplan provider check` shows."""

from __future__ import annotations

from keyplan.model.provider_trial import ProviderTrial, TrialOutcome, TrialRow
from keyplan.renderers.style import Palette
from keyplan.renderers.text.provider_trial import render_provider_trial

ROWS = (
    TrialRow(subject="keys can be listed", outcome=TrialOutcome.PASSED),
    TrialRow(subject="a key can be created", outcome=TrialOutcome.FAILED, detail="403 \x1b[31mForbidden"),
    TrialRow(subject="a refresh", outcome=TrialOutcome.NOT_APPLICABLE, detail="there is no refresh"),
)


def make_trial(*rows: TrialRow) -> ProviderTrial:
    return ProviderTrial(dialect="Acme", base_url="https://acme.test", rows=rows)


def test_each_trial_is_a_line_with_its_reason() -> None:
    lines = render_provider_trial(make_trial(*ROWS), Palette()).splitlines()
    assert lines[0] == "Trials of Acme at https://acme.test"
    assert lines[2] == "  pass  keys can be listed"
    assert lines[3].startswith("  fail  a key can be created  403")
    assert lines[4] == "  -     a refresh             there is no refresh"
    assert lines[-1] == "1 pass, 1 fail, 1 not applicable."


def test_no_text_of_a_server_reaches_the_terminal_as_it_came() -> None:
    assert "\x1b" not in render_provider_trial(make_trial(*ROWS), Palette())


def test_the_exit_status_is_that_of_a_provider_if_a_trial_failed() -> None:
    assert make_trial(*ROWS).exit_status == 5
    assert make_trial(ROWS[0], ROWS[2]).exit_status == 0
