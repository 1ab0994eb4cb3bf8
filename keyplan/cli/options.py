"""Options and arguments, each with its environment form, and the settings that commands get from them.

No other module of the command line reads the process's environment.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from keyplan.app.exit_codes import ExitStatus
from keyplan.cli.session import Session
from keyplan.cli.word_sources import complete_addresses
from keyplan.errors import InputError

if TYPE_CHECKING:
    # Help and version need no noun of the model, whose import takes 50 ms.
    from keyplan.model.plan import Request

PROGRAM = "keyplan"
PREFIX = "KEYPLAN_"
Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

_DURATION = re.compile(r"(?P<number>[0-9]{1,9})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def process_environment() -> Mapping[str, str]:
    """Return the environment as it is now; later changes of the process's own don't show in it."""
    return dict(os.environ)


class _FromSession:
    """A parameter whose environment form is looked up in the session's environment, not the process's."""

    envvar: Any

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the text of the parameter's variable; None where it is unset or empty."""
        environment = ctx.obj.environment if isinstance(ctx.obj, Session) else {}
        return environment.get(self.envvar) or None if self.envvar else None


class _Option(_FromSession, click.Option):
    pass


class _Argument(_FromSession, click.Argument):
    pass


if TYPE_CHECKING:
    _DurationType = click.ParamType[timedelta]
else:
    _DurationType = click.ParamType  # older clicks know no parameter of it


class FileNames(click.types.StringParamType):
    """Names of files; in the environment they are separated as in PATH, so that a name may hold a space."""

    envvar_list_splitter = os.pathsep

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """Return what makes a shell complete names of files."""
        return [CompletionItem(incomplete, type="file")]


