"""The entry point: parse, run, catch, exit.

No traceback reaches a user, and no exit status is used for two meanings (`app.exit_codes`).
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from keyplan import __version__
from keyplan.app.exit_codes import ExitStatus
from keyplan.cli.foreign_verbs import explain_word
from keyplan.cli.json_failure import answer_error, answer_misuse
from keyplan.cli.masked_stream import mask_stream
from keyplan.cli.options import PROGRAM, process_environment, refuse_no_command
from keyplan.cli.screen import Screen
from keyplan.cli.session import Session
from keyplan.cli.signals import Interrupts
from keyplan.errors import InterruptedRunError, KeyplanError
from keyplan.model.mask import own_secrets
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.text.problems import render_error

if TYPE_CHECKING:
    from keyplan.app.wiring import Wiring

COMMANDS: Mapping[str, str] = {
    "init": "Write a commented manifest to start from.",
    "validate": "Check manifests and print all their problems at once.",
    "fmt": "Rewrite manifests in canonical form.",
    "plan": "Show what apply would do; change nothing.",
    "apply": "Create, renew and delete keys until they match the manifest.",
    "drift": "Report what changed since the last apply; change nothing.",
    "watch": "Plan at regular intervals, and apply what has fallen due.",
    "rotate": "Renew the keys of these addresses now, whatever their age.",
    "revoke": "Revoke one key now, managed by keyplan or not.",
    "leak": "Find out which keys a leaked text contains, read from standard input.",
    "export": "Write a manifest of the keys that exist; change nothing.",
    "import": "Take over a key that keyplan did not create.",
    "calendar": "Show which keys rotate, expire and retire in the coming days.",
    "report": "Write a page about all keys: findings, the coming days, a table.",
    "explain": "Show what is known about a declaration or a key, and why plan decides as it does.",
    "show": "Show a saved plan, or what a manifest is composed of.",
    "rehearse": "Show how an apply would end under every fault; change nothing.",
    "doctor": "Check credential, rights, clock, sinks, ledger and lock, and say what to fix.",
    "list": "List the keys that exist, managed by keyplan or not.",
    "history": "Show what was done when and by whom, and verify that no entry was changed.",
    "ledger": "Show the ledger, copy it, break its lock, or rebuild it.",
    "audit": "Show who changed keys, when and from where, as the provider's own audit log says.",
    "provider": "Check a definition of the provider http against a server.",
    "schema": "Print the JSON Schema of a format.",
    "sandbox": "Run a local Arize API to try things out.",
    "demo": "Run plan and apply on a sandbox, from start to finish.",
    "completion": "Print a script that completes commands and options in a shell.",
    "version": "Print the version of keyplan.",
}
"""Each verb and what it does. The module of a verb is imported only when it is used, so that keyplan starts fast."""

_VERSION_HELP = "Show the version and exit."
_METAVAR = "COMMAND [ARGS]..."
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Verbs(click.Group):
    """The verbs of `COMMANDS`, in that order."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all verbs."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return a verb's command; None for an unknown one."""
        if cmd_name not in COMMANDS:
            return None
        # `import` is a word of Python's own, so the module of that verb has another name.
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"keyplan.cli.commands.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that is meant; for an unknown one, the error says what to do, and never what changes keys."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(explain_word(args, COMMANDS) or f"No such command '{args[0]}'.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list of verbs without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


_KNOW_UNTRUSTED = frozenset({"plan", "validate", "drift", "fmt"})
_READ_NO_MANIFEST = frozenset({"init", "provider", "show", "schema", "sandbox", "demo", "completion", "version"})
_UNTRUSTED = "KEYPLAN_UNTRUSTED"


def _refuse_trust(ctx: click.Context) -> None:
    """Return if the verb may run although the environment calls manifests untrusted. Raises UsageError otherwise."""
    verb = ctx.invoked_subcommand
    if verb is None or verb in _KNOW_UNTRUSTED or verb in _READ_NO_MANIFEST:
        return
    if ctx.obj.environment.get(_UNTRUSTED, "").lower() not in ("", "0", "false", "f", "no", "n", "off"):
        raise click.UsageError(
            f"{verb} does what a manifest says, and {_UNTRUSTED} calls manifests untrusted: "
            f"only plan, validate, drift and fmt read a manifest without a review. Unset it for {verb}.",
            ctx,
        )


def _show_version(ctx: click.Context, _parameter: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        ctx.obj.screen.answer(f"{PROGRAM} {__version__}\n")
        ctx.exit()


@click.group(PROGRAM, cls=_Verbs, context_settings=_CONTEXT, invoke_without_command=True, subcommand_metavar=_METAVAR)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help=_VERSION_HELP)
@click.pass_context
def cli(ctx: click.Context) -> int:
    """Keep Arize API keys as a manifest in git declares them.

    keyplan plan compares the manifest with the keys that exist, keyplan apply makes them match and sends each
    new raw key straight into your secret store. Try it without an account: keyplan demo

    Every option can also be set in the environment, under the name that its help shows.
    """
    _refuse_trust(ctx)
    return refuse_no_command(ctx)


def run(arguments: Sequence[str], session: Session) -> int:
    """Run one command line and return its exit status; everything that goes wrong is reported on stderr."""
    with own_secrets():
        status = _run(arguments, session)
    if session.screen.failure:
        session.screen.say(f"error: the output cannot be written: {session.screen.failure}")
        return status or ExitStatus.UNFORESEEN
    return status


def main() -> NoReturn:
    """Run the process's own command line, and end the process."""
    _forbid_core_dumps()
    session = _open_session()
    with session.interrupts.installed():
        status = run(sys.argv[1:], session)
    leave(status)


def _run(arguments: Sequence[str], session: Session) -> int:
    say, palette = session.screen.say, session.screen.talk_palette
    try:
        status = int(cli.main(args=list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=session) or 0)
        if status == ExitStatus.USAGE:
            answer_misuse(session, arguments, "Missing command.", exit_status=status)
    except click.ClickException as error:
        message, advice = _describe_misuse(error, arguments)
        say(f"error: {message}\n" + (f"  hint: {advice}\n" if advice else ""))
        answer_misuse(session, arguments, message, advice=advice, exit_status=ExitStatus.USAGE)
        return ExitStatus.USAGE
    except click.Abort:
        number = session.interrupts.requested() or signal.SIGINT
        interrupted = InterruptedRunError("interrupted", signal_number=number)
        say(render_error(interrupted, palette))
        answer_error(session, arguments, interrupted, exit_status=ExitStatus.SIGNALLED + number)
        return ExitStatus.SIGNALLED + number
    except KeyplanError as error:
        say(render_error(error, palette))
        answer_error(session, arguments, error, exit_status=error.exit_status)
        return error.exit_status
    except Exception as error:  # noqa: BLE001 - the one place that keeps tracebacks from users
        from keyplan.app.parallel import describe_bug  # noqa: PLC0415 - for bugs alone; not worth its share of every start

        bug = describe_bug(error)
        say(render_error(bug, palette))
        session.show_trace(bug.trace)
        answer_error(session, arguments, bug, exit_status=ExitStatus.UNFORESEEN)
        return ExitStatus.UNFORESEEN
    return status


def _forbid_core_dumps() -> None:
    """See that no crash of this process, or of a program that it runs, writes secrets to the disk.

    Both limits: a child could raise the soft one again.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _describe_misuse(error: click.ClickException, arguments: Sequence[str]) -> tuple[str, str]:
    """Return what is wrong with a command line, and what to do; that may be empty."""
    message = sanitize(error.format_message(), width=1000)
    ctx = getattr(error, "ctx", None)
    meant = _find_long_form(error, arguments)
    if meant:
        return message, f"long options have two dashes: {meant}"
    return message, f"{ctx.command_path} --help" if ctx else ""


def _find_long_form(error: click.ClickException, arguments: Sequence[str]) -> str:
    """Return ``--out`` for a user who wrote ``-out``, as Terraform has it; nothing for any other mistake."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return ""
    known = {name for parameter in error.ctx.command.get_params(error.ctx) for name in parameter.opts}
    words = [f"-{word.partition('=')[0]}" for word in arguments if word.startswith("-")]
    return next((word for word in words if word in known), "")


def _open_session() -> Session:
    environment = process_environment()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # A terminal that knows only ASCII must not turn a name into a UnicodeEncodeError.
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        if stream is not None:
            setattr(sys, name, mask_stream(stream))
    screen = Screen(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, environment=environment)
    return Session(
        environment=environment,
        folder=Path.cwd(),
        screen=screen,
        interrupts=Interrupts(notify),
        read_stdin=_read_stdin,
        wire=_wire,
    )


def _wire(environment: Mapping[str, str], say: Callable[[str], None]) -> Wiring:
    from keyplan.app.wiring import PluginWiring, shield  # noqa: PLC0415 - takes 50 ms, which help and version spare

    return PluginWiring(environment, say, drop=shield(), announced_by=__version__)


def _read_stdin(limit: int) -> bytes:
    """Return up to so many bytes; none if standard input is closed."""
    return sys.stdin.buffer.read(limit) if sys.stdin is not None else b""


def notify(text: str) -> None:
    """Write to stderr from inside a signal handler, where buffered streams must not be used."""
    with suppress(OSError):
        os.write(2, text.encode())


def leave(status: int) -> NoReturn:
    """End the process with that status; what was said is written first."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.flush()
    if status > ExitStatus.SIGNALLED:
        # Threads that wait for a server would keep an interrupted process alive until they have their answer.
        os._exit(status)
    sys.exit(status)
