"""The report that GitLab shows in a merge request: how many keys are created, updated and deleted.

In: sheets. Out: one JSON object for ``artifacts:reports:terraform``; GitLab adds the job's name and link itself. Never:
text from anywhere, only numbers.

Source: GitLab's parser, lib/gitlab/ci/parsers/terraform/tfplan.rb: it wants these three keys, and numbers of at most
six digits.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.renderers.ci.sheet import Sheet
from keyplan.renderers.machine.documents import render_document

_MOST = 999_999


def render_gitlab(sheets: Sequence[Sheet]) -> str:
    """Return the counts of all sheets together; a replace is one to create and one to delete."""
    counts = {
        "create": sum(sheet.add for sheet in sheets),
        "update": sum(sheet.change for sheet in sheets),
        "delete": sum(sheet.destroy for sheet in sheets),
    }
    return render_document({name: min(count, _MOST) for name, count in counts.items()})
