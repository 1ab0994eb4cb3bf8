"""The sink `keyring` on a real Secret Service (gnome-keyring), and in front of the stores that it refuses."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from samples import OWNER, RAW, make_declaration, make_delivery, make_intent, make_receipt, make_sink_settings
from sinks.journey import travelling
from sinks.local_context import make_context
from sinks.secret_service import SecretService, running_secret_service

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.observation import Holding, Slot
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.keyring.backends import find_backend
from keyplan.sinks.keyring.sink import build
from keyplan.testing.sinks import SinkContract

library = pytest.importorskip("keyring")
pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]
SECRET_SERVICE = "keyring.backends.SecretService.Keyring"


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretService]:
    with running_secret_service(tmp_path_factory.mktemp("keyring")) as service:
        yield service


@pytest.fixture
def service(running: SecretService, monkeypatch: pytest.MonkeyPatch) -> SecretService:
    """Return the Secret Service that this process would find, too."""
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, running.environment[name])
    return running


def build_in(folder: Path, **options: Json) -> Sink:
    # Named: what the library found for one test it would keep for all.
    values: dict[str, Json] = {"backend": SECRET_SERVICE, **options}
    return build(make_sink_settings(values, sink_type="keyring"), make_context(folder))


def locate(sink: Sink, name: str = "ci") -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery())


class KeyringContract(SinkContract):
    options: ClassVar[dict[str, Json]] = {}

    @pytest.fixture
    def sink(self, service: SecretService, tmp_path: Path) -> Sink:
        # Another service name for each test makes an empty sink of each.
        self.service = service
        return build_in(tmp_path, service=f"arize-{tmp_path.name}", **self.options)

    def value_at(self, slot: Slot) -> str | None:
        return self.service.look_up(str(slot.options["service"]), str(slot.options["username"]))

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        backend = find_backend(library, SECRET_SERVICE)
        backend.set_password(str(slot.options["service"]), str(slot.options["username"]), raw_text)


class TestSecretService(KeyringContract):
    pass


class TestWithANewline(KeyringContract):
    options: ClassVar[dict[str, Json]] = {"newline": True}

    def value_at(self, slot: Slot) -> str | None:
        text = super().value_at(slot)
        return None if text is None else text.removesuffix("\n")


def test_the_library_finds_the_value_for_an_application(service: SecretService, tmp_path: Path) -> None:
    sink = build_in(tmp_path)
    sink.put(locate(sink, "my key"), RawKey(RAW), make_receipt())
    code = "import keyring; print(keyring.get_password('arize', 'my key'), end='')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(service.environment), capture_output=True, text=True, check=True
    )
    assert done.stdout == RAW


def test_nothing_is_left_of_a_key_that_was_withdrawn(service: SecretService, tmp_path: Path) -> None:
    sink = build_in(tmp_path, service="left")
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    assert service.look_up("keyplan-notes/left", "ci") is not None
    sink.withdraw(locate(sink), OWNER)
    assert service.look_up("left", "ci") is service.look_up("keyplan-notes/left", "ci") is None


def test_the_raw_key_is_in_no_log(service: SecretService, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sink = build_in(tmp_path, service="logged")
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    assert sink.read(locate(sink)) is not None
    assert RAW not in caplog.text


def test_a_session_without_secret_service_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    sink = build_in(tmp_path)
    with pytest.raises(SinkUnavailableError, match="SecretService"):
        sink.intend(locate(sink), make_intent())


def test_a_service_that_ends_meanwhile_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_secret_service(tmp_path) as service:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.environment["DBUS_SESSION_BUS_ADDRESS"])
        sink = build_in(tmp_path)
        sink.put(locate(sink), RawKey(RAW), make_receipt())
    with pytest.raises(SinkUnavailableError, match="arize/ci: the keyring failed"):
        sink.put(locate(sink), RawKey(RAW), make_receipt())


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        pytest.param("keyrings.alt.file.PlaintextKeyring", "keyrings.alt.file.PlaintextKeyring", id="plain files"),
        pytest.param("keyring.backends.null.Keyring", "keyring.backends.null.Keyring", id="forgets"),
        pytest.param("keyring.backends.fail.Keyring", "keyring.backends.fail.Keyring", id="is none"),
    ],
)
def test_a_fallback_is_refused_by_its_name_even_if_the_library_or_the_user_names_it(
    tmp_path: Path, named: str, seen: str
) -> None:
    script = tmp_path / "try.py"
    script.write_text(TRY.format(named=named, folder=tmp_path))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHON_KEYRING_BACKEND": named}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.count(f"the backend that was found is {seen}") == 2
    assert [path.name for path in tmp_path.rglob("*.cfg")] == []


def test_a_backend_of_the_environment_that_is_none_is_told_of(tmp_path: Path) -> None:
    script = tmp_path / "try.py"
    script.write_text(TRY.format(named="no.such.Keyring", folder=tmp_path).replace("SinkDenied", "Sink"))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHON_KEYRING_BACKEND": "no.such.Keyring"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.count("can't be used: No module named 'no'") == 2


def test_without_a_desktop_the_library_would_fall_back_to_plain_files_and_keyplan_does_not(tmp_path: Path) -> None:
    script = tmp_path / "try.py"
    script.write_text(TRY.format(named="keyrings.alt.file.PlaintextKeyring", folder=tmp_path))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/none"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert "the backend that was found is keyrings.alt.file.PlaintextKeyring" in done.stdout.splitlines()[0]


TRY = """
import keyring
from keyplan.sinks.keyring.backends import find_backend
from keyplan.errors import SinkDeniedError
for wanted in (None, {named!r}):
    try:
        print(find_backend(keyring, wanted))
    except SinkDeniedError as error:
        print(error)
"""


def test_an_entry_of_another_program_is_never_taken_for_ours(service: SecretService, tmp_path: Path) -> None:
    sink: Any = build_in(tmp_path, service="foreign")
    find_backend(library, SECRET_SERVICE).set_password("foreign", "ci", "somebody's")
    assert sink.inspect([locate(sink)])[locate(sink)] == Holding(present=True)
    with pytest.raises(SinkDeniedError, match="did not write"):
        sink.intend(locate(sink), make_intent())


def test_a_keys_life_through_the_installed_command(service: SecretService, tmp_path: Path) -> None:
    with travelling(
        tmp_path,
        sink={"type": "keyring", "service": "journey"},
        read_value=lambda name: service.look_up("journey", name),
        destroy_value=lambda name: service.clear("journey", name),
        overwrite_value=lambda name, value: find_backend(library, SECRET_SERVICE).set_password("journey", name, value),
        environment=service.environment,
    ) as journey:
        journey.run()
