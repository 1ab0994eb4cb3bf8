"""Refuses texts that only a shell would expand: a leading ``~``, and ``${NAME}``.

keyplan takes every text as it is written: the key would be called ``${TEAM}-ci``, and the file would lie in a folder
called ``~``.
"""

from __future__ import annotations

import re

from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.tables import Table
from keyplan.model.quotes import quote

_VARIABLE = re.compile(r"\$\{[^{}]*\}")
_PATHS = ("path", "ca_file", "kubeconfig", "file")
_TEMPLATES = frozenset({"path"})
"""In these, ``${`` is reported where the template is filled in: only there is it known what could be meant."""


def may_be_unexpanded(text: object) -> bool:
    """Whether `report_unexpanded` can find a problem: a quick look at what is nearly always an ordinary text."""
    return isinstance(text, str) and (text.startswith("~") or "${" in text)


def report_unexpanded(text: object, spot: Spot, problems: Problems, *, what: str, is_template: bool = False) -> None:
    """Add a problem if a text is one that only a shell would expand; a value that is not a text has none."""
    if not isinstance(text, str):
        return
    if text == "~" or re.match(r"~[A-Za-z0-9._-]*/", text):
        advice = "write the whole path, such as /home/NAME/..." if what != "name" else "write the name itself"
        problems.add(spot, f"{what} {quote(text)} begins with '~', which keyplan does not expand; {advice}")
    found = None if is_template else _VARIABLE.search(text)
    if found:
        problems.add(
            spot,
            f"{what} {quote(text)} holds {quote(found.group())}, which keyplan does not fill in; write the text itself",
        )


def report_unexpanded_paths(given: Table, problems: Problems, *, templates: bool = False) -> None:
    """Check the paths among options, and the files that secrets are read from, one level down."""
    for name in given:
        value = given[name]
        if name in _PATHS:
            is_template = templates and name in _TEMPLATES
            report_unexpanded(value, given.value_spot(name), problems, what=name, is_template=is_template)
        elif isinstance(value, Table):
            report_unexpanded_paths(value, problems)