class Duration(_DurationType):
    """A whole number and one unit, as manifests write durations: ``45s 30m 12h 90d 2w``."""

    name = "duration"

    def __init__(self, *, least: timedelta = timedelta(0)) -> None:
        self._least = least

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration."""
        if isinstance(value, timedelta):
            return value
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration such as 45s, 30m, 12h, 90d or 2w", param, ctx)
        duration = timedelta(**{_UNITS[found["unit"]]: int(found["number"])})
        if duration < self._least:
            self.fail(f"{value!r} is less than {round(self._least.total_seconds())}s", param, ctx)
        return duration


class Number(click.IntRange):
    """A whole number, within bounds."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        try:
            int(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a number", param, ctx)
        number: int = super().convert(int(str(value)), param, ctx)
        return number


def option(*names: str, variable: str | None = None, **attributes: Any) -> Decorator[Any]:
    """Return a decorator for an option; its environment form is ``KEYPLAN_`` and its longest name, or `variable`."""
    longest = max(names, key=len)
    if attributes.get("metavar") == "FILE":
        attributes.setdefault("type", click.Path())  # for the completion of shells
    derived = longest.split("/")[0].lstrip("-").upper().replace("-", "_")
    return click.option(*names, cls=_Option, envvar=PREFIX + (variable or derived), show_envvar=True, **attributes)


def argument(name: str, *, variable: str | None = None, **attributes: Any) -> Decorator[Any]:
    """Return a decorator for an argument, which has an environment form where `variable` names one."""
    envvar = PREFIX + variable if variable else None
    if variable == "MANIFEST":
        attributes.setdefault("type", FileNames())
    return click.argument(name, cls=_Argument, envvar=envvar, **attributes)


def refuse_no_command(ctx: click.Context) -> int:
    """Show the help of a group that was called without a command, and return the status of misuse."""
    if ctx.invoked_subcommand is None:
        ctx.obj.screen.say(ctx.get_help())
    return ExitStatus.USAGE


def format_option(*formats: str, variable: str = "FORMAT") -> Decorator[Any]:
    """Return a decorator for ``--format``; the first of the formats is the default."""
    return option(
        "--format",
        "as_format",
        variable=variable,
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="The output format.",
    )


verbose_option = option(
    "-v", "--verbose", is_flag=True, help="Do not fold rows; print names, ids and counts to stderr."
)
policy_option = option(
    "--policy",
    "policies",
    variable="POLICY",
    type=FileNames(),
    multiple=True,
    metavar="FILE",
    help="Check every key against the rules in this file. Repeatable.",
)


untrusted_option = option(
    "--untrusted",
    is_flag=True,
    help="For manifests without a review: contact, run and read nothing that they name.",
)
exclude_option = option(
    "--exclude",
    variable="EXCLUDE",
    type=FileNames(),
    multiple=True,
    metavar="GLOB",
    help="Skip matching files and folders in a search; a glob without / matches names. Repeatable.",
)


def refuse_visible_password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the name of a ledger. Raises BadParameter, without quoting it, if all users of the machine see a password.

    Arguments of a process are visible to others, its environment is not.
    """
    if value and "://" in value and ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE:
        from keyplan.app.ledger_choice import has_password  # noqa: PLC0415 - see above

        if has_password(value):
            raise click.BadParameter(
                "other users of this machine can see a password in an argument; "
                "set KEYPLAN_LEDGER, or name a secret in the manifest: ledger: {dsn: {env: NAME}}",
                ctx,
                param,
            )
    return value


preflight_option = option(
    "--no-preflight",
    is_flag=True,
    help="Do not check in advance whether the sinks can be written.",
)
no_audit_option = option(
    "--no-audit",
    is_flag=True,
    help="Do not ask the provider's audit log who changed what drifted.",
)
ledger_option = option(
    "--ledger",
    type=click.Path(),  # for the completion of shells
    callback=refuse_visible_password,
    metavar="PATH|URL",
    help="The ledger: a file, or a URL. [default: .keyplan/ledger.db beside the manifest]",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """What every command that plans gets from its options."""

    request: Request
    policies: tuple[str, ...] = ()
    """Names of policy files."""
    ledger: str | None
    verbose: bool
    is_preflight: bool = True
    """Whether sinks are asked what would keep their places from being written."""
    values: str | None = None
    """Name of the file that holds raw keys to be imported."""


def plan_options(command: Command) -> Command:
    """Add the options that every command that plans has; the command gets them as `settings`."""

    @functools.wraps(command)
    def gathered(
        *arguments: Any,
        rotate: tuple[str, ...],
        now: bool,
        target: tuple[str, ...],
        allow_deletes: int | None,
        allow_missing: int | None,
        allow_replaces: int | None,
        policies: tuple[str, ...],
        ledger: str | None,
        verbose: bool,
        no_preflight: bool,
        values: str | None,
        **others: Any,
    ) -> Any:
        from keyplan.model.plan import Request  # noqa: PLC0415 - see above

        if now and not rotate:
            raise InputError("--now goes with --rotate", advice="say which keys stop at once: --rotate ADDRESS --now")
        request = Request(
            rotate=tuple(sorted(set(rotate))),
            now=now,
            targets=tuple(sorted(set(target))),
            allow_deletes=allow_deletes,
            allow_missing=allow_missing,
            allow_replaces=allow_replaces,
        )
        common: dict[str, Any] = {"policies": policies, "ledger": ledger, "verbose": verbose, "values": values}
        settings = PlanSettings(request=request, is_preflight=not no_preflight, **common)
        return command(*arguments, settings=settings, **others)

    decorated: Any = gathered
    for decorate in reversed(_PLANNING_OPTIONS):
        decorated = decorate(decorated)
    result: Command = decorated
    return result


_PLANNING_OPTIONS = (
    option(
        "--rotate",
        multiple=True,
        metavar="ADDRESS",
        shell_complete=complete_addresses,
        help="Renew the key of this address now; globs are allowed. Repeatable.",
    ),
    option(
        "--now",
        variable="ROTATE_NOW",
        is_flag=True,
        help="With --rotate: the old keys stop working at once.",
    ),
    option(
        "--target",
        multiple=True,
        metavar="ADDRESS",
        shell_complete=complete_addresses,
        help="Plan this address only; globs are allowed. Repeatable.",
    ),
    option(
        "--allow-deletes",
        type=Number(min=0),
        metavar="N",
        help="Allow up to N undeclared keys to be deleted, whatever the manifest's limits.",
    ),
    option(
        "--allow-missing",
        type=Number(min=0),
        metavar="N",
        help="Treat up to N keys as gone that the provider lists neither as active nor as revoked.",
    ),
    option(
        "--allow-replaces",
        type=Number(min=0),
        metavar="N",
        help="Allow up to N unscheduled renewals, whatever the manifest's limits.",
    ),
    option(
        "--values",
        type=click.Path(),  # for the completion of shells
        metavar="FILE",
        help="Raw keys of imports that no sink holds: JSON by address or key id, or dotenv; - is standard input.",
    ),
    policy_option,
    preflight_option,
    ledger_option,
    verbose_option,
)
