"""Runs the four commands of the sops program that the sink needs.

Secrets go through stdin alone: never into argv or the environment, and to the disk only encrypted.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.secret import RawKey
from keyplan.system.programs import Ran, run

_LIMIT = timedelta(seconds=30)
_NO_KEY: Final = 128
"""sops, cmd/sops/codes: the data key could not be had from any master key."""
_PASSED: Final = frozenset(
    [
        *("PATH", "HOME", "USER", "LANG", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "SYSTEMROOT"),
        *("GNUPGHOME", "GPG_TTY", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"),
        *(
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "NO_PROXY",
            "https_proxy",
            "http_proxy",
            "no_proxy",
        ),
    ]
)
_PASSED_PREFIXES: Final = ("LC_", "SOPS_", "AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "VAULT_", "HUAWEICLOUD_")
"""What sops needs to find itself, its rules and the keys that it decrypts with: age, PGP, and the key services of AWS,
Google, Azure, Vault and Huawei (getsops/sops, README.rst).
"""
_KEY_ADVICE = "give the user who runs keyplan a key of the file: SOPS_AGE_KEY_FILE, or rights on its KMS key"

Edit = Callable[["Workpiece"], None]


class SopsProgram:
    """Runs sops, never for long. Safe for threads."""

    def __init__(self, program: str, *, environment: Mapping[str, str], limit: timedelta = _LIMIT) -> None:
        self._program = program
        self._environment = environment
        self._limit = limit

    def create(self, path: Path, kind: str) -> bytes:
        """Return a new file without entries, encrypted as the creation rules say for that path.

        Raises SinkDeniedError if no rule fits.
        """
        argv = ("encrypt", "--input-type", kind, "--output-type", kind, "--filename-override", str(path))
        # sops looks for its rules from there upwards; the folder itself may not have been made yet.
        folder = next(outer for outer in path.parents if outer.is_dir())
        ran = self.run(argv, given=b"{}", folder=str(folder))
        if ran.status:
            raise SinkDeniedError(
                f"{path.name}: sops can't make it: {ran.complaint}",
                advice="add a creation rule with recipients for this path to .sops.yaml, or make the file by hand",
            )
        return ran.out

    def decrypt(self, content: bytes, kind: str, name: str) -> Mapping[str, Any] | None:
        """Return the whole tree in the clear; None if no key of the file is at hand.

        Raises SinkUnavailableError if sops finds it damaged, or fails.
        """
        ran = self.run(("decrypt", "--input-type", kind, "--output-type", "json"), given=content)
        if ran.status == _NO_KEY:
            return None
        if ran.status:
            raise SinkUnavailableError(
                f"{name}: sops can't decrypt it: {ran.complaint}",
                advice="restore it from git; sops edit shows the details",
            )
        tree: Mapping[str, Any] = json.loads(ran.out)
        return tree

    def edit(self, content: bytes, kind: str, name: str, edit: Edit) -> bytes:
        """Return a file's content after an edit. Raises SinkDeniedError, SinkUnavailableError if sops refuses."""
        # sops writes in place and not atomically, so it edits a copy: a crash must not leave half a file.
        # The copy is encrypted at all times, so the temporary folder never holds a secret in the clear.
        with tempfile.TemporaryDirectory(prefix="keyplan-") as folder:
            copy = Path(folder, f"copy.{kind}")
            copy.write_bytes(content)
            edit(Workpiece(self, copy, name))
            return copy.read_bytes()

    def run(self, argv: Sequence[str], *, given: bytes = b"", folder: str = "/", hides: RawKey | None = None) -> Ran:
        """Run one command of sops."""
        return run(
            # Without this flag, sops asks GitHub for newer versions.
            (self._program, "--disable-version-check", *argv),
            given=given,
            folder=folder,
            environment=self._environment,
            limit=self._limit,
            hides=hides,
        )


class Workpiece:
    """A copy of a sops file while it is edited."""

    def __init__(self, program: SopsProgram, path: Path, name: str) -> None:
        self._program = program
        self._path = path
        self._name = name

    def content(self) -> bytes:
        """Return the content so far."""
        return self._path.read_bytes()

    def set(self, keys: Sequence[str], value: bytes) -> None:
        """Set an entry to a text; mappings on the way are made."""
        text = value.decode()
        self._run("set", "--value-stdin", keys, given=json.dumps(text).encode(), hides=RawKey(text))

    def unset(self, keys: Sequence[str]) -> None:
        """Remove an entry; nothing if there is none."""
        self._run("unset", "--idempotent", keys)

    def _run(
        self, verb: str, flag: str, keys: Sequence[str], *, given: bytes = b"", hides: RawKey | None = None
    ) -> None:
        index = "".join(f'["{key}"]' for key in keys)
        ran = self._program.run((verb, flag, str(self._path), index), given=given, hides=hides)
        if ran.status == _NO_KEY:
            raise explain_no_key(self._name)
        if ran.status:
            raise SinkUnavailableError(
                f"{self._name}: sops {verb} failed: {ran.complaint}", advice="keyplan needs sops 3.11 or newer"
            )


def explain_no_key(name: str) -> SinkDeniedError:
    """Return the refusal to change a file that can't be decrypted here."""
    return SinkDeniedError(f"{name}: sops has no key to change it", advice=_KEY_ADVICE)


def pass_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that sops gets: what it needs, and no other variable."""
    return {name: value for name, value in environment.items() if name in _PASSED or name.startswith(_PASSED_PREFIXES)}


def find_sops(environment: Mapping[str, str], beside: Path = Path(sys.executable)) -> str:
    """Return the sops program: that on the PATH, else the one installed beside Python. Raises InputError."""
    found = shutil.which("sops", path=environment.get("PATH", "")) or shutil.which("sops", path=str(beside.parent))
    if found is None:
        raise InputError(
            "'sops' needs the program sops, which is not on the PATH",
            advice="install sops 3.11 or newer, or: pip install 'keyplan[sops]'",
        )
    return found
