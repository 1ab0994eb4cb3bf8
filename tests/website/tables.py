"""The reference of statuses, words, metrics and events, from the tables of the code that keyplan itself reads."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping
from enum import Enum

from website.markdown import code, escape, table
from website.nav import ROOT

from keyplan.app.exit_codes import ExitStatus
from keyplan.errors import KeyplanError
from keyplan.model.plan import Guard
from keyplan.model.watch import WatchNews
from keyplan.renderers import words
from keyplan.renderers.machine.metrics import FAMILIES

STATUSES: Mapping[int, str] = {
    ExitStatus.DONE: "done; with `--detailed-exitcode`: no changes",
    ExitStatus.UNFORESEEN: "a bug or an unforeseen failure",
    ExitStatus.DIFFERENT: "differences exist and none is blocked (`plan --detailed-exitcode`, `drift`, `leak`)",
    3: "the input is wrong",
    ExitStatus.REFUSED: "refused or blocked",
    5: "the provider failed",
    6: "a sink failed",
    7: "the ledger failed",
    ExitStatus.USAGE: "wrong usage: an unknown command or option",
    ExitStatus.SIGNALLED + signal.SIGINT: "interrupted by SIGINT",
    ExitStatus.SIGNALLED + signal.SIGTERM: "interrupted by SIGTERM",
}
WORDS: Mapping[str, tuple[str, Mapping[Enum, str]]] = {
    "Reasons": ("Why an action is planned.", words.REASONS),
    "Causes": ("Why there is a finding of drift.", words.CAUSES),
    "Kinds of drift": ("On which side a finding is.", words.DRIFT_KINDS),
    "Rows of the planning table": ("What decided, as `keyplan explain` shows it.", words.ROWS),
    "Evidence": ("What shows whose a key is.", words.EVIDENCES),
    "Standings": ("What a key is to a manifest.", words.STANDINGS),
    "States of a place": ("What a place holds.", words.PLACE_STATES),
    "Happenings": ("What an event of a calendar is.", words.HAPPENINGS),
}


def write_exit_statuses() -> str:
    """Return the page of exit statuses: each with the errors that lead to it."""
    lines = [
        "# Exit statuses",
        "",
        "No status has two meanings. Of several manifests, a failure counts more than 4, and 4",
    ]
    lines += [
        "more than 2.",
        "",
        table(("status", "meaning"), ((str(int(one)), text) for one, text in STATUSES.items())),
        "",
    ]
    lines += ["## Errors", "", "Each error of keyplan has a status; programs in Python catch the class.", ""]
    errors = sorted(list_errors(), key=lambda error: (error.exit_status, error.__name__))
    rows = ((code(one.__name__), str(one.exit_status), escape(_summarize(one))) for one in errors)
    return "\n".join([*lines, table(("error", "status", "meaning"), rows), ""])


def list_errors() -> Iterator[type[KeyplanError]]:
    """Yield every class of errors of keyplan itself."""
    waiting = [KeyplanError]
    while waiting:
        error = waiting.pop()
        if error.__module__ == KeyplanError.__module__:
            yield error
        waiting += error.__subclasses__()


def write_words() -> str:
    """Return the page of verbs, guards, reasons and the other words of a plan, in the order of the code."""
    verbs = ((code(verb.value), code(words.SIGNS[verb][0]), text) for verb, text in words.PAST.items())
    why = _read_guards()
    guards = ((code(guard.value), why[guard.value]) for guard in Guard)
    lines = [
        "# Verbs, reasons and guards",
        "",
        "Programs read the value in JSON, users the words in every other format.",
    ]
    lines += ["What each means for you is in the [glossary](../glossary.md) and in [planning](../planning.md).", ""]
    lines += ["## Verbs", "", "What an action does.", "", table(("verb", "sign", "when done"), verbs), ""]
    lines += ["## Guards", "", "Why an action is blocked.", "", table(("guard", "words"), guards), ""]
    for title, (text, known) in WORDS.items():
        rows = ((code(word.value), escape(meaning)) for word, meaning in known.items())
        lines += [f"## {title}", "", text, "", table(("value", "words"), rows), ""]
    return "\n".join(lines)


def write_metrics() -> str:
    """Return the page of metrics, in the order in which keyplan writes them."""
    rows = (
        (code(name), "counter" if name.endswith("_total") else "gauge", escape(text)) for name, text in FAMILIES.items()
    )
    lines = [
        "# Metrics",
        "",
        "What stands in a metrics file, and under `/metrics` of a watch. Labels, and when each is absent:",
    ]
    return "\n".join([*lines, "[metrics](../metrics.md).", "", table(("metric", "type", "what it says"), rows), ""])


def write_watch_events() -> str:
    """Return the rows about events of a watch, for the end of the page of events."""
    rows = ((code(news.value),) for news in WatchNews)
    return "\n".join(["", "## Events of a watch", "", "Values of `watch.event`:", "", table(("event",), rows), ""])


def _read_guards() -> Mapping[str, str]:
    """Return the words for guards, which the glossary alone has; its test holds them against the code."""
    _, _, section = (ROOT / "docs" / "glossary.md").read_text().partition("\n## Guards\n")
    return dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))


def _summarize(error: type[KeyplanError]) -> str:
    return (error.__doc__ or "").strip().partition("\n")[0]
