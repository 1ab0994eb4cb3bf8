"""Sinks as a user sees them who may write one entry: the value at a place, and keyplan's note beside it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyrage
import yaml

Note = dict[str, Any]
IDENTITY = pyrage.x25519.Identity.generate()
STORE = Path(__file__).parents[1] / "sinks" / "command_store.py"


@dataclass
class Store(ABC):
    """One kind of sink in a manifest's folder."""

    folder: Path

    @property
    @abstractmethod
    def settings(self) -> str:
        """The sink in YAML."""

    @abstractmethod
    def location(self, name: str) -> str:
        """Return how messages name the place of a key."""

    @abstractmethod
    def value(self, name: str) -> str:
        """Return the raw key that a consumer reads."""

    @abstractmethod
    def note(self, name: str) -> Note:
        """Return the note: `owner`, `receipt` and `intent`, as far as there are any."""

    @abstractmethod
    def write_note(self, name: str, note: Note) -> None:
        """Write another note beside the value."""

    def prepare(self) -> None:
        """Make the folder, with what the sink needs in it."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def empty(self, name: str) -> None:
        """Remove value and note by hand."""
        raise NotImplementedError(name)

    def remove_value(self, name: str) -> None:
        """Remove the value by hand, and leave the note."""
        raise NotImplementedError(name)

    @property
    def environment(self) -> dict[str, str]:
        """What keyplan needs in its environment to write there."""
        return {}

    def forge(self, name: str, /, **changes: Any) -> None:
        """Change fields of a receipt."""
        note = self.note(name)
        self.write_note(name, note | {"receipt": note["receipt"] | changes})


class _FileNotes(Store):
    """Values in files, the notes of each file in a sidecar."""

    suffix: ClassVar[str]
    variable: ClassVar[str] = ""

    def path(self, name: str) -> Path:
        """Return the file of a key."""
        return self.folder / "secrets" / f"{name}{self.suffix}"

    def location(self, name: str) -> str:
        return f"secrets/{name}{self.suffix}"

    def note(self, name: str) -> Note:
        document: Any = json.loads(self._sidecar(name).read_text())
        note: Note = document["entries"][self.variable]
        return note

    def write_note(self, name: str, note: Note) -> None:
        sidecar = self._sidecar(name)
        document = json.loads(sidecar.read_text())
        document["entries"][self.variable] = note
        sidecar.write_text(json.dumps(document))

    def remove_value(self, name: str) -> None:
        self.path(name).unlink()

    def empty(self, name: str) -> None:
        self.remove_value(name)
        self._sidecar(name).unlink()

    def _sidecar(self, name: str) -> Path:
        return self.folder / "secrets" / f".{name}{self.suffix}.keyplan.json"


class RawFile(_FileNotes):
    """The sink `file`, one raw key in a file."""

    suffix = ".key"

    @property
    def settings(self) -> str:
        return '{type: file, path: "secrets/{name}.key"}'

    def value(self, name: str) -> str:
        return self.path(name).read_text()


class DotenvFile(_FileNotes):
    """The sink `file` with `format: dotenv`."""

    suffix = ".env"
    variable = "ARIZE_API_KEY"

    @property
    def settings(self) -> str:
        return '{type: file, path: "secrets/{name}.env", format: dotenv, variable: ARIZE_API_KEY}'

    def value(self, name: str) -> str:
        assigned = self.path(name).read_text().strip().partition("=")[2]
        return assigned.strip("'\"")


class AgeFile(_FileNotes):
    """The sink `age`: anyone may commit a changed sidecar, and the public key is all that it takes to encrypt."""

    suffix = ".age"

    @property
    def settings(self) -> str:
        recipient = IDENTITY.to_public()
        return f'{{type: age, path: "secrets/{{name}}.age", recipients: [{recipient}], identity: {{file: key.txt}}}}'

    def prepare(self) -> None:
        super().prepare()
        identity = self.folder / "key.txt"
        identity.write_text(f"{IDENTITY}\n")
        identity.chmod(0o600)

    def value(self, name: str) -> str:
        sealed = self.path(name).read_bytes()
        clear: bytes = pyrage.decrypt(sealed, [IDENTITY])
        return clear.decode()


class CommandStore(Store):
    """The sink `command` with a user's own program, which keeps what keyplan tells it in a file."""

    @property
    def settings(self) -> str:
        verbs = ("describe", "annotate", "check", "remove")
        programs = {"argv": self._program("store")} | {verb: self._program(verb) for verb in verbs}
        return json.dumps({"type": "command", **programs})

    def prepare(self) -> None:
        super().prepare()
        (self.folder / "store").mkdir(exist_ok=True)
        shutil.copy(STORE, self.folder / "store.py")

    def location(self, name: str) -> str:
        return f"store.py store {name} store"

    def value(self, name: str) -> str:
        return (self.folder / "store" / name).read_text()

    def note(self, name: str) -> Note:
        note: Note = json.loads(self._notes(name).read_text())
        return note

    def write_note(self, name: str, note: Note) -> None:
        self._notes(name).write_text(json.dumps(note))

    def _notes(self, name: str) -> Path:
        return self.folder / "store" / f"{name}.notes"

    def _program(self, verb: str) -> list[str]:
        return [sys.executable, "store.py", "store", "{name}", verb]


class SopsFile(Store):
    """The sink `sops`: one encrypted file for all keys, with the notes in the clear."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SOPS_AGE_KEY_FILE": str(self.folder / "key.txt"),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        }

    @property
    def settings(self) -> str:
        return '{type: sops, path: keys.enc.yaml, entry: "arize.{name}"}'

    def prepare(self) -> None:
        super().prepare()
        identity = self.folder / "key.txt"
        identity.write_text(f"{IDENTITY}\n")
        identity.chmod(0o600)
        rules = {"creation_rules": [{"age": str(IDENTITY.to_public())}]}
        (self.folder / ".sops.yaml").write_text(yaml.safe_dump(rules))

    def location(self, name: str) -> str:
        return f"keys.enc.yaml#arize.{name}"

    def value(self, name: str) -> str:
        clear: str = self._clear()["arize"][name]
        return clear

    def note(self, name: str) -> Note:
        text = self._clear()[self._field()][f"arize.{name}"]
        note: Note = json.loads(text)["entries"][""]
        return note

    def write_note(self, name: str, note: Note) -> None:
        field_name = self._field()
        document = json.loads(self._clear()[field_name][f"arize.{name}"])
        document["entries"][""] = note
        self._sops("set", "keys.enc.yaml", f'["{field_name}"]["arize.{name}"]', json.dumps(json.dumps(document)))

    def _field(self) -> str:
        return next(name for name in self._clear() if name.startswith("keyplan"))

    def _clear(self) -> dict[str, Any]:
        tree: dict[str, Any] = json.loads(self._sops("decrypt", "--output-type", "json", "keys.enc.yaml"))
        return tree

    def _sops(self, *arguments: str) -> str:
        sops = Path(sys.executable).with_name("sops")
        return subprocess.run(
            [sops, "--disable-version-check", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout


STORES: dict[str, type[Store]] = {
    "raw file": RawFile,
    "dotenv file": DotenvFile,
    "age": AgeFile,
    "command": CommandStore,
}
"""Those that run wherever the tests run."""
