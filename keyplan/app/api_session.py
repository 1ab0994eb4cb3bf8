"""What every function of the Python API starts with: a silent session, a workspace, and errors without secrets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from keyplan.app.context import RunContext
from keyplan.app.files import STDIN, read_input, read_manifest, read_policies
from keyplan.app.layers import NO_LAYERS, Layers
from keyplan.app.wiring import PluginWiring
from keyplan.app.workspace import Workspace, make_workspace
from keyplan.errors import KeyplanError, ManifestError
from keyplan.model.manifest import Manifest
from keyplan.model.mask import hide, own_secrets
from keyplan.model.policy import Policy

Given = ParamSpec("Given")
Result = TypeVar("Result")


class _NeverStopped:
    """Implements `Stop` for a library, whose caller stops it by other means."""

    def requested(self) -> int | None:
        """Return None."""
        return None


def masked(use_case: Callable[Given, Result]) -> Callable[Given, Result]:
    """Return a use case that is a run of its own, and whose errors hold no secret that it saw."""

    @wraps(use_case)
    def run(*arguments: Given.args, **options: Given.kwargs) -> Result:
        with own_secrets():
            try:
                return use_case(*arguments, **options)
            except KeyplanError as error:
                _mask(error)
                raise

    return run


def _mask(error: KeyplanError) -> None:
    error.message, error.advice = hide(error.message), hide(error.advice)
    error.args = tuple(hide(str(argument)) for argument in error.args)
    if isinstance(error, ManifestError):
        error.problems = tuple(replace(problem, message=hide(problem.message)) for problem in error.problems)


def open_session(environment: Mapping[str, str] | None = None) -> RunContext:
    """Return a session that is silent: the process's environment, or another, and its working directory."""
    known = dict(os.environ) if environment is None else environment

    def say_nothing(_text: str) -> None:
        pass

    def report_nothing(_error: KeyplanError) -> None:
        pass

    return RunContext(
        environment=known,
        folder=Path.cwd(),
        read_stdin=lambda _limit: b"",
        wiring=PluginWiring(known, say_nothing),
        stop=_NeverStopped(),
        say=say_nothing,
        report_error=report_nothing,
    )


def open_laid(session: RunContext | None, layers: Layers) -> RunContext:
    """Return a session, a silent one if none is given, in which these layers are laid over every manifest."""
    context = session or open_session()
    return context if layers == NO_LAYERS else replace(context, layers=layers)


def open_named(
    manifest: Manifest | str | os.PathLike[str],
    context: RunContext,
    ledger: str | os.PathLike[str] | None,
    policies: Iterable[str | os.PathLike[str]],
) -> Workspace:
    """Return the workspace of a manifest, or of the file that has this name. Raises InputError and ManifestError."""
    rules = read_named_policies(policies, context)
    if not isinstance(manifest, Manifest):
        manifest = read_manifest(read_input(os.fspath(manifest), context), rules)
    folder = context.folder if manifest.path == STDIN else (context.folder / manifest.path).absolute().parent
    return make_workspace(manifest, folder, context, ledger=ledger, policies=rules)


def read_named_policies(named: Iterable[str | os.PathLike[str]], context: RunContext) -> tuple[Policy, ...]:
    """Return the policies of these files; of those that KEYPLAN_POLICY names if there is none. Raises InputError."""
    files = tuple(os.fspath(policy) for policy in named)
    # As on the command line: what the operator set for every run holds for a program that names none.
    ambient = context.environment.get("KEYPLAN_POLICY", "").split(os.pathsep)
    return read_policies(files or tuple(filter(None, ambient)), context)
