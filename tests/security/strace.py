"""Watches which files, programs and addresses a command touches, through strace(1)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

import keyplan

PROGRAM = Path(sys.executable).parent / "keyplan"
STRACE = shutil.which("strace")

_CALL = re.compile(r"^[0-9]+ +(?:<\.\.\. )?(?P<name>[a-z0-9_]+)[( ](?P<rest>.*)$")
_TEXT = re.compile(r'(?:(?P<at>[0-9]+|AT_FDCWD)<(?P<folder>[^>]*)>, )?"(?P<text>(?:[^"\\]|\\.)*)"')
_ADDRESS = re.compile(r'sin6?_port=htons\((?P<port>[0-9]+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )"(?P<host>[^"]+)"')
_SOCKET = re.compile(r'sun_path=@?"(?P<path>[^"]*)"')
_PROCESS = re.compile(r"^/proc/(?:self|[0-9]+)(?=/|$)")
_TRACED = "trace=%file,%network,%process"
_NETWORK = re.compile(r"accept|bind|connect|get|listen|recv|send|setsock|shutdown|socket")
_PROGRAMS = frozenset({"execve", "execveat"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One run of a command."""

    status: int
    out: str
    err: str
    files: frozenset[str]
    """Paths that were opened, read, made or only looked at, whether they exist or not; without those of code."""
    programs: frozenset[str]
    addresses: frozenset[str]
    """``HOST:PORT``, or the path of a socket."""

    def beyond(self, other: Trace) -> Mapping[str, list[str]]:
        """Return what was touched here and not there, by kind; nothing if there is none."""
        kinds = {
            name: sorted(getattr(self, name) - getattr(other, name)) for name in ("files", "programs", "addresses")
        }
        return {name: found for name, found in kinds.items() if found}


def trace(arguments: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> Trace:
    """Run keyplan in a folder and return what it and its children touched; `log` is overwritten."""
    assert STRACE
    # Only traced calls stop the process (--seccomp-bpf), which takes a third of the time.
    argv = [
        STRACE,
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-s",
        "4096",
        "-e",
        "signal=none",
        "-e",
        _TRACED,
        "-o",
        str(log),
    ]
    done = subprocess.run(
        [*argv, "-o", str(log), str(PROGRAM), *arguments],
        cwd=folder,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    calls = list(_read(log.read_text(errors="replace").splitlines()))
    code = _find_code()
    around = {str(folder) for root in code for folder in Path(root).parents}
    paths = {_clean(path, folder) for name, rest in calls if not _NETWORK.match(name) for path in _list_paths(rest)}
    return Trace(
        status=done.returncode,
        out=done.stdout,
        err=done.stderr,
        files=frozenset(path for path in paths if not f"{path}/".startswith(code) and path not in around),
        programs=frozenset(found for name, rest in calls if name in _PROGRAMS for found in _list_paths(rest, most=1)),
        addresses=frozenset(found for name, rest in calls if _NETWORK.match(name) for found in _list_addresses(rest)),
    )


def _read(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and arguments of each call; one that another process interrupts is read where it begins."""
    for line in lines:
        if (found := _CALL.match(line)) and "resumed>" not in line:
            yield found["name"], found["rest"]


def _list_paths(rest: str, most: int = 9) -> Iterator[str]:
    # What follows are arguments of programs and results, which are no paths.
    arguments = rest.partition(", [")[0]
    for number, found in enumerate(_TEXT.finditer(arguments)):
        folder = found["folder"] or ""
        # A pipe or a socket, of which only the descriptor is named.
        if number < most and (found["text"] or folder.startswith("/")):
            yield os.path.join(folder, found["text"])  # noqa: PTH118 - both may be anything


def _list_addresses(rest: str) -> Iterator[str]:
    yield from (f"{found['host']}:{found['port']}" for found in _ADDRESS.finditer(rest))
    yield from (found["path"] for found in _SOCKET.finditer(rest))


def _clean(path: str, folder: Path) -> str:
    """Return an absolute path that two runs have in common."""
    absolute = os.path.normpath(os.path.join(folder, path))  # noqa: PTH118 - a link must stay one
    return _PROCESS.sub("/proc/self", absolute)


def _find_code() -> tuple[str, ...]:
    """Return where interpreter, libraries and installed packages are: what is read there, no manifest chose."""
    packages = {Path(module.__file__ or "").parents[1] for module in (httpx, keyplan)}
    roots = {sys.prefix, sys.base_prefix, *map(str, packages), *sysconfig.get_paths().values()}
    return (*(f"{one}/" for one in sorted(roots)), "/usr/lib/", "/lib/", "/etc/ld.so")
