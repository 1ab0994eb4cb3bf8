"""`keyplan validate`: every problem of a manifest, and every key that breaks a policy, offline."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import click

from keyplan.app.exit_codes import ExitStatus
from keyplan.app.files import Input, read_input, survey_manifest, survey_policies
from keyplan.app.workspace import DEFAULT_MANIFESTS, find_manifests
from keyplan.cli.options import FileNames, argument, policy_option
from keyplan.cli.outputs import Answer, Outputs, formats_option, keep_apart, publish, reporting_failure
from keyplan.cli.session import Session
from keyplan.errors import ManifestError, Problem
from keyplan.model.policy import Policy, Validation
from keyplan.planner.policy import find_violations
from keyplan.renderers.ci.sheet import Subject
from keyplan.renderers.formats import VALIDATION_FORMATS, draw_validation


@click.command("validate")
@argument("manifests", variable="MANIFEST", nargs=-1, type=FileNames(), metavar="[MANIFEST]...")
@formats_option(*VALIDATION_FORMATS)
@policy_option
@click.pass_obj
def command(session: Session, *, manifests: tuple[str, ...], outputs: Outputs, policies: tuple[str, ...]) -> int:
    """Check manifests and tell all their problems at once.

    Needs no network and no credential. Each problem comes on a line: file:line:column: message. Exit status
    3 where there are any. A folder stands for all manifests in it and below it.

    Keys that break the manifest's own policy, or one of --policy, are problems, too. How far an expires_at lies
    ahead is judged by plan alone.

    \b
    Examples:
      keyplan validate keys.yaml
      keyplan validate envs/ --policy platform.yaml --format text --format sarif=keyplan.sarif
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    keep_apart(session, written=outputs.files, read=[*manifests, *policies])
    with reporting_failure(session, outputs, Subject.VALIDATE, " ".join(manifests) or DEFAULT_MANIFESTS[0]):
        sources = [read_input(name, session) for name in find_manifests(manifests, session)]
        rules, faults = survey_policies(policies, session)
    validations = [_check(source, rules, faults) for source in sources]
    problems = tuple(dict.fromkeys(problem for validation in validations for problem in validation.problems))
    answer = Answer.about(
        Subject.VALIDATE,
        validations,
        (),
        formats=VALIDATION_FORMATS,
        draw=draw_validation,
        exit_status=ManifestError.exit_status if problems else ExitStatus.DONE,
    )
    status = publish(session, outputs, answer)
    if problems:
        raise ManifestError(problems)
    return status


def _check(source: Input, policies: Collection[Policy], faults: tuple[Problem, ...]) -> Validation:
    """Return every problem of a manifest: its own first, then `faults`, those of policy files.

    Violations stand among the manifest's problems, in file order; a declaration that has another problem is not
    judged.
    """
    try:
        manifest, problems = survey_manifest(source)
    except ManifestError as error:
        return Validation(manifest=source.name, keys=0, problems=(*error.problems, *faults))
    manifest = replace(manifest, policies=(*manifest.policies, *policies))
    found = sorted((*problems, *find_violations(manifest)), key=lambda problem: (problem.line, problem.column))
    return Validation(manifest=source.name, keys=len(manifest.keys), problems=(*found, *faults))
