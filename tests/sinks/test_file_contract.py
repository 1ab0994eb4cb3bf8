import json
from pathlib import Path
from typing import ClassVar

import pytest
from samples import RENAMED_LINEAGE, make_sink_settings

from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.ports import Sink
from keyplan.sinks.file import build_at
from keyplan.system.git import GitIgnoring
from keyplan.testing.sinks import SinkContract


class FileSinkContract(SinkContract):
    options: ClassVar[dict[str, Json]]

    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        self.folder = tmp_path
        return build_at(
            make_sink_settings(self.options), base=str(tmp_path), lineage=RENAMED_LINEAGE, ignoring=GitIgnoring({})
        )

    def path_of(self, slot: Slot) -> Path:
        path = self.folder / slot.location.partition("#")[0]
        path.parent.mkdir(exist_ok=True)
        return path

    def value_at(self, slot: Slot) -> str | None:
        path = self.path_of(slot)
        return self.parse(path.read_text(), slot) if path.exists() else None

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.path_of(slot).write_text(self.compose(raw_text, slot))

    def parse(self, text: str, slot: Slot) -> str | None:
        return text

    def compose(self, raw_text: str, slot: Slot) -> str:
        return raw_text


class TestRawFiles(FileSinkContract):
    options: ClassVar[dict[str, Json]] = {"path": "secrets/{name}.key"}


class TestRawFilesThatEndInANewline(FileSinkContract):
    options: ClassVar[dict[str, Json]] = {"path": "secrets/{name}.key", "newline": True}

    def parse(self, text: str, slot: Slot) -> str | None:
        assert text.endswith("\n")
        return text[:-1]

    def compose(self, raw_text: str, slot: Slot) -> str:
        return f"{raw_text}\n"


class TestJsonFiles(FileSinkContract):
    options: ClassVar[dict[str, Json]] = {"path": "secrets/{name}.json", "format": "json"}

    def parse(self, text: str, slot: Slot) -> str | None:
        key = json.loads(text)["key"]
        assert isinstance(key, str)
        return key

    def compose(self, raw_text: str, slot: Slot) -> str:
        return json.dumps({"key": raw_text})


class TestDotenvFiles(FileSinkContract):
    options: ClassVar[dict[str, Json]] = {"path": "secrets/{name}.env", "format": "dotenv"}

    def parse(self, text: str, slot: Slot) -> str | None:
        found = dict(line.split("=", 1) for line in text.splitlines())
        return found.get(str(slot.options["variable"]))

    def compose(self, raw_text: str, slot: Slot) -> str:
        return f"{slot.options['variable']}={raw_text}\n"
