"""A plan of 10,000 keys with nothing to do, beside the official SDK and beside the least that Python can do."""

from __future__ import annotations

from benchmarks.measuring import Command
from benchmarks.measuring import measure as run_in_turn
from benchmarks.rows import Row, compare
from benchmarks.stage import PEERS, Server, Stage

KEYS = 10_000
SPACES = 10
SDK_AIM = 0.5
BARE_AIM = 1.4
_MOST_REQUESTS = 1.0


def measure(stage: Stage) -> list[Row]:
    """Return the rows of time, and of requests."""
    keys = stage.scale(KEYS)
    with stage.serving(keys, spaces=SPACES) as server:
        folder = stage.prepare(server, keys, spaces=SPACES)
        sdk = Command(argv=(str(stage.sdk), str(PEERS / "sdk_list.py"), server.address))
        commands = {
            "plan": stage.command("plan", folder=folder),
            "first": stage.command("plan", "--ledger", ".keyplan/first.db", folder=folder),
            "sdk": sdk,
            "bare": stage.peer("bare_list", server.url, str(folder / "keys.yaml")),
        }
        found = run_in_turn(commands, repeats=stage.repeats)
        subject = f"`keyplan plan`, {keys:,} keys, nothing to do"
        sdk_row = compare("plan/sdk", subject, found["plan"], "the SDK lists them", found["sdk"], aim=SDK_AIM)
        beside = "bare httpx loop and bare `yaml.load`"
        bare_row = compare("plan/bare", subject, found["plan"], beside, found["bare"], aim=BARE_AIM)
        rows = [sdk_row, bare_row]
        rows.append(
            compare("plan/first", f"{subject}, places not noted yet", found["first"], beside, found["bare"], aim=None)
        )
        return [*rows, _count_requests(server, commands["plan"], keys)]


def _count_requests(server: Server, command: Command, keys: int) -> Row:
    server.count()
    run_in_turn({"plan": command}, repeats=1, warm_up=False)
    counted = server.count()
    # User keys and service keys are half of all each; every service key is on a page of its space, too.
    pages = keys // 200 + keys // 200 + keys // 200
    allowed = pages + SPACES
    return Row(
        id="plan/requests",
        subject=f"requests of that plan: {sum(counted.values())}",
        beside=f"{pages} pages and {SPACES} spaces: {allowed}",
        value=sum(counted.values()) / allowed,
        aim=_MOST_REQUESTS,
        detail=", ".join(f"{number} {kind}" for kind, number in sorted(counted.items())),
    )
