"""Credentials from variables, files and programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from keyplan.errors import InputError
from keyplan.model.manifest import FromCommand, FromEnvironment, FromFile, SecretSource
from keyplan.model.secret import Credential
from keyplan.system.secrets import COMMAND_LIMIT, MAX_SECRET_BYTES, resolve

SECRET = "ak-secret0123456789"


def fetch(
    source: SecretSource, *, environment: Mapping[str, str] | None = None, folder: Path = Path("/")
) -> Credential:
    return resolve(source, environment=environment or {}, folder=str(folder))


def python(code: str) -> FromCommand:
    return FromCommand((sys.executable, "-c", code))


def test_a_variable_counts_as_it_is() -> None:
    assert fetch(FromEnvironment("KEY"), environment={"KEY": SECRET}).reveal() == SECRET


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(SECRET, SECRET, id="no final newline"),
        pytest.param(f"{SECRET}\n", SECRET, id="one final newline is dropped"),
        pytest.param(f"{SECRET}\r\n", SECRET, id="a Windows line end is one newline"),
    ],
)
def test_a_file_counts_without_its_final_newline(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "key").write_bytes(content.encode())
    assert fetch(FromFile("key"), folder=tmp_path).reveal() == expected


def test_a_program_s_output_counts_without_its_final_newline(tmp_path: Path) -> None:
    assert fetch(python(f"print('{SECRET}')"), folder=tmp_path).reveal() == SECRET


def test_a_program_runs_in_the_manifest_s_folder_with_the_environment_of_keyplan(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET)
    code = "import os; print(open('key').read() + os.environ['TAIL'])"
    assert fetch(python(code), environment={"TAIL": "-x"}, folder=tmp_path).reveal() == f"{SECRET}-x"


def test_a_program_gets_no_variable_that_is_hidden_from_it(tmp_path: Path) -> None:
    code = "import os; print('-'.join(sorted(os.environ)))"
    found = resolve(
        python(code),
        environment={"OWN": SECRET, "SAME": SECRET, "OTHER": "x"},
        folder=str(tmp_path),
        hidden={"OWN"},
    )
    assert "OTHER" in found.reveal()
    assert "OWN" not in found.reveal()
    assert "SAME" not in found.reveal()


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    command = FromCommand((sys.executable, "-c", "import sys; print(sys.argv[1])", "$(id)"))
    assert fetch(command, folder=tmp_path).reveal() == "$(id)"


@pytest.mark.parametrize(
    ("source", "named"),
    [
        pytest.param(FromEnvironment("KEY"), "environment variable KEY is not set", id="variable missing"),
        pytest.param(FromFile("nowhere"), "file 'nowhere' cannot be read: No such file", id="file missing"),
        pytest.param(FromFile("."), "file '.' cannot be read: Is a directory", id="file is a folder"),
        pytest.param(FromCommand(("no-such-program", "x")), "command 'no-such-program' cannot be run", id="no program"),
        pytest.param(FromCommand(("a\0b",)), "cannot be run: it holds a null character", id="null in the program"),
        pytest.param(FromCommand(()), "command is empty", id="empty argv"),
        pytest.param(python("raise SystemExit(3)"), "failed with exit status 3", id="program failed"),
        pytest.param(python(""), "is empty", id="program says nothing"),
        pytest.param(python("import sys; sys.stdout.buffer.write(b'\\xff')"), "no UTF-8 text", id="no text"),
        pytest.param(python(f"print('x' * {MAX_SECRET_BYTES + 1})"), "more than 65536 bytes", id="endless output"),
    ],
)
def test_an_unusable_source_is_named(tmp_path: Path, source: SecretSource, named: str) -> None:
    with pytest.raises(InputError) as caught:
        fetch(source, folder=tmp_path)
    assert named in caught.value.message


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(f"{SECRET}\n{SECRET}", id="a line break could smuggle in a header"),
        pytest.param(f"{SECRET} ", id="a space"),
        pytest.param(f"{SECRET}\u201d", id="a typographic quotation mark"),
        pytest.param(f"{SECRET}\x00", id="a null character"),
    ],
)
def test_what_a_header_cannot_carry_is_refused_without_being_quoted(value: str) -> None:
    with pytest.raises(InputError, match="KEY holds characters that a header cannot carry") as caught:
        fetch(FromEnvironment("KEY"), environment={"KEY": value})
    assert SECRET not in f"{caught.value!r} {caught.value.advice}"


def test_an_empty_variable_is_not_a_credential() -> None:
    with pytest.raises(InputError, match="environment variable KEY is empty"):
        fetch(FromEnvironment("KEY"), environment={"KEY": ""})


def test_two_final_newlines_are_not_both_dropped(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n\n")
    with pytest.raises(InputError, match="cannot carry"):
        fetch(FromFile("key"), folder=tmp_path)


def test_a_program_that_does_not_end_is_killed_and_its_output_is_not_quoted(tmp_path: Path) -> None:
    command = python(f"import time; print('{SECRET}', flush=True); time.sleep(60)")
    with pytest.raises(InputError, match=r"did not end within 0\.5 s") as caught:
        resolve(command, environment={}, folder=str(tmp_path), command_limit=timedelta(seconds=0.5))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_program_s_arguments_are_in_no_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        fetch(FromCommand((sys.executable, "-c", "raise SystemExit(1)", SECRET)), folder=tmp_path)
    assert SECRET not in str(caught.value)


def test_a_program_gets_half_a_minute() -> None:
    assert timedelta(seconds=30) == COMMAND_LIMIT
