"""The sink `keyring` over a store in memory: places, trust in backends, failures."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from samples import (
    LOCAL,
    OWNER,
    RAW,
    RENAMED_LINEAGE,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
)

from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.identity import KeyId
from keyplan.model.observation import Abilities, Content, Holding, Slot
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.keyring.backends import find_backend
from keyplan.sinks.keyring.sink import OPTIONS, fill_slot
from keyplan.sinks.keyring.store import KeyringEntries
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract


class Memory:
    """Implements Backend over a dict; dies at a write where it is told to."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.writes_left = -1

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.writes_left == 0:
            raise OSError(f"the bus is gone, and {password} with it")
        self.writes_left -= 1
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


def build(entries: KeyringEntries) -> SinkEngine:
    kind = SinkKind(fill_slot=fill_slot, abilities=Abilities(holds_receipts=True, readable=True))
    return SinkEngine(make_sink_settings({}), lineage=RENAMED_LINEAGE, store=entries, kind=kind)


def locate(sink: Sink) -> Slot:
    return sink.locate(OWNER, make_declaration(), make_delivery())


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def sink(memory: Memory) -> SinkEngine:
    return build(KeyringEntries(lambda: memory))


class TestEntriesInMemory(SinkContract):
    @pytest.fixture
    def sink(self, memory: Memory) -> Sink:
        self.memory = memory
        return build(KeyringEntries(lambda: memory))

    def value_at(self, slot: Slot) -> str | None:
        return self.memory.entries.get((str(slot.options["service"]), str(slot.options["username"])))

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.memory.entries[str(slot.options["service"]), str(slot.options["username"])] = raw_text


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_put_that_was_cut_short_is_finished_by_the_next_one(memory: Memory, sink: SinkEngine, writes: int) -> None:
    slot = locate(sink)
    memory.writes_left = writes
    with pytest.raises(SinkUnavailableError, match="arize/ci: the keyring failed: OSError") as caught:
        sink.put(slot, RawKey(RAW), make_receipt())
    assert "ak-" not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert sink.inspect([slot])[slot].receipt is None
    memory.writes_left = -1
    sink.put(slot, RawKey(RAW), make_receipt())
    assert sink.inspect([slot])[slot] == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)


def test_a_second_put_that_was_cut_short_shows_as_another_value(memory: Memory, sink: SinkEngine) -> None:
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    memory.writes_left = 1
    with pytest.raises(SinkUnavailableError):
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW, key_id=KeyId("key-2")))
    assert sink.inspect([slot])[slot].content is Content.DIFFERS


def test_a_store_that_asks_somebody_who_is_not_there_is_given_up_on() -> None:
    waiting = threading.Event()

    class Asking(Memory):
        def get_password(self, service: str, username: str) -> str | None:
            waiting.wait()
            return None

    sink = build(KeyringEntries(Asking, limit=timedelta(seconds=0.05)))
    with pytest.raises(SinkUnavailableError, match="no answer within"):
        sink.intend(locate(sink), make_intent())
    waiting.set()


@pytest.mark.parametrize(
    ("name", "options", "location"),
    [
        pytest.param("ci", {}, "arize/ci", id="defaults"),
        pytest.param("my key", {"service": "{owner}", "username": "{name}-x"}, "ml-platform/my key-x", id="templates"),
        pytest.param("a/b%\n", {}, "arize/a%2Fb%25%0A", id="few characters are encoded"),
    ],
)
def test_a_slot_is_service_and_username(name: str, options: dict[str, Any], location: str) -> None:
    assert fill_slot(LOCAL, OWNER, make_declaration(name), options).location == location


def test_a_template_with_control_characters_is_refused() -> None:
    with pytest.raises(InputError, match="control characters"):
        fill_slot(LOCAL, OWNER, make_declaration(), {"service": "a\nb"})


@pytest.mark.parametrize(
    ("options", "fits"),
    [({}, True), ({"backend": "a.b.C"}, True), ({"backend": "os; x"}, False), ({"path": "x"}, False)],
    ids=["defaults", "backend", "no class", "unknown"],
)
def test_options_are_checked(options: dict[str, Any], fits: bool) -> None:
    assert Draft202012Validator(OPTIONS).is_valid(options) is fits


def make_backend(name: str, **attributes: object) -> Any:
    module, _, qualname = name.rpartition(".")
    return type(qualname, (Memory,), {"__module__": module, **attributes})()


def find(found: object, wanted: str | None = None) -> Any:
    library: Any = SimpleNamespace(get_keyring=lambda: found, core=SimpleNamespace(load_keyring=lambda _: found))
    return find_backend(library, wanted)


SAFE = "keyring.backends.SecretService.Keyring"
PLAIN = "keyrings.alt.file.PlaintextKeyring"


def test_a_store_that_guards_secrets_is_taken() -> None:
    backend = make_backend(SAFE)
    assert find(backend) is find(backend, SAFE) is backend


@pytest.mark.parametrize("named", [None, "as.it.Is"], ids=["found", "named"])
@pytest.mark.parametrize(
    "name",
    [
        PLAIN,
        "keyrings.alt.file.EncryptedKeyring",
        "keyring.backends.null.Keyring",
        "keyring.backends.fail.Keyring",
    ],
)
def test_a_store_that_guards_nothing_is_refused_by_name(name: str, named: str | None) -> None:
    with pytest.raises(SinkDeniedError, match=f"the backend that was found is {name}, which guards no secret"):
        find(make_backend(name), named)


def test_a_store_that_nobody_knows_is_taken_only_where_the_manifest_names_it() -> None:
    backend = make_backend("acme.Keyring")
    with pytest.raises(SinkDeniedError, match=r"acme\.Keyring, which keyplan does not know") as caught:
        find(backend)
    assert "backend: acme.Keyring" in caught.value.advice
    assert find(backend, "acme.Keyring") is backend


def test_of_a_chain_the_first_is_taken_if_it_is_safe() -> None:
    chain = "keyring.backends.chainer.ChainerBackend"
    safe, plain = make_backend(SAFE), make_backend(PLAIN)
    assert find(make_backend(chain, backends=[safe, plain])) is safe
    for backends in ([plain, safe], []):
        with pytest.raises(SinkDeniedError):
            find(make_backend(chain, backends=backends))


def test_a_named_store_that_this_machine_does_not_have_is_unavailable() -> None:
    def fail(_: str) -> None:
        raise RuntimeError("SecretStorage required")

    library: Any = SimpleNamespace(core=SimpleNamespace(load_keyring=fail))
    with pytest.raises(SinkUnavailableError, match="SecretStorage required"):
        find_backend(library, SAFE)
