"""A thousand creations against a provider that allows twenty requests a second."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from e2e.terminal import Terminal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket, pytest.mark.soak]

KEYS = 1000
REQUESTS_A_SECOND = 20
MOST_REFUSED = 0.05
MANIFEST = "keys:\n" + "".join(f"  - {{name: k{number:04}, key_type: user}}\n" for number in range(KEYS))


@pytest.mark.parametrize(
    ("api", "names_the_wait"),
    [pytest.param("alpha", True, id="alpha, Retry-After"), pytest.param("beta", False, id="beta, no Retry-After")],
)
def test_a_thousand_creations_end_well_under_a_rate_limit(tmp_path: Path, api: str, *, names_the_wait: bool) -> None:
    options = SandboxOptions(
        api="alpha" if api == "alpha" else "beta", rate_limit=REQUESTS_A_SECOND, retry_after=names_the_wait
    )
    with running(options) as sandbox:
        terminal = Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api=api)
        terminal.write(MANIFEST)
        process = terminal.start("apply", "--auto-approve")
        out, err = process.communicate()
        statuses = Counter(one["status"] for one in terminal.control("GET", "requests")["requests"])
        delivered = sum(terminal.is_valid(terminal.delivered(f"k{number:04}")) for number in range(KEYS))
        names = terminal.live_names()
    share = statuses[429] / statuses.total()
    told = f"{delivered} keys delivered by {statuses.total()} requests, {statuses[429]} of them 429 ({share:.2%})"
    print(f"\n{api}: {told}")  # noqa: T201 - the figures are what the proof is for
    assert (process.returncode, delivered, len(names)) == (0, KEYS, KEYS), (out + err)[-2000:]
    assert share <= MOST_REFUSED
