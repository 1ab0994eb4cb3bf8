"""`keyplan validate`: every problem of a manifest, and every key that breaks a policy, offline."""

from __future__ import annotations

from collections.abc import Sequence

import click

from keyplan.app.context import RunContext
from keyplan.app.discovery import DEFAULT_MANIFESTS
from keyplan.app.exit_codes import ExitStatus
from keyplan.app.files import Input, read_input, read_policies_with_problems
from keyplan.app.identity import warn_of_missing_ids
from keyplan.app.untrusted import choose_manifests
from keyplan.app.validate import validate
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import (
    FileNames,
    argument,
    exclude_option,
    policy_option,
    untrusted_option,
)
from keyplan.cli.outputs import CommandResult, Outputs, formats_option, keep_apart, publish, reporting_failure
from keyplan.cli.session import Session
from keyplan.errors import ManifestError, Problem
from keyplan.model.policy import Policy
from keyplan.renderers.formats import VALIDATION_FORMATS, build_validation_sheet
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Subject


@click.command("validate")
@argument("manifests", variable="MANIFEST", nargs=-1, type=FileNames(), metavar="[MANIFEST]...")
@exclude_option
@formats_option(*VALIDATION_FORMATS)
@policy_option
@untrusted_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    manifests: tuple[str, ...],
    exclude: tuple[str, ...],
    outputs: Outputs,
    policies: tuple[str, ...],
    untrusted: bool,
) -> int:
    """Check manifests and print all their problems at once.

    Needs no network and no credential. Each problem is one line: file:line:column: message. Exit status 3 if there
    is a problem. A folder stands for all manifests in it and below it.

    Keys that violate the manifest's own policy, or one of --policy, are problems, too. Only plan checks how far in
    the future an expires_at is. With --untrusted, whatever a manifest names outside itself is a problem unless a
    plan with --untrusted may use it.

    \b
    Examples:
      keyplan validate keys.yaml
      keyplan validate envs/ --policy platform.yaml --format text --format sarif=keyplan.sarif
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    keep_apart(session, written=outputs.files, read=[*manifests, *policies])
    with reporting_failure(session, outputs, Subject.VALIDATE, " ".join(manifests) or DEFAULT_MANIFESTS[0]):
        rules, faults = read_policies_with_problems(policies, context)
        named, rules = choose_manifests(manifests, context, exclude, rules, is_untrusted=untrusted)
        sources = [read_input(name, context) for name in named]
    conflicts = _find_conflicts(sources, context, rules)
    validations = [
        validate(source, rules, (*faults, *(conflict for conflict in conflicts if conflict.file == source.name)))
        for source in sources
    ]
    problems = tuple(dict.fromkeys(problem for validation in validations for problem in validation.problems))
    answer = CommandResult.about(
        Subject.VALIDATE,
        validations,
        (),
        formats=VALIDATION_FORMATS,
        draw=build_validation_sheet,
        exit_status=ManifestError.exit_status if problems else ExitStatus.DONE,
    )
    status = publish(session, outputs, answer)
    warn_of_missing_ids([validation.manifest for validation in validations if validation.lacks_id], context.say)
    for warning in dict.fromkeys(warning for validation in validations for warning in validation.warnings):
        context.say(f"Warning: {sanitize(warning, width=1000)}")
    if problems:
        raise ManifestError(problems)
    return status


def _find_conflicts(sources: Sequence[Input], context: RunContext, policies: tuple[Policy, ...]) -> tuple[Problem, ...]:
    if len(sources) < 2:  # noqa: PLR2004 - one cannot conflict
        return ()
    from keyplan.app.workspace import find_conflicts  # noqa: PLC0415 - takes 100 ms, and one manifest needs none of it

    return find_conflicts(sources, context, policies)
