"""`keyplan fmt`: manifests in canonical form."""

from __future__ import annotations

import click

from keyplan.app.exit_codes import ExitStatus
from keyplan.app.files import STDIN, Input, read_input
from keyplan.app.fmt import Formatter, save_formatted
from keyplan.app.untrusted import choose_manifests
from keyplan.cli.options import FileNames, argument, exclude_option, option, untrusted_option
from keyplan.cli.session import Session
from keyplan.errors import InputError, KeyplanError
from keyplan.renderers.sanitize import sanitize


@click.command("fmt")
@argument("manifests", variable="MANIFEST", nargs=-1, type=FileNames(), metavar="[MANIFEST]...")
@option("--check", variable="FMT_CHECK", is_flag=True, help="Write nothing; exit status 3 if a file would change.")
@exclude_option
@untrusted_option
@click.pass_obj
def command(
    session: Session, *, manifests: tuple[str, ...], check: bool, exclude: tuple[str, ...], untrusted: bool
) -> int:
    """Rewrite manifests in canonical form.

    The canonical form has the schema's order of fields and one style of indentation and spacing. Prints the name of
    each file that it changes, or with --check would change. Comments are kept, and the meaning of a manifest never
    changes. A folder stands for all manifests in it and below it; - is standard input, whose canonical form is
    printed. Needs no network and no credential.

    \b
    Examples:
      keyplan fmt
      keyplan fmt --check envs/
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    names, _ = choose_manifests(manifests, context, exclude, (), is_untrusted=untrusted)
    formatter, changed, failed = Formatter(), 0, list[KeyplanError]()
    for name in names:
        try:
            changed += _format(session, formatter, read_input(name, context), is_check=check)
        except InputError as error:
            failed.append(error)
    for one in failed[:-1]:
        context.report_error(one)
    if failed:
        raise failed[-1]
    return InputError.exit_status if check and changed else ExitStatus.DONE


def _format(session: Session, formatter: Formatter, source: Input, *, is_check: bool) -> bool:
    """Format one manifest, print its name if it changes, and return whether it does. Raises InputError."""
    content = formatter.format(source)
    is_changed = content != source.content
    if source.name == STDIN and not is_check:
        session.screen.answer(content.decode())
    elif is_changed:
        if not is_check:
            save_formatted(source, content)
        session.screen.answer(f"{sanitize(source.name, width=1000)}\n")
    return is_changed
