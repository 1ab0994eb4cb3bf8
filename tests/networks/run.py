"""The network matrix: `python -m networks.run [--short]`, with tests/ on the path; `make networks` does that.

Every client of the built wheel, installed for each Python, in every network of `networks.cells`: through real proxies,
to real TLS servers, over IPv4 and IPv6. Leaves with 1 if anything came otherwise than docs/networks.md says.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from networks.cells import CLIENTS, SHORT, NetworkCell, Outcome, make_cells
from release.pythons import find_pythons

if TYPE_CHECKING:
    from networks.stage import Stage

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
ENVIRONMENTS = REPOSITORY / ".networks"
VERSIONS = ("3.11", "3.13")
EXTRAS = ("github-actions", "kubernetes", "socks", "testing", "vault")
MORE_EXTRAS = ("aws-secrets-manager", "aws-ssm", "azure-key-vault", "gcp-secret-manager", "gitlab-ci")
MITMPROXY = "mitmproxy>=11,<13"
NAMESPACES = ("unshare", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def main(arguments: Sequence[str]) -> int:
    """Return 0 if every cell came as it must, or if this machine lacks what the matrix needs."""
    is_short = "--short" in arguments
    pythons = dict(find_pythons(VERSIONS))
    for version in VERSIONS:
        if version not in pythons:
            say(f"Python {version} is not installed (neither python{version} nor one of pyenv): its half is left out")
    if not shutil.which("unshare") or subprocess.run([*NAMESPACES, "true"], check=False).returncode:
        say("this machine gives no namespaces (unshare): the network matrix is left out")
        return 0
    wheel = build_wheel()
    extras = EXTRAS if is_short else (*EXTRAS, *MORE_EXTRAS)
    made = [str(install(version, python, wheel, extras)) for version, python in pythons.items()]
    mitmdump = install_proxy(pythons)
    inside = [*NAMESPACES, sys.executable, "-m", "networks.run", "--inside", str(mitmdump), *made]
    return subprocess.run([*inside, *arguments], check=False).returncode


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def build_wheel() -> Path:
    """Return the wheel of this checkout."""
    out = ENVIRONMENTS / "dist"
    shutil.rmtree(out, ignore_errors=True)
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", f"--outdir={out}", str(REPOSITORY)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = out.glob("*.whl")
    return wheel


def install(version: str, python: str, wheel: Path, extras: Sequence[str]) -> Path:
    """Return the interpreter of an environment that has the wheel and nothing else of this checkout."""
    folder = ENVIRONMENTS / f"python{version}"
    inside = folder / "bin" / "python"
    if not inside.exists():
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    pip = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"{wheel}[{','.join(extras)}]"], check=True)
    # A wheel of the same version counts as installed, whatever is in it.
    subprocess.run([*pip, "--force-reinstall", "--no-deps", wheel], check=True)
    return inside


def install_proxy(pythons: Mapping[str, str]) -> Path:
    """Return mitmproxy's command, in an environment of its own."""
    folder = ENVIRONMENTS / "mitmproxy"
    command = folder / "bin" / "mitmdump"
    if not command.exists():
        newest = pythons[max(pythons)] if pythons else sys.executable
        subprocess.run([newest, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, MITMPROXY], check=True)
    return command


def prove(mitmdump: str, pythons: Sequence[str], *, is_short: bool) -> int:
    """Return 0 if every cell came as it must. Runs inside of the namespaces."""
    # Needs trustme, which a machine without namespaces need not have.
    from networks.stage import open_stage  # noqa: PLC0415 - as said

    wrong = 0
    cells = list(make_cells(SHORT if is_short else CLIENTS, is_short=is_short))
    with (
        tempfile.TemporaryDirectory(prefix="keyplan-networks-") as name,
        open_stage(Path(name), Path(mitmdump)) as stage,
    ):
        for python in pythons:
            began = monotonic()
            argv = [python, str(HERE / "clients.py")]
            with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=name) as process:
                problems = [problem for cell in cells for problem in _run(cell, stage, process)]
                assert process.stdin
                process.stdin.close()
            for problem in problems:
                say(f"  {problem}")
            seconds = monotonic() - began
            say(f"{Path(python).parents[1].name}: {len(cells)} cells in {seconds:.0f} s, {len(problems)} wrong")
            wrong += len(problems)
    return 1 if wrong else 0


def _run(cell: NetworkCell, stage: Stage, process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield what came otherwise than it must."""
    assert process.stdin
    assert process.stdout
    before, asked = stage.seen(), stage.describe(cell)
    process.stdin.write(f"{json.dumps(asked)}\n")
    process.stdin.flush()
    said = json.loads(process.stdout.readline())
    requests, connections = (now - then for now, then in zip(stage.seen(), before, strict=True))
    outcome, host = cell.expected(), asked["url"].removeprefix("https://")
    if (requests > 0) is not (outcome is Outcome.REACHED):
        yield f"{cell}: expected that {outcome.value}, the server got {requests} requests; said: {said}"
    if (connections > 0) is not cell.reaches_through:
        yield f"{cell}: the proxy made {connections} connections; said: {said}"
    if outcome is not Outcome.REACHED and not (outcome.value in said and host in said):
        yield f"{cell}: must say '{host}' and '{outcome.value}'; said: {said}"
    if outcome is Outcome.UNTRUSTED and "SSL_CERT_FILE, REQUESTS_CA_BUNDLE" not in said:
        yield f"{cell}: must name the variables; said: {said}"
    if stage.password in said or said.startswith("BUG"):
        yield f"{cell}: said: {said}"


if __name__ == "__main__":
    given = sys.argv[1:]
    if "--inside" in given:
        rest = [argument for argument in given if not argument.startswith("--")]
        sys.exit(prove(rest[0], rest[1:], is_short="--short" in given))
    sys.exit(main(given))
