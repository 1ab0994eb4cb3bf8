"""Writes an answer in each format that is asked for, to stdout or to a file.

Stdout never gets two documents, because a program could read neither.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from keyplan import __version__
from keyplan.app.discovery import DEFAULT_MANIFESTS
from keyplan.app.exit_codes import combine_statuses
from keyplan.app.files import require_appendable, require_writable, save_privately
from keyplan.app.pages import read_assets, require_formats
from keyplan.cli.options import Command, Decorator, Number, option
from keyplan.cli.session import Session
from keyplan.documents.report import Failure
from keyplan.errors import BugError, InputError, KeyplanError
from keyplan.model.mask import hide
from keyplan.renderers.formats import PAGES, SHEET_FORMATS, Formats, build_error_sheet, render, render_failures
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import MARKDOWN_BYTES, Style
from keyplan.renderers.text.problems import render_error

GITHUB, JSON = "github", "json"
Noun = TypeVar("Noun")

if TYPE_CHECKING:
    from keyplan.renderers.sheet import Sheet, Subject

    _OutputType = click.ParamType["Output"]
else:
    _OutputType = click.ParamType  # older clicks know no parameter of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One format, and where it goes."""

    as_format: str
    file: Path | None = None
    """None for stdout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Everything that is asked of an answer."""

    each: tuple[Output, ...]
    markdown_bytes: int = MARKDOWN_BYTES
    is_stdout_taken: bool = False
    """Whether stdout is another's."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is written."""
        return tuple(output.file for output in self.each if output.file)

    def has(self, as_format: str) -> bool:
        """Whether an answer in that format is asked for."""
        return any(output.as_format == as_format for output in self.each)

    def without_stdout(self) -> Outputs:
        """Return these outputs without those that go to stdout; what a runner reads goes to stderr then."""
        kept = tuple(output for output in self.each if output.file or output.as_format == GITHUB)
        return replace(self, each=kept, is_stdout_taken=True)

    @property
    def shows_text(self) -> bool:
        """Whether stdout gets text for people."""
        return any(output.as_format == "text" and output.file is None for output in self.each)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What came of a command, ready to be written in any format."""

    formats: Formats[Sequence[Any]]
    nouns: Sequence[Any] = ()
    """Plans, reports or the like; empty if there were only errors."""
    draw_sheets: Callable[[], Sequence[Sheet]] | None = None
    """Returns one for each noun, and one for each manifest that failed; asked where a format or a runner needs them.
    None for what has no sheets."""
    failures: Sequence[Failure] = ()
    """Manifests for which nothing came out, and why."""
    exit_status: int
    digest: str = ""
    """Of all plans together; empty if there are no changes."""
    plan_path: str = ""
    """Where the plan was saved."""
    now: datetime | None = None
    """When the run began; None if no time in it has a distance."""
    is_verbose: bool = False
    """Whether text shows every row on its own."""

    @classmethod
    def about(
        cls,
        subject: Subject,
        nouns: Sequence[Noun],
        failures: Sequence[Failure],
        *,
        formats: Formats[Sequence[Noun]],
        draw: Callable[[Noun], Sheet],
        **more: Any,
    ) -> CommandResult:
        """Return what came of some manifests and what went wrong with others; `draw` makes a noun's sheet."""

        @functools.cache
        def draw_sheets() -> Sequence[Sheet]:
            failed = [build_error_sheet(error, about=subject, manifest=manifest) for manifest, error in failures]
            return [*map(draw, nouns), *failed]

        return cls(formats=formats, nouns=nouns, draw_sheets=draw_sheets, failures=failures, **more)

    def render(self, as_format: str, style: Style) -> str | None:
        """Return the answer in a format; None if there are only errors, and the format has no words for them."""
        if as_format == JSON and not self.nouns and self.failures:
            return render_failures(self.failures, exit_status=self.exit_status)
        if as_format in SHEET_FORMATS and self.draw_sheets:
            return SHEET_FORMATS[as_format](self.draw_sheets(), style)
        return render(self.formats, self.nouns, as_format=as_format, style=style) if self.nouns else None


def publish(session: Session, outputs: Outputs, answer: CommandResult) -> int:
    """Write the answer to every output that is asked for, and return the exit status.

    A file that cannot be written is reported on stderr, shows in the status, and keeps nothing else from being written:
    what the answer reports may be done already, and cannot be undone.
    """
    writes = [functools.partial(_write, session, outputs, answer, output) for output in outputs.each]
    if outputs.has(GITHUB):
        writes.append(functools.partial(_tell_runner, session, answer))
    troubles = [trouble for write in writes if (trouble := _attempt(write))]
    for trouble in troubles:
        session.screen.say(render_error(trouble, session.screen.talk_palette))
    return combine_statuses([answer.exit_status, *(trouble.exit_status for trouble in troubles)])


def _attempt(write: Callable[[], None]) -> InputError | None:
    try:
        write()
    except InputError as error:
        return error
    return None


def _write(session: Session, outputs: Outputs, answer: CommandResult, output: Output) -> None:
    look = Style(is_verbose=answer.is_verbose)
    if output.file is None:
        look = session.screen.choose_style(now=answer.now, is_verbose=answer.is_verbose)
    style = replace(
        look,
        failures=answer.failures,
        digest=answer.digest,
        version=__version__,
        markdown_bytes=outputs.markdown_bytes,
    )
    if output.as_format in PAGES:
        style = replace(style, assets=read_assets(), made_at=session.context.wiring.clock.now())
    text = answer.render(output.as_format, style)
    if output.file is None:
        # A runner reads its commands from both streams; what a program reads from stdout must stay whole.
        is_beside = output.as_format == GITHUB and (outputs.is_stdout_taken or len(_to_stdout(outputs.each)) > 1)
        (session.screen.say if is_beside else session.screen.answer)(text or "")
    # An empty answer is one: a file of a former run must not pass for this run's.
    elif text is not None:
        save_privately(session.folder / output.file, hide(text).encode())


