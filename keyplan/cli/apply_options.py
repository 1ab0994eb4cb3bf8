"""The options of every command that applies a plan, gathered into one value."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyplan.app.apply import DEFAULT_PARALLELISM
from keyplan.cli.events import STDOUT
from keyplan.cli.options import Command, Duration, Number, option
from keyplan.cli.outputs import Outputs, formats_option
from keyplan.model.ledger import SHORTEST_LEASE
from keyplan.renderers.formats import REPORT_FORMATS
from keyplan.renderers.summary import SHORT_DIGEST

MOST_PARALLEL = 64

# Fewer digits could be found by trial for another plan.
_DIGEST = re.compile(f"[0-9a-f]{{{SHORT_DIGEST},64}}")

if TYPE_CHECKING:
    _TextType = click.ParamType[str]
else:
    _TextType = click.ParamType  # older clicks know no parameter of it


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplySettings:
    """What every command that applies a plan gets from its options."""

    auto_approve: bool
    expect: str | None
    """The digest that was approved, or its first hex digits."""
    parallelism: int
    lock_timeout: timedelta
    lease: timedelta | None
    """How long locks are held without a renewal; None if the manifest says it."""
    outputs: Outputs
    """How to write the report, and where."""
    json_lines: str | None = None
    """Where events go while it runs: a file, or ``-`` for stdout."""

    @property
    def is_approved(self) -> bool:
        """Whether no question is needed."""
        return self.auto_approve or self.expect is not None

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is written besides the manifest's own."""
        return (*self.outputs.files, *self.event_files)

    @property
    def event_files(self) -> tuple[Path, ...]:
        """The file that gets the events, if they go to one."""
        return (Path(self.json_lines),) if self.json_lines not in (None, STDOUT) else ()


class Digest(_TextType):
    """The digest of a plan, or its beginning as text shows it."""

    name = "digest"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the hex digits in lower case."""
        digits = str(value).lower()
        if not _DIGEST.fullmatch(digits):
            self.fail(
                f"{value!r} is not a digest: {SHORT_DIGEST} to 64 hex digits, as keyplan plan prints them", param, ctx
            )
        return digits


lock_timeout_option = option(
    "--lock-timeout",
    type=Duration(),
    default="0s",
    show_default=True,
    help="How long to wait for the lock while another apply runs.",
)
lease_option = option(
    "--lease",
    type=Duration(least=SHORTEST_LEASE),
    help="How long the lock stays valid after its run was killed; at least 5s. [default: the manifest's, else 60s]",
)


def apply_options(command: Command) -> Command:
    """Add the options that every command that applies has; the command gets them as `applying`."""

    @functools.wraps(command)
    def gathered(
        *arguments: Any,
        auto_approve: bool,
        expect: str | None,
        parallelism: int,
        lock_timeout: timedelta,
        lease: timedelta | None,
        outputs: Outputs,
        json_lines: str | None,
        **others: Any,
    ) -> Any:
        applying = ApplySettings(
            auto_approve=auto_approve,
            expect=expect,
            parallelism=parallelism,
            lock_timeout=lock_timeout,
            lease=lease,
            # What reads events from stdout must find nothing else there.
            outputs=outputs.without_stdout() if json_lines == STDOUT else outputs,
            json_lines=json_lines,
        )
        return command(*arguments, applying=applying, **others)

    decorated: Any = gathered
    for decorate in reversed(_APPLYING_OPTIONS):
        decorated = decorate(decorated)
    result: Command = decorated
    return result


_APPLYING_OPTIONS = (
    option("--auto-approve", is_flag=True, help="Do not ask for approval."),
    option(
        "--expect",
        type=Digest(),
        metavar="DIGEST",
        help="Go on only if the plan has this digest; do not ask for approval.",
    ),
    option(
        "--parallelism",
        type=Number(1, MOST_PARALLEL),
        default=DEFAULT_PARALLELISM,
        show_default=True,
        help="How many calls to make at once to the provider, and to each sink.",
    ),
    lock_timeout_option,
    lease_option,
    formats_option(*REPORT_FORMATS),
    option(
        "--json-lines",
        metavar="FILE",
        help="Append each event to FILE at once, as a line of JSON; - is stdout, instead of --format.",
    ),
)
