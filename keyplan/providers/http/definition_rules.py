"""What makes a definition unusable although it fits its schema: unknown words, and parts that need each other.

Each rule yields problems with their places and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from keyplan.errors import Problem
from keyplan.model.checked_file import CheckedFile, JsonPath
from keyplan.providers.http.templates import find_words

_ABSENT: Final = frozenset({"description", "expires_at"})
"""Words that may have no value: then the whole field is left out, so they must be the whole of it."""
_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "list": frozenset(),
    "create": frozenset({"name", "description", "expires_at"}),
    "refresh": frozenset({"id", "expires_at", "grace"}),
    "delete": frozenset({"id"}),
    "verify": frozenset(),
}
"""What each request may say beside variables."""
RESERVED: Final = frozenset().union(*_WORDS.values())
_PAGES: Final[Mapping[str, str]] = {"cursor": "next", "last_id": "more", "page": "total"}
_BANNED: Final = frozenset(
    {"authorization", "connection", "content-length", "content-type", "cookie", "host", "transfer-encoding"}
)


def find_problems(file: CheckedFile) -> Iterator[Problem]:
    """Yield everything that is wrong with a file that fits its schema."""
    for request in _WORDS:
        yield from _check_words(file, request)
    yield from _check_variables(file)
    yield from _check_headers(file)
    yield from _check_pages(file)
    yield from _check_id(file, "delete")
    if "refresh" in file.values:
        yield from _check_id(file, "refresh")
        yield from _check_grace(file)
    elif _part(file, "laws").get("unique_names"):
        # A key that can't be refreshed is renewed by another one of its name, which the server would refuse.
        yield file.problem(("laws", "unique_names"), "unique names need a 'refresh': no key could be renewed without")
    yield from _check_create(file)


def _part(file: CheckedFile, name: str) -> Mapping[str, Any]:
    part: Any = file.values.get(name, {})
    return part if isinstance(part, Mapping) else {}


def _say(file: CheckedFile, request: str) -> Iterator[tuple[JsonPath, str, bool]]:
    """Yield each word of a request with its path, and whether it may stand for a value of any type, or for none."""
    part = _part(file, request)
    for name in ("path", "query", "body"):
        for path, word, is_whole in find_words(part.get(name), (request, name)):
            yield path, word, is_whole and name != "path"


def _check_words(file: CheckedFile, request: str) -> Iterator[Problem]:
    known = _WORDS[request] | _part(file, "variables").keys()
    for path, word, is_whole in _say(file, request):
        if word not in known:
            near = get_close_matches(word, known, n=1)
            hint = f"did you mean ${{{near[0]}}}?" if near else f"known here: {', '.join(sorted(known)) or 'none'}"
            yield file.problem(path, f"the word ${{{word}}} is unknown in '{request}'; {hint}")
        elif word in _ABSENT and not is_whole:
            yield file.problem(path, f"${{{word}}} may have no value, so it must be the whole value of a field")


def _check_variables(file: CheckedFile) -> Iterator[Problem]:
    used = {word for request in _WORDS for _, word, _ in _say(file, request)}
    for name in _part(file, "variables"):
        if name in RESERVED:
            yield file.problem(("variables", name), f"'{name}' is a word of keyplan's own; choose another name")
        elif name not in used:
            yield file.problem(("variables", name), f"the variable '{name}' is used nowhere")


def _check_headers(file: CheckedFile) -> Iterator[Problem]:
    for name in _part(file, "headers"):
        if name.lower() in _BANNED:
            yield file.problem(("headers", name), f"the header '{name}' is set by keyplan itself")


def _check_pages(file: CheckedFile) -> Iterator[Problem]:
    pages: Mapping[str, Any] = _part(file, "list").get("pages") or {}
    wanted = _PAGES.get(pages.get("by", ""))
    if wanted and wanted not in pages:
        yield file.problem(("list", "pages"), f"pages by {pages['by']} need '{wanted}'")
    for name in (*_PAGES.values(), "first"):
        if name in pages and name != wanted and not (name == "first" and pages["by"] == "page"):
            yield file.problem(("list", "pages", name), f"pages by {pages['by']} have no '{name}'")


def _check_id(file: CheckedFile, request: str) -> Iterator[Problem]:
    if "id" not in {word for _, word, _ in _say(file, request)}:
        yield file.problem((request,), f"'{request}' says nowhere which key it is about: ${{id}} in its path or body")


def _check_grace(file: CheckedFile) -> Iterator[Problem]:
    sends, has = "grace" in {word for _, word, _ in _say(file, "refresh")}, "grace" in _part(file, "refresh")
    if sends and not has:
        yield file.problem(("refresh",), "${grace} is sent, and 'grace' does not say in which form and how long")
    if has and not sends:
        yield file.problem(("refresh", "grace"), "there is a grace, and ${grace} is sent nowhere")


def _check_create(file: CheckedFile) -> Iterator[Problem]:
    sent = {word for _, word, _ in _say(file, "create")}
    shown = _part(file, "fields").keys()
    if "name" not in sent:
        yield file.problem(("create", "body"), "the body sends no ${name}")
    if "name" not in shown:
        yield file.problem(("fields",), "the fields do not say where a key's name stands")
    if file.values.get("marker") == "description":
        if "description" not in sent:
            yield file.problem(
                ("create", "body"), "the marker is in the description, and the body sends no ${description}"
            )
        if "description" not in shown:
            yield file.problem(
                ("fields",), "the marker is in the description, and the fields do not say where it stands"
            )
    if "expires_at" in sent and "expires" not in shown:
        yield file.problem(("fields",), "${expires_at} is sent, and the fields do not say where an expiry stands")
