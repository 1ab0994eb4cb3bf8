"""The sink `command` with a small store of its own, in every combination of programs that a user may give."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from samples import (
    FORMER,
    LOCAL,
    NOW,
    OWNER,
    RAW,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
    names_in,
)
from sinks.examined import assert_told_beforehand
from sinks.journey import travelling
from sinks.local_context import make_context

from keyplan.errors import InputError, SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.observation import Abilities, Holding, Slot
from keyplan.model.receipt import Delivered
from keyplan.model.secret import RawKey
from keyplan.ports import Sink, Surveyable
from keyplan.sinks.command.sink import build
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]
STORE = Path(__file__).with_name("command_store.py")
SLOW = 60


def program(verb: str) -> list[Json]:
    return [sys.executable, "store.py", "store", "{name}", verb]


def programs(*options: str) -> dict[str, Json]:
    verbs = {option: program(option) for option in options}
    return {"argv": program("store"), **verbs}


ALL = programs("describe", "annotate", "check", "remove")
DESCRIBED = programs("describe", "remove")
BLIND = programs("check", "remove")


def build_in(folder: Path, environment: dict[str, str] | None = None, **options: Json) -> Sink:
    (folder / "store").mkdir(exist_ok=True)
    shutil.copy(STORE, folder / "store.py")
    return build(make_sink_settings(options, sink_type="command"), make_context(folder, environment))


def build_script(folder: Path, script: str, environment: dict[str, str] | None = None, **options: Json) -> Sink:
    """Return a sink whose store is a shell script."""
    return build_in(folder, environment, argv=["sh", "-c", script, "sh", "{name}"], **options)


def locate(sink: Sink, name: str = "ci") -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery())


def look(sink: Sink) -> Holding:
    return sink.inspect([locate(sink)])[locate(sink)]


def put(sink: Sink) -> None:
    sink.put(locate(sink), RawKey(RAW), make_receipt())


class CommandContract(SinkContract):
    options: ClassVar[dict[str, Json]]

    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        self.folder = tmp_path
        return build_in(tmp_path, **self.options)

    def path_of(self, slot: Slot) -> Path:
        argv: Any = slot.options["argv"]
        return self.folder / "store" / argv[3]

    def value_at(self, slot: Slot) -> str | None:
        return self.path_of(slot).read_text() if self.path_of(slot).exists() else None

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.path_of(slot).write_text(raw_text)


class TestWithAllPrograms(CommandContract):
    options: ClassVar[dict[str, Json]] = ALL


class TestWithWeakProof(CommandContract):
    options: ClassVar[dict[str, Json]] = {**DESCRIBED, "proof": "changed_at"}

    def test_putting_again_changes_nothing(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.put(slot, RawKey(RAW), make_receipt())
        assert self.value_at(slot) == RAW  # but the time of the last change, which is all that this store tells


class TestWithoutDescribe(CommandContract):
    options: ClassVar[dict[str, Json]] = BLIND

    def look(self, sink: Sink, slot: Slot) -> Holding:
        # It says "present" of everything: the contract's questions are put to the store itself.
        held = super().look(sink, slot)
        assert held == Holding(present=True)
        return replace(held, present=self.value_at(slot) is not None)


@pytest.mark.skipif(shutil.which("jq") is None, reason="the example needs jq")
class TestTheExampleOfTheDocs(CommandContract):
    options: ClassVar[dict[str, Json]] = {
        option: ["./example.sh", verb, "{name}"]
        for option, verb in {"argv": "store", **{name: name for name in ALL if name != "argv"}}.items()
    }

    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        self.folder = tmp_path
        page = (Path(__file__).parents[2] / "docs" / "sinks" / "command.md").read_text()
        script = page.partition('```sh title="store.sh"\n')[2].partition("```")[0]
        (tmp_path / "example.sh").write_text(script.replace("/srv/keys", str(tmp_path / "store")))
        (tmp_path / "example.sh").chmod(0o755)
        return build_in(tmp_path, **self.options)

    def path_of(self, slot: Slot) -> Path:
        argv: Any = slot.options["argv"]
        return self.folder / "store" / argv[2]


class TestDescribedButNotAnnotated(CommandContract):
    """Receipts are held as they were when the value was stored; intents are not."""

    options: ClassVar[dict[str, Json]] = DESCRIBED

    def test_an_intent_is_seen_until_the_value_is_put(self, sink: Sink, slot: Slot) -> None:
        sink.intend(slot, make_intent())
        assert self.look(sink, slot) == Holding(present=False)

    test_a_later_intent_takes_the_former_ones_place = test_an_intent_is_seen_until_the_value_is_put

    test_an_intent_of_a_former_owner_is_finished = test_an_intent_is_seen_until_the_value_is_put

    def test_another_manifests_mere_intent_keeps_us_out(self, sink: Sink, slot: Slot) -> None:
        sink.intend(slot, make_intent(owner="another-team"))
        sink.intend(slot, make_intent())
        assert self.look(sink, slot) == Holding(present=False)

    def test_what_the_manifest_wrote_under_another_name_is_its_own(self, sink: Sink, slot: Slot) -> None:
        receipt = make_receipt(owner=FORMER.owner, manifest_id=FORMER.id)
        sink.put(slot, RawKey(RAW), receipt)
        sink.intend(slot, make_intent())
        sink.retract(slot, make_intent())
        assert self.look(sink, slot) == Holding(present=True, receipt=receipt)

    def test_a_receipt_of_the_present_manifest_takes_a_place_over(self, sink: Sink, slot: Slot) -> None:
        receipt = make_receipt(owner=FORMER.owner, manifest_id=FORMER.id)
        sink.put(slot, RawKey(RAW), receipt)
        sink.annotate(slot, make_receipt())
        assert self.look(sink, slot) == Holding(present=True, receipt=receipt), "the next value takes it over"

    def test_annotating_replaces_the_receipt_and_leaves_the_value(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.annotate(slot, make_receipt(protect=True))
        assert self.look(sink, slot).receipt == make_receipt()
        assert self.value_at(slot) == RAW


@pytest.mark.parametrize(
    ("options", "abilities"),
    [
        pytest.param(BLIND, Abilities(holds_receipts=False, readable=False), id="nothing is described"),
        pytest.param(DESCRIBED, Abilities(holds_receipts=True, readable=False, holds_intents=False), id="receipts are"),
        pytest.param(
            programs("describe", "annotate", "remove"),
            Abilities(holds_receipts=True, readable=False),
            id="receipts are, and intents stay",
        ),
        pytest.param(
            {**DESCRIBED, "proof": "changed_at"},
            Abilities(holds_receipts=False, readable=False, weak_proof=True),
            id="times are",
        ),
    ],
)
def test_what_the_sink_can_do_depends_on_the_programs(
    tmp_path: Path, options: dict[str, Json], abilities: Abilities
) -> None:
    assert build_in(tmp_path, **options).abilities == abilities


# what a program is given


def test_the_value_comes_on_stdin_byte_for_byte(tmp_path: Path) -> None:
    put(build_script(tmp_path, 'cat >"$1"'))
    assert (tmp_path / "ci").read_bytes() == RAW.encode()


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"newline": True}, f"{RAW}\n"), ({"format": "json"}, RAW)],
    ids=["with a newline", "in JSON"],
)
def test_the_value_comes_as_the_options_say(tmp_path: Path, options: dict[str, Json], expected: str) -> None:
    put(build_script(tmp_path, 'cat >"$1"', **options))
    text = (tmp_path / "ci").read_text()
    assert (json.loads(text)["key"] if "format" in options else text) == expected


def test_metadata_come_in_one_variable_and_hold_the_receipt(tmp_path: Path) -> None:
    put(build_script(tmp_path, 'printf %s "$KEYPLAN_METADATA" >"$1"'))
    assert json.loads((tmp_path / "ci").read_text()) == {
        "format_version": "1.0",
        "action": "store",
        "owner": OWNER,
        "address": "user/ci",
        "name": "ci",
        "key_type": "user",
        "space": "",
        "receipt": make_receipt().to_dict(),
        "intent": None,
    }


def test_the_child_has_keyplans_environment_but_not_its_credential(tmp_path: Path) -> None:
    environment = {"ARIZE_API_KEY": "ak-own-credential", "ALIAS": "ak-own-credential", "STORE_TOKEN": "t0ken"}
    put(build_script(tmp_path, 'env >"$1"', environment))
    seen = (tmp_path / "ci").read_text()
    assert "STORE_TOKEN=t0ken" in seen
    assert "ak-own-credential" not in seen


def test_the_key_is_neither_in_argv_nor_in_the_environment(tmp_path: Path) -> None:
    put(build_script(tmp_path, 'cat /proc/$$/cmdline /proc/$$/environ >"$1"; ps axeww >>"$1"; cat >/dev/null'))
    seen = (tmp_path / "ci").read_text(errors="replace")
    assert "KEYPLAN_METADATA" in seen
    assert RAW not in seen


def test_there_is_no_terminal_to_ask_on(tmp_path: Path) -> None:
    put(build_script(tmp_path, 'if [ -t 0 ] || (: </dev/tty); then echo asked; else echo alone; fi >"$1" 2>/dev/null'))
    assert (tmp_path / "ci").read_text() == "alone\n"


def test_no_shell_ever_sees_a_name(tmp_path: Path) -> None:
    sink = build_in(tmp_path, argv=["tee", "{name}"])
    slot = locate(sink, "$(touch pwned); --help")
    sink.put(slot, RawKey(RAW), make_receipt())
    assert "pwned" not in names_in(tmp_path)
    assert (tmp_path / "%24%28touch%20pwned%29%3B%20--help").read_text() == RAW


def test_a_program_that_reads_nothing_is_fine(tmp_path: Path) -> None:
    put(build_in(tmp_path, argv=["true"], newline=True))


# what a program does wrong


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        pytest.param("exit 1", SinkUnavailableError, id="any failure may pass"),
        pytest.param("exit 75", SinkUnavailableError, id="EX_TEMPFAIL"),
        pytest.param("exit 77", SinkDeniedError, id="EX_NOPERM"),
        pytest.param("no-such-program", SinkDeniedError, id="not found"),
        pytest.param("kill -9 $$", SinkUnavailableError, id="signal"),
    ],
)
def test_a_failing_program_is_told_of_by_its_exit_status(tmp_path: Path, script: str, kind: type[SinkError]) -> None:
    with pytest.raises(kind, match=r"argv failed with (exit status|signal)"):
        put(build_script(tmp_path, script))


def test_a_program_that_is_not_there_is_found_by_the_intent(tmp_path: Path) -> None:
    sink = build_in(tmp_path, argv=["./missing.sh"])
    assert_told_beforehand(sink, locate(sink), r"\./missing\.sh")
    with pytest.raises(SinkDeniedError, match="cannot be run"):
        put(sink)


def test_a_store_that_is_closed_is_found_by_the_intent(tmp_path: Path) -> None:
    sink = build_in(tmp_path, **BLIND)
    (tmp_path / "store" / "closed").touch()
    with pytest.raises(SinkDeniedError, match="the store is closed"):
        sink.intend(locate(sink), make_intent())


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("cat >&2; exit 1", id="as it is"),
        pytest.param("fold -w 20 >&2; exit 1", id="in pieces"),
        pytest.param("head -c 12 >&2; exit 1", id="the beginning"),
        pytest.param("(yes x | head -c 390; cat) >&2; exit 1", id="where the message is cut"),
        pytest.param("K=$(cat); set -x; : $K; exit 1", id="traced"),
        pytest.param("cat; exit 1", id="on stdout"),
        pytest.param(f"cat; cat >&2; sleep {SLOW}", id="before it hangs"),
    ],
)
def test_no_error_quotes_the_raw_key_whatever_the_program_prints(tmp_path: Path, script: str) -> None:
    with pytest.raises(SinkError) as caught:
        put(build_script(tmp_path, script, timeout="2s"))
    error = caught.value
    told = f"{error!r} {error.advice} {error.__cause__!r}"
    assert not any(RAW[start : start + 8] in told for start in range(len(RAW) - 7))


def test_complaints_are_shown_on_one_line_and_cut(tmp_path: Path) -> None:
    with pytest.raises(SinkError) as caught:
        put(build_script(tmp_path, "printf 'first\\n\\033[31msecond ' >&2; yes long | head -c 9999 >&2; exit 1"))
    assert "first [31msecond long" in caught.value.message
    assert len(caught.value.message) < 700


def test_a_program_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailableError, match="did not end within 1 s"):
        put(build_script(tmp_path, f"echo $$ >pid; sleep {SLOW} & wait", timeout="1s"))
    group = (tmp_path / "pid").read_text().strip()
    deadline = time.monotonic() + SLOW / 2
    while alive_in(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive_in(group)


def alive_in(group: str) -> list[str]:
    listing = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    # Where nobody collects orphans, the dead stay in the list as zombies.
    return [stat for pgid, stat in map(str.split, listing.splitlines()) if pgid == group and stat[0] != "Z"]


@pytest.mark.parametrize(
    "printed",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="no object"),
        pytest.param("{}", id="without present"),
        pytest.param('{"present": "yes"}', id="present is no boolean"),
        pytest.param('{"present": true, "receipt": {"owner": "x"}}', id="no receipt"),
        pytest.param('{"present": true, "receipt": "text"}', id="a receipt that is no JSON"),
        pytest.param('{"present": true, "changed_at": "yesterday"}', id="no time"),
        pytest.param('{"present": true, "changed_at": "2026-01-01T00:00:00"}', id="a time without offset"),
        pytest.param('{"present": true, "intent": 1}', id="no intent"),
    ],
)
def test_a_description_that_makes_no_sense_is_unavailable(tmp_path: Path, printed: str) -> None:
    sink = build_in(tmp_path, argv=["true"], describe=["printf", "%s", printed.replace("{", "{{").replace("}", "}}")])
    with pytest.raises(SinkUnavailableError, match="describe printed something else"):
        look(sink)


def test_a_receipt_may_come_back_as_text(tmp_path: Path) -> None:
    text = json.dumps({"present": True, "receipt": json.dumps(make_receipt().to_dict())})
    (tmp_path / "found.json").write_text(text)
    sink = build_in(tmp_path, argv=["true"], describe=["cat", "found.json"])
    assert look(sink) == Holding(present=True, receipt=make_receipt())


@pytest.mark.parametrize(
    ("described", "lacks"),
    [
        pytest.param('{{"present": false}}', "the value", id="value"),
        pytest.param('{{"present": true, "owner": "ml-platform"}}', "the receipt", id="receipt"),
    ],
)
def test_a_store_that_loses_what_it_was_given_is_found_out_at_once(tmp_path: Path, described: str, lacks: str) -> None:
    sink = build_in(tmp_path, argv=["true"], describe=["printf", "%s", described])
    with pytest.raises(SinkUnavailableError, match=f"describe does not show {lacks}"):
        put(sink)


# what is not ours, where nothing but a time is known


class TestAValueWithoutReceipt:
    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        sink = build_in(tmp_path, **DESCRIBED, proof="changed_at")
        (tmp_path / "store" / "ci").write_text(OTHER_RAW)
        return sink

    def test_is_not_overwritten(self, sink: Sink) -> None:
        with pytest.raises(SinkDeniedError, match="nothing shows that keyplan wrote it"):
            sink.intend(locate(sink), make_intent())

    def test_is_ours_where_a_receipt_says_so(self, sink: Sink) -> None:
        slot = locate(sink)
        sink.intend(slot, make_intent(held=(Delivered(LOCAL, slot.location),)))

    def test_is_ours_where_it_came_since_an_attempt_that_was_cut_short(self, sink: Sink) -> None:
        sink.intend(locate(sink), make_intent(attempts=2))
        with pytest.raises(SinkDeniedError):
            sink.intend(locate(sink), make_intent(attempts=2, at=NOW + timedelta(days=9999)))

    def test_is_ours_where_this_run_put_it_there(self, sink: Sink) -> None:
        put(sink)
        sink.intend(locate(sink), make_intent())

    def test_may_be_overwritten_where_the_manifest_says_so(self, tmp_path: Path, sink: Sink) -> None:
        lenient = build_in(tmp_path, **DESCRIBED, proof="changed_at", overwrite=True)
        lenient.intend(locate(lenient), make_intent())


def test_a_persons_value_is_overwritten_where_the_manifest_says_so(tmp_path: Path) -> None:
    sink = build_in(tmp_path, **ALL, overwrite=True)
    (tmp_path / "store" / "ci").write_text(OTHER_RAW)
    sink.intend(locate(sink), make_intent())
    put(sink)
    assert look(sink) == Holding(present=True, receipt=make_receipt())


@pytest.mark.parametrize("options", [{"on_remove": "keep"}, {"remove": None}], ids=["kept", "no program"])
def test_a_value_stays_where_nothing_is_to_remove_it(tmp_path: Path, options: dict[str, Json]) -> None:
    sink = build_in(tmp_path, **{**ALL, **options})
    put(sink)
    sink.withdraw(locate(sink), OWNER)
    assert look(sink).present


# places


def test_a_command_line_that_tells_no_keys_apart_has_the_address_beside_it(tmp_path: Path) -> None:
    sink = build_in(tmp_path, argv=["./store.sh", "{owner}", "a b"])
    assert locate(sink).location == "./store.sh ml-platform 'a b' (user/ci)"
    assert locate(build_in(tmp_path, argv=["x", "{address}"])).location == "x user%2Fci"


@pytest.mark.parametrize("option", ["describe", "proof", "timeout", "annotate"])
def test_what_holds_for_all_keys_cannot_differ_for_one(tmp_path: Path, option: str) -> None:
    sink = build_in(tmp_path, **ALL)
    with pytest.raises(InputError, match=f"'{option}' can't differ"):
        sink.locate(OWNER, make_declaration(), make_delivery({option: None}))


@pytest.mark.parametrize("options", [ALL, DESCRIBED], ids=["all programs", "not annotated"])
def test_a_keys_life_through_the_installed_command(tmp_path: Path, options: dict[str, Json]) -> None:
    build_in(tmp_path, **options)
    store = tmp_path / "store"

    def destroy_value(name: str) -> None:
        (store / name).unlink()
        (store / f"{name}.notes").unlink()

    with travelling(
        tmp_path,
        sink={"type": "command", **options},
        read_value=lambda name: (store / name).read_text() if (store / name).exists() else None,
        destroy_value=destroy_value,
    ) as journey:
        journey.run()


def test_the_credential_that_the_manifest_names_never_reaches_a_program(tmp_path: Path) -> None:
    with travelling(
        tmp_path,
        sink={"type": "command", "argv": ["sh", "-c", 'env >"$1.env"; cat >"$1"', "sh", "{name}"]},
        read_value=lambda name: (tmp_path / name).read_text() if (tmp_path / name).exists() else None,
        destroy_value=lambda name: (tmp_path / name).unlink(),
        environment={"STORE_TOKEN": "t0ken"},
    ) as journey:
        journey.apply("ci")
        seen = (tmp_path / "ci.env").read_text()
        assert "STORE_TOKEN=t0ken" in seen
        assert "JOURNEY_CREDENTIAL" not in seen
        assert journey.plan() == (0, {})


def test_an_examination_runs_describe_as_often_as_a_look_and_nothing_else(tmp_path: Path) -> None:
    script = 'echo "$0" >> ran; printf \'{{"present": false}}\''
    sink = build_in(tmp_path, argv=["sh", "-c", script, "argv", "{name}"], describe=["sh", "-c", script, "describe"])
    slots = [locate(sink, name) for name in ("a", "b", "c")]
    assert isinstance(sink, Surveyable)
    assert sink.survey(slots).findings == ()
    assert (tmp_path / "ran").read_text().split() == ["describe"] * 3
