"""Fetches a credential from the source that the manifest names: a variable, a file or a program.

No error quotes the secret or the arguments of a program.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, assert_never

from keyplan.errors import InputError
from keyplan.model.manifest import FromCommand, FromEnvironment, FromFile, SecretSource
from keyplan.model.secret import Credential
from keyplan.system.programs import keep_from_children

COMMAND_LIMIT = timedelta(seconds=30)
MAX_SECRET_BYTES = 64 * 1024

SECRET_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "Where a secret stands: {env: NAME}, {file: PATH} or {command: [PROGRAM, ...]}.",
    "properties": {
        "env": {
            "type": "string",
            "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
            "description": "Name of an environment variable.",
            "examples": ["VAULT_TOKEN"],
        },
        "file": {
            "type": "string",
            "minLength": 1,
            "description": "Path of a file that holds the secret and nothing else.",
            "examples": ["/run/secrets/token"],
        },
        "command": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "minLength": 1},
            "description": "A program that prints the secret, and its arguments; no shell is involved.",
            "examples": [["pass", "show", "token"]],
        },
    },
    "examples": [{"env": "VAULT_TOKEN"}, {"file": "/run/secrets/token"}],
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "errorMessage": "must be {env: NAME}, {file: PATH} or {command: [PROGRAM, ...]}; a manifest never holds a secret",
    "x-access": "secret",
}
"""For the OPTIONS of plugins: the schema of an option that names a secret."""


def read_source(value: Mapping[str, Any]) -> SecretSource:
    """Return the source that an option which fits SECRET_SCHEMA names; hand it to `PluginContext.resolve`."""
    if "env" in value:
        return FromEnvironment(value["env"])
    return FromFile(value["file"]) if "file" in value else FromCommand(tuple(value["command"]))


def resolve(
    source: SecretSource,
    *,
    environment: Mapping[str, str],
    folder: str,
    hidden: Collection[str] = (),
    command_limit: timedelta = COMMAND_LIMIT,
) -> Credential:
    """Return the credential that a source holds.

    A variable is used as it is; from a file or a program's output exactly one final newline is removed. A program gets
    the environment without the `hidden` variables, and without every other one of the same value.

    Raises:
        InputError: The secret is missing, empty, too long, or has characters that a header cannot carry.
    """
    named = name_source(source)
    match source:
        case FromEnvironment(name=name):
            text = _read_variable(name, environment)
        case FromFile(path=path):
            text = _decode(_read_file(Path(folder, path), named), named)
        case FromCommand(argv=argv):
            for_program = keep_from_children(environment, hidden)
            text = _decode(_run(argv, named, for_program, folder, command_limit), named)
        case _:
            assert_never(source)
    return _check(text, named)


def name_source(source: SecretSource) -> str:
    """Return what messages call a source: without the arguments of a program."""
    match source:
        case FromEnvironment(name=name):
            return f"environment variable {name}"
        case FromFile(path=path):
            return f"file '{path}'"
        case FromCommand(argv=argv):
            # They may be secrets of their own.
            return f"command '{argv[0]}'" if argv else "command"
        case _:
            assert_never(source)


def _read_variable(name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise InputError(f"environment variable {name} is not set")
    return environment[name]


def _read_file(path: Path, named: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise InputError(f"the credential's {named} cannot be read: {error.strerror}") from error


def _run(argv: tuple[str, ...], named: str, environment: Mapping[str, str], folder: str, limit: timedelta) -> bytes:
    if not argv:
        raise InputError("the credential's command is empty")
    try:
        # stderr is inherited, so that the user sees the program's prompts and errors.
        process = subprocess.Popen(  # noqa: S603  # the manifest's author names the program; no shell is involved
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=folder, env=dict(environment)
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds a null character"
        raise InputError(f"the credential's {named} cannot be run: {reason}") from None
    with process:
        try:
            output, _ = process.communicate(timeout=limit.total_seconds())
        except subprocess.TimeoutExpired:
            process.kill()
            # From None: the exception carries what the program printed so far.
            raise InputError(f"the credential's {named} did not end within {limit.total_seconds():g} s") from None
    if process.returncode != 0:
        raise InputError(f"the credential's {named} failed with exit status {process.returncode}")
    return output


def _decode(content: bytes, named: str) -> str:
    if len(content) > MAX_SECRET_BYTES:
        raise InputError(f"the credential's {named} holds more than {MAX_SECRET_BYTES} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise InputError(f"the credential's {named} holds no UTF-8 text") from None
    # Editors and programs end their output with a newline; other blanks may be part of the secret.
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _check(text: str, named: str) -> Credential:
    if not text:
        raise InputError(f"the credential's {named} is empty")
    if not is_header_safe(text):
        raise InputError(
            f"the credential's {named} holds characters that a header cannot carry",
            advice="it must be one word of printable ASCII, without spaces and line breaks",
        )
    return Credential(text)


def is_header_safe(text: str) -> bool:
    """Whether a header can carry a text as a token: printable ASCII without spaces (RFC 6750 2.1)."""
    return all("!" <= character <= "~" for character in text)