def _tell_runner(session: Session, answer: CommandResult) -> None:
    if answer.draw_sheets is None:
        return
    from keyplan.cli.github import tell_runner  # noqa: PLC0415 - takes 5 ms, and only a runner of GitHub listens

    tell_runner(session, answer.draw_sheets(), answer.exit_status, digest=answer.digest, plan_path=answer.plan_path)


def keep_apart(session: Session, *, written: Iterable[Path | None], read: Iterable[str | None]) -> None:
    """Return if no file would be written twice, or in place of one that is read.

    Raises click.UsageError otherwise, which no format reports.
    """
    taken = {_resolve(session, name) for name in (*read, *session.layers.files) if name}
    for file in filter(None, written):
        path = _resolve(session, file)
        if path in taken or file.name in DEFAULT_MANIFESTS:
            raise click.UsageError(f"{file} would be overwritten: it is read, or written already; name another file")
        taken.add(path)


@contextmanager
def checked_files(session: Session, written: Iterable[Path | None], *, appended: Iterable[Path] = ()) -> Iterator[None]:
    """Open the block only if each file can be written at the end of the run, as far as that shows before.

    Raises InputError otherwise: a mistake in a name must not be found out after the work.
    """
    for file in filter(None, written):
        require_writable(session.folder / file)
    for file in appended:
        require_appendable(session.folder / file)
    yield


def _resolve(session: Session, name: str | Path) -> str:
    path = str(session.folder / name)
    return path if "\0" in path else os.path.realpath(path)  # an impossible name is reported when it is opened


@contextmanager
def reporting_failure(session: Session, outputs: Outputs, about: Subject, manifest: str) -> Iterator[None]:
    """Report an error that leaves the block in the formats of CI systems, too."""
    try:
        yield
    except KeyplanError as error:
        sheets = [build_error_sheet(error, about=about, manifest=manifest)]
        failed = CommandResult(
            formats={}, draw_sheets=lambda: sheets, failures=((manifest, error),), exit_status=error.exit_status
        )
        publish(session, outputs, failed)
        raise


def tell_errors(session: Session, errors: Sequence[Failure], *, of: int) -> None:
    """Say what went wrong with each manifest; its name comes first if it is one `of` several."""
    for manifest, error in errors:
        name = f"{sanitize(manifest)}: " if of > 1 else ""
        session.screen.say(name + render_error(error, session.screen.talk_palette))
        if isinstance(error, BugError):
            session.show_trace(error.trace)


def formats_option(*formats: str) -> Decorator[Any]:
    """Return a decorator for a repeatable ``--format``, first the default; the command gets them as `outputs`."""
    has_markdown = "markdown" in formats

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def gathered(*arguments: Any, each: tuple[Output, ...], **others: Any) -> Any:
            markdown_bytes = others.pop("markdown_bytes", MARKDOWN_BYTES)
            return command(*arguments, outputs=_gather(each, markdown_bytes), **others)

        decorated: Command = _format_option(formats)(_markdown_option(gathered) if has_markdown else gathered)
        return decorated

    return decorate


def _gather(each: tuple[Output, ...], markdown_bytes: int) -> Outputs:
    """Return what both options say.

    Raises click.UsageError where two answers would go to stdout, and InputError where a format needs a package.
    """
    meant = tuple(dict.fromkeys(each))
    require_formats(output.as_format for output in meant)
    documents = [output.as_format for output in _to_stdout(meant) if output.as_format != GITHUB]
    if len(documents) > 1:
        raise click.UsageError(
            f"only one format can go to standard output, and both {documents[0]} and {documents[1]} would: "
            f"say --format {documents[1]}=FILE"
        )
    return Outputs(each=meant, markdown_bytes=markdown_bytes)


class _OutputParameter(_OutputType):
    """``FORMAT`` or ``FORMAT=FILE``."""

    name = "format"

    def __init__(self, formats: tuple[str, ...]) -> None:
        self._formats = formats

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """Return the formats that begin with what is typed."""
        return [CompletionItem(one) for one in self._formats if one.startswith(incomplete)]

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Output:
        """Return the output."""
        if isinstance(value, Output):
            return value
        name, is_file, file = str(value).partition("=")
        if name not in self._formats:
            self.fail(f"{name!r} is not one of {', '.join(self._formats)}", param, ctx)
        if is_file and not file:
            self.fail(f"{value!r} names no file after the =", param, ctx)
        return Output(as_format=name, file=Path(file) if file else None)


def _to_stdout(each: Sequence[Output]) -> list[Output]:
    return [output for output in each if output.file is None]


def _format_option(formats: tuple[str, ...]) -> Decorator[Any]:
    return option(
        "--format",
        "each",
        variable="FORMAT",
        type=_OutputParameter(formats),
        multiple=True,
        default=(formats[0],),
        metavar=f"[{'|'.join(formats)}][=FILE]",
        help=f"The output format, and the file to write it to. Repeatable. [default: {formats[0]}]",
    )


_markdown_option = option(
    "--markdown-bytes",
    type=Number(min=1024),
    default=MARKDOWN_BYTES,
    show_default=True,
    metavar="N",
    help="The longest Markdown allowed; the least dangerous rows are omitted.",
)
