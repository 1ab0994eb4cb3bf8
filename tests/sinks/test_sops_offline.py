"""The sink `sops` as far as it goes without sops: places, documents, the way to the program."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from samples import LOCAL, OWNER, make_declaration

from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.sinks.sops.document import Document
from keyplan.sinks.sops.places import SopsTarget, fill_slot
from keyplan.sinks.sops.program import SopsProgram, find_sops, pass_on
from keyplan.sinks.sops.sink import OPTIONS

SOPS = b"sops: {unencrypted_suffix: _plain}\n"


def locate(name: str = "ci", **options: Any) -> str:
    values = {"path": "k.enc.yaml", "entry": "arize.{name}", **options}
    return fill_slot(LOCAL, OWNER, make_declaration(name), values).location


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param({"path": "a.yaml", "entry": "a.{name}"}, True, id="as in the docs"),
        pytest.param({"path": "a.yaml"}, False, id="without entry"),
        pytest.param({"path": "a.yaml", "entry": "a", "notes": "a.b"}, False, id="notes in a mapping"),
        pytest.param({"path": "a.yaml", "entry": "a", "recipients": []}, False, id="recipients are the file's own"),
    ],
)
def test_options_are_checked(options: dict[str, Any], fits: bool) -> None:
    assert Draft202012Validator(OPTIONS).is_valid(options) is fits


@pytest.mark.parametrize(
    ("name", "options", "location"),
    [
        pytest.param("ci", {}, "k.enc.yaml#arize.ci", id="plain"),
        pytest.param("ci.prod", {}, 'k.enc.yaml#arize."ci.prod"', id="a dot in a name makes no mapping"),
        pytest.param('["x"]', {}, "k.enc.yaml#arize.%5B%22x%22%5D", id="brackets and quotes"),
        pytest.param("ci", {"path": "{owner}/k.json"}, "ml-platform/k.json#arize.ci", id="path"),
        pytest.param("ci", {"entry": "{space}.{name}"}, "k.enc.yaml#_.ci", id="empty value"),
        pytest.param("_", {}, "k.enc.yaml#arize.%5F", id="what stands for an empty value"),
    ],
)
def test_a_slot_is_file_and_entry(name: str, options: dict[str, Any], location: str) -> None:
    assert locate(name, **options) == location


@pytest.mark.parametrize(
    ("options", "what"),
    [
        pytest.param({"path": "k.env"}, "ends in none of", id="dotenv"),
        pytest.param({"path": "../k.yaml"}, "climbs upwards", id="outside"),
        pytest.param({"entry": "sops.{name}"}, "leads into 'sops'", id="sops's own"),
        pytest.param({"entry": "n.{name}", "notes": "n"}, "leads into 'n'", id="notes"),
        pytest.param({"entry": "a..{name}"}, "empty", id="empty part"),
        pytest.param({"entry": "a[0]"}, "brackets", id="brackets"),
        pytest.param({"entry": "{nam}"}, "did you mean", id="unknown field"),
    ],
)
def test_places_that_sops_cannot_have_are_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        locate(**options)


def test_a_slot_leads_back_to_its_target() -> None:
    slot = fill_slot(LOCAL, OWNER, make_declaration("a.b"), {"path": "s/k.yml", "entry": "x.{name}", "notes": "n"})
    target = SopsTarget.of(slot)
    assert (str(target.path), target.kind, target.keys) == ("s/k.yml", "yaml", ("x", "a.b"))
    assert (target.note, target.notes_field, target.lock) == ('x."a.b"', "n", ".k.yml.keyplan.lock")


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        pytest.param(b"a: 1\n", "yaml", SinkDeniedError, id="not encrypted"),
        pytest.param(b"- a\n", "yaml", SinkDeniedError, id="a list"),
        pytest.param(b"sops: text\n", "yaml", SinkDeniedError, id="sops is not a mapping"),
        pytest.param(b"a: [\n", "yaml", SinkUnavailableError, id="no YAML"),
        pytest.param(b"a: 1\n---\nb: 1\n", "yaml", SinkUnavailableError, id="two documents"),
        pytest.param(b"a: 1\n", "json", SinkUnavailableError, id="no JSON"),
        pytest.param(b"\xff\xfe\x00", "json", SinkUnavailableError, id="no text"),
    ],
)
def test_a_file_that_is_none_of_sops_is_refused(content: bytes, kind: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"k\.yaml"):
        Document.parse(content, kind=kind, name="k.yaml")


def test_a_document_shows_what_stands_in_it_without_a_key() -> None:
    document = Document.parse(b"a: {b: 'ENC[x]', c: plain}\n" + SOPS, kind="yaml", name="k.yaml")
    assert document.find(("a", "c")) == "plain"
    assert document.find(("a", "b", "c")) is document.find(("z",)) is None
    assert [document.is_encrypted(("a", key)) for key in "bcd"] == [True, False, False]
    assert [document.find_obstacle(keys) for keys in (("a", "x"), ("a", "c", "x"), ("z", "y", "x"))] == ["", "a.c", ""]


@pytest.mark.parametrize(
    ("settings", "wanted", "field"),
    [
        pytest.param(b"{unencrypted_suffix: _plain}", None, "keyplan_plain", id="the file's suffix"),
        pytest.param(b"{encrypted_regex: ^data$}", None, "keyplan", id="everything else is plain"),
        pytest.param(b"{unencrypted_suffix: _plain}", "mine", "mine", id="as the manifest says"),
    ],
)
def test_notes_stand_where_the_file_leaves_them_in_the_clear(settings: bytes, wanted: str | None, field: str) -> None:
    assert Document.parse(b"sops: " + settings, kind="yaml", name="k.yaml").notes_field(wanted) == field


def make_program(folder: Path, script: str) -> SopsProgram:
    path = folder / "sops"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return SopsProgram(find_sops({"PATH": str(folder)}), environment={"PATH": "/usr/bin:/bin"})


@pytest.mark.parametrize(
    ("document", "wanted", "first"),
    [
        pytest.param(b"apiVersion: v1\nkind: Secret\n", None, "metadata", id="a manifest of Kubernetes"),
        pytest.param(b"apiVersion: v1\nkind: Secret\n", "plain", "plain", id="what the user says counts"),
        pytest.param(b"kind: Secret\n", None, "keyplan", id="half a manifest"),
        pytest.param(b"apiVersion: 1\nkind: Secret\n", None, "keyplan", id="a number for a version"),
    ],
)
def test_a_manifest_of_kubernetes_has_its_notes_in_annotations(document: bytes, wanted: str | None, first: str) -> None:
    parsed = Document.parse(document + b"sops: {}", kind="yaml", name="k.yaml")
    places = parsed.note_places(wanted, "stringData.ci")
    assert places[0][0] == first
    assert places[-1] == (wanted or "keyplan", "stringData.ci")


def test_a_sops_that_fails_to_decrypt_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailableError, match=r"k\.yaml: sops can't decrypt it: MAC mismatch"):
        make_program(tmp_path, "echo MAC mismatch >&2; exit 51").decrypt(b"", "yaml", "k.yaml")


def test_a_missing_key_is_no_failure_where_only_notes_are_needed(tmp_path: Path) -> None:
    assert make_program(tmp_path, "exit 128").decrypt(b"", "yaml", "k.yaml") is None


@pytest.mark.parametrize(
    ("status", "error"), [(128, SinkDeniedError), (1, SinkUnavailableError)], ids=["no key", "anything else"]
)
def test_a_failed_edit_is_told_of(tmp_path: Path, status: int, error: type[Exception]) -> None:
    program = make_program(tmp_path, f"exit {status}")
    with pytest.raises(error, match=r"k\.yaml: sops"):
        program.edit(b"x", "yaml", "k.yaml", lambda work: work.set(("a",), b"v"))


def test_a_machine_without_sops_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not on the PATH") as caught:
        find_sops({"PATH": str(tmp_path)}, beside=tmp_path / "python")
    assert "pip install 'keyplan[sops]'" in caught.value.advice


def test_a_sops_beside_python_is_found_without_any_path(tmp_path: Path) -> None:
    make_program(tmp_path, "exit 0")
    assert find_sops({}, beside=tmp_path / "python") == str(tmp_path / "sops")


def test_sops_gets_what_it_decrypts_with_and_nothing_else() -> None:
    passed = {"PATH": "/bin", "HOME": "/root", "LC_ALL": "C", "SOPS_AGE_KEY_FILE": "k", "AWS_PROFILE": "p"}
    assert pass_on({**passed, "DATABASE_URL": "postgresql://u:pw@db", "CI_JOB_TOKEN": "t", "PYTHONPATH": "."}) == passed
