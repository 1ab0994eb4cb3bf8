"""A raw key exists in memory and in the sink, nowhere else: a canary is looked for wherever text can come out."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest
from e2e.terminal import Terminal

from keyplan.model.secret import RawKey
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

CANARY = "ak-canary" + "7" * 44


def _fail_with(raw: RawKey) -> None:
    raise ValueError(raw)


def _in_traceback(raw: RawKey) -> str:
    try:
        _fail_with(raw)
    except ValueError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def _in_log(raw: RawKey) -> str:
    return logging.LogRecord("keyplan", logging.DEBUG, __file__, 1, "key %s %r", (raw, raw), None).getMessage()


WAYS: dict[str, Callable[[RawKey], object]] = {
    "repr": repr,
    "str": str,
    "format": lambda raw: f"{raw} {raw!r} {raw:>99}",
    "percent": lambda raw: "%s %r" % (raw, raw),  # noqa: UP031 - loggers format so
    "in a container": lambda raw: str([raw, {"key": raw}]),
    "traceback with locals": _in_traceback,
    "log": _in_log,
    "pickle": pickle.dumps,
    "copy": lambda raw: copy.copy(raw).reveal(),
    "json": lambda raw: json.dumps(raw, default=str),
}


def find_leaks(raw: RawKey) -> list[str]:
    """Return the ways by which a raw key can be got out without `reveal`."""
    leaks = []
    for name, way in WAYS.items():
        try:
            shown = way(raw)
        except TypeError:
            continue
        if CANARY in (shown.decode(errors="replace") if isinstance(shown, bytes) else str(shown)):
            leaks.append(name)
    return leaks


def test_a_raw_key_comes_out_by_reveal_alone() -> None:
    assert find_leaks(RawKey(CANARY)) == []


class _Printed(RawKey):
    __slots__ = ()

    def __repr__(self) -> str:
        return self.reveal()


class _Converted(RawKey):
    __slots__ = ()

    def __str__(self) -> str:
        return self.reveal()


class _Formatted(RawKey):
    __slots__ = ()

    def __format__(self, format_spec: str) -> str:
        return format(self.reveal(), format_spec)


class _Pickled(RawKey):
    __slots__ = ()

    def __reduce__(self) -> tuple[type[RawKey], tuple[str]]:  # type: ignore[override]  # a mask removed on purpose
        return RawKey, (self.reveal(),)


@pytest.mark.parametrize("unmasked", [_Printed, _Converted, _Formatted, _Pickled])
def test_the_search_turns_red_when_one_mask_is_removed(unmasked: type[RawKey]) -> None:
    assert find_leaks(unmasked(CANARY)) != []


@pytest.mark.enable_socket
def test_no_raw_key_leaves_a_whole_run_but_into_its_sink(tmp_path: object) -> None:
    with running(SandboxOptions(api="beta")) as sandbox:
        terminal = Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api="beta")  # type: ignore[arg-type]
        terminal.write()
        runs = [
            terminal.run("plan", "--out", "plan.json", KEYPLAN_DEBUG="1"),
            terminal.run("apply", "plan.json", "--format", "json", KEYPLAN_DEBUG="1"),
            terminal.run("rotate", "user/ci", "--auto-approve", KEYPLAN_DEBUG="1"),
            terminal.run("doctor", KEYPLAN_DEBUG="1"),
            terminal.run("drift", "--verbose", KEYPLAN_DEBUG="1"),
            terminal.run("ledger", "history"),
            terminal.run("list", "--format", "csv"),
        ]
    secrets = [terminal.delivered("ci"), terminal.delivered("ingest"), sandbox.credential]
    said = "".join(run.stdout + run.stderr for run in runs)
    kept = [path for path in terminal.folder.rglob("*") if path.is_file() and path.suffix != ".key"]
    written = b"".join(path.read_bytes() for path in kept)
    assert [run.returncode for run in runs] == [0] * len(runs)
    assert {path.name for path in kept} >= {"plan.json", "ledger.db", ".ci.key.keyplan.json"}
    assert not [secret for secret in secrets if secret in said or secret.encode() in written]
