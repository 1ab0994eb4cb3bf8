"""Finds every problem of a manifest, and every key that a policy forbids. Offline."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from keyplan.app.files import Input, read_manifest_with_problems
from keyplan.app.manifest_check import find_manifest_problems
from keyplan.app.untrusted import judge, list_rules
from keyplan.errors import ManifestError, Problem
from keyplan.model.policy import Policy, Validation
from keyplan.planner.desired import find_lookalikes
from keyplan.planner.policy import find_violations


def validate(source: Input, policies: Collection[Policy], faults: tuple[Problem, ...]) -> Validation:
    """Return every problem of a manifest: its own first, then `faults`, those of policy files.

    Violations stand among the manifest's problems, in file order; a declaration that has another problem is not
    checked against policies.
    """
    try:
        manifest, problems = read_manifest_with_problems(source, policies)
    except ManifestError as error:
        return Validation(manifest=source.name, keys=0, problems=(*error.problems, *faults))
    forbidden = judge(manifest, source.folder, policies)
    manifest = replace(manifest, policies=(*manifest.policies, *list_rules(policies)))
    # Plugins may look at what they are given, so they get nothing that is not allowed.
    own = () if forbidden else find_manifest_problems(manifest, source.folder)
    found = sorted(
        (*problems, *forbidden, *own, *find_violations(manifest)),
        key=manifest.order_of,
    )
    return Validation(
        manifest=source.name,
        keys=len(manifest.keys),
        problems=(*found, *faults),
        warnings=tuple(find_lookalikes(manifest)),
        # An id that was refused counts as given: its problem says what to do.
        lacks_id=not manifest.id and not found,
    )
