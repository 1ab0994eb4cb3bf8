"""Every answer that an adapter reads, in every shape but its own: one line, the right exit status, and never a bug."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from security.hostile_answers import BODIES, CANARY, Forwarder, Twist, change_fields, replace_body, replace_status
from security.hostile_subjects import SUBJECTS, Subject, between, require_packages

from keyplan.errors import KeyplanError

pytestmark = [
    pytest.mark.enable_socket,
    # Clients of SDKs live as long as the process, and so do their connections.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]
_LONG = bool(os.environ.get("KEYPLAN_SOAK"))
_SECONDS = 4.0
"""For each subject of the short form, of which there are a dozen."""


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Let go of what SDKs leave open while its warnings are ignored: later, another test would get them."""
    yield
    gc.collect()


@pytest.fixture(params=sorted(SUBJECTS))
def subject(request: pytest.FixtureRequest) -> Subject:
    """Return each adapter in turn that this environment has."""
    found = SUBJECTS[request.param]
    require_packages(found)
    return found


def list_twists(honest: Forwarder) -> Iterator[tuple[int, str, Twist]]:
    """Yield every request of a journey with every answer to it, in an order that soon has something of everything."""
    replies = list(honest.replies)
    whole = [(f"{title} for a body", replace_body(body)) for title, body in BODIES.items()]
    whole += [(f"status {status}", replace_status(status)) for status in (204, 206, 302, 304, 400, 404, 418, 500, 503)]
    by_request = [[*whole, *change_fields(reply)] for reply in replies]
    steps = max(map(len, by_request))
    for turn in range(steps):
        for number, twists in enumerate(by_request):
            # Another one for each request, so that few turns have all of them.
            index = (turn + 7 * number) % steps
            if index < len(twists):
                yield number, *twists[index]


def check(subject: Subject, url: str, folder: Path, told: str) -> None:
    """Run a journey; whatever it meets, it ends as the table of exit statuses says, in one line that quotes nothing."""
    met = find_error(subject, url, folder)
    if met is None:
        return
    assert isinstance(met, KeyplanError), f"{told}: a bug of keyplan: {type(met).__name__}: {met}"
    assert met.exit_status in subject.statuses, f"{told}: {met.exit_status}: {met}"
    assert "\n" not in met.message, told
    assert CANARY not in f"{met.message} {met.advice}", told


def find_error(subject: Subject, url: str, folder: Path) -> Exception | None:
    """Return what a journey ends with; None if with nothing."""
    try:
        subject.journey(url, folder)
    except Exception as error:  # noqa: BLE001 - whatever it is, it would be called a bug of keyplan
        return error
    return None


def test_an_honest_server_is_understood(subject: Subject, tmp_path: Path) -> None:
    with between(subject, tmp_path) as (honest, url):
        subject.journey(url, tmp_path)
        assert honest.replies


def test_no_answer_of_another_shape_is_a_bug_of_ours(subject: Subject, tmp_path: Path) -> None:
    with between(subject, tmp_path) as (honest, url):
        subject.journey(url, tmp_path)
        deadline = time.monotonic() + (3600 if _LONG else _SECONDS)
        for number, title, twist in list_twists(honest):
            honest.reset(number, twist)
            check(subject, url, tmp_path, f"request {number}: {title}")
            if time.monotonic() > deadline:
                break
