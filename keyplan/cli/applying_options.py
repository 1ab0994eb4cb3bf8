"""The options of every command that applies a plan.

In: argv and the environment. Out: one value that says how the plan is approved, run and told.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click

from keyplan.cli.options import Command, Duration, format_option, option
from keyplan.cli.running import DEFAULT_PARALLELISM
from keyplan.views.rendering import REPORT_FORMATS

_MOST_PARALLEL = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyingSettings:
    """What every command that applies a plan is told."""

    auto_approve: bool
    expect: str | None
    """The digest that somebody approved."""
    parallelism: int
    lock_timeout: timedelta
    as_format: str
    """How to write the report."""

    @property
    def is_approved(self) -> bool:
        """Whether nobody needs to be asked."""
        return self.auto_approve or self.expect is not None


lock_timeout_option = option(
    "--lock-timeout",
    type=Duration(),
    default="0s",
    show_default=True,
    help="How long to wait for another apply to end.",
)


def applying_options(command: Command) -> Command:
    """Add the options that every command that applies has; the command gets them as `applying`."""

    @functools.wraps(command)
    def gathered(
        *arguments: Any,
        auto_approve: bool,
        expect: str | None,
        parallelism: int,
        lock_timeout: timedelta,
        as_format: str,
        **others: Any,
    ) -> Any:
        applying = ApplyingSettings(
            auto_approve=auto_approve,
            expect=expect,
            parallelism=parallelism,
            lock_timeout=lock_timeout,
            as_format=as_format,
        )
        return command(*arguments, applying=applying, **others)

    decorated: Any = gathered
    for decorate in reversed(_APPLYING_OPTIONS):
        decorated = decorate(decorated)
    result: Command = decorated
    return result


_APPLYING_OPTIONS = (
    option("--auto-approve", is_flag=True, help="Ask nobody."),
    option("--expect", metavar="DIGEST", help="Go on only if the plan has this digest; ask nobody."),
    option(
        "--parallelism",
        type=click.IntRange(1, _MOST_PARALLEL),
        default=DEFAULT_PARALLELISM,
        show_default=True,
        help="How many keys are worked on at once.",
    ),
    lock_timeout_option,
    format_option(*REPORT_FORMATS),
)
