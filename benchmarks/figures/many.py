"""A million keys in 100 manifests of an account each: in one process, and in a process for each."""

from __future__ import annotations

from benchmarks.copies import copy_accounts
from benchmarks.measuring import Samples, run
from benchmarks.rows import Aim, Row, show
from benchmarks.stage import Stage

KEYS = 10_000
MANIFESTS = 100
TIME_AIM = 1.1
_QUICK_MANIFESTS = 5


def measure(stage: Stage) -> list[Row]:
    """Return the time of both, and the memory of each; one run of each, which takes minutes."""
    manifests = _QUICK_MANIFESTS if stage.is_quick else MANIFESTS
    keys = stage.scale(KEYS)
    with stage.serving(keys) as server:
        prepared = stage.prepare(server, keys)
        root = stage.folder / "many"
        folders = list(copy_accounts(prepared, root, url=server.url, number=manifests))
        apart = Samples(tuple(run(stage.command("plan", folder=folder)) for folder in folders))
        together = Samples((run(stage.command("plan", ".", folder=root)),))
    subject = f"`keyplan plan`, {manifests * keys:,} keys in {manifests} manifests"
    seconds = sum(sample.seconds for sample in apart.runs)
    time = Row(
        id="many/time",
        subject=f"{subject}, one process",
        beside="a process for each, one after the other",
        value=together.seconds / seconds,
        aim=TIME_AIM,
        detail=f"{together.seconds:.4g} s against {seconds:.4g} s, {show(apart)} each",
    )
    return [
        time,
        _show_memory("many/memory/apart", f"peak memory of {subject}, a process for each", apart),
        _show_memory("many/memory/together", f"peak memory of {subject}, one process", together),
    ]


def _show_memory(identity: str, subject: str, samples: Samples) -> Row:
    return Row(id=identity, subject=subject, beside="", value=samples.peak_mb, unit="MB", side=Aim.NONE)
