"""GitHub's REST API, as far as the action's scripts call it: with pages, limits, and the rights of a job's token.

Source: GitHub's documentation, "REST API endpoints" for issues, comments, commits and commit statuses, and "Permissions
required for GitHub Apps".
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = "github-actions[bot]"
PAGE = 2
"""Fewer than anybody asks for, so that whoever reads one page only is found out."""
_MOST_BODY, _MOST_DESCRIPTION = 65_536, 140


class RefusedError(Exception):
    """The request is answered with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class Forge:
    """What GitHub knows of one repository."""

    repository: str = "octo/keys"
    tokens: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Permissions of each job's token, by scope."""
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    """All of them, with the number of their issue or pull request under `number`."""
    statuses: list[dict[str, Any]] = field(default_factory=list)
    """With the commit under `sha`; the oldest first."""
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """Method and path of each request that was to change something."""

    def comment(self, number: int, body: str, login: str = BOT) -> None:
        """Write a comment as somebody would by hand."""
        self.comments.append({"id": len(self.comments) + 1, "number": number, "body": body, "user": {"login": login}})

    def status(self, sha: str, description: str, login: str = BOT, *, state: str = "success") -> None:
        """Set a commit's status as somebody with a token of his own would."""
        creator = {"login": login}
        self.statuses.append(
            {"sha": sha, "state": state, "description": description, "context": "keyplan/plan", "creator": creator}
        )

    def bodies(self, number: int) -> list[str]:
        """Return the texts under an issue or pull request, the oldest first."""
        return [one["body"] for one in self.comments if one["number"] == number]

    def answer(self, method: str, path: str, body: Mapping[str, Any], token: str) -> Any:
        """Return what GitHub answers. Raises RefusedError."""
        if token not in self.tokens:
            raise RefusedError(401)
        if method != "GET":
            self.calls.append(f"{method} {path}")
        below = path.removeprefix(f"/repos/{self.repository}")
        for wanted, pattern, rights, do in _ROUTES:
            found = re.fullmatch(pattern, below)
            if wanted == method and found:
                self._require(token, rights)
                return do(self, found.groups(), body)
        raise RefusedError(404)

    def _require(self, token: str, rights: tuple[str, ...]) -> None:
        given = self.tokens[token]
        for right in rights:
            any_of = [one.split(":") for one in right.split("|")]
            if not any(given.get(scope) == "write" or given.get(scope) == level for scope, level in any_of):
                raise RefusedError(403)

    def list_comments(self, where: tuple[str, ...], _body: Mapping[str, Any]) -> Any:
        """Return the comments of an issue or pull request."""
        return [one for one in self.comments if one["number"] == int(where[0])]

    def add_comment(self, where: tuple[str, ...], body: Mapping[str, Any]) -> Any:
        """Add a comment, if it is not too long."""
        if len(body["body"]) > _MOST_BODY:
            raise RefusedError(422)
        self.comment(int(where[0]), body["body"])
        return self.comments[-1]

    def edit_comment(self, where: tuple[str, ...], body: Mapping[str, Any]) -> Any:
        """Replace a comment's text."""
        if len(body["body"]) > _MOST_BODY:
            raise RefusedError(422)
        found = next(one for one in self.comments if one["id"] == int(where[0]))
        return found | {"body": found.update(body=body["body"]) or body["body"]}

    def list_pulls(self, where: tuple[str, ...], _body: Mapping[str, Any]) -> Any:
        """Return the pull requests that a commit belongs to."""
        return [one for one in self.pulls.values() if where[0] in (one["head"]["sha"], one["merge_commit_sha"])]

    def list_statuses(self, where: tuple[str, ...], _body: Mapping[str, Any]) -> Any:
        """Return the statuses of a commit, the newest first."""
        return [one for one in reversed(self.statuses) if one["sha"] == where[0]]

    def add_status(self, where: tuple[str, ...], body: Mapping[str, Any]) -> Any:
        """Set a status, if its description is not too long."""
        if len(body["description"]) > _MOST_DESCRIPTION or body["state"] not in {"success", "failure"}:
            raise RefusedError(422)
        self.statuses.append({"sha": where[0], **body, "creator": {"login": BOT}})
        return self.statuses[-1]

    def list_issues(self, _where: tuple[str, ...], _body: Mapping[str, Any]) -> Any:
        """Return open issues and pull requests, which GitHub lists as issues, too."""
        pulls = [{"number": number, "pull_request": {}, "user": {"login": BOT}, "body": None} for number in self.pulls]
        return pulls + [one for one in self.issues.values() if one["state"] == "open"]

    def add_issue(self, _where: tuple[str, ...], body: Mapping[str, Any]) -> Any:
        """Open an issue."""
        number = 100 + len(self.issues)
        self.issues[number] = {"number": number, "state": "open", "user": {"login": BOT}, **body}
        return self.issues[number]

    def edit_issue(self, where: tuple[str, ...], body: Mapping[str, Any]) -> Any:
        """Change what is given of an issue."""
        self.issues[int(where[0])].update(body)
        return self.issues[int(where[0])]


_ON_ISSUES = r"/issues/(\d+)/comments"
_ROUTES = (
    ("GET", _ON_ISSUES, ("issues:read|pull-requests:read",), Forge.list_comments),
    ("POST", _ON_ISSUES, ("issues:write|pull-requests:write",), Forge.add_comment),
    ("PATCH", r"/issues/comments/(\d+)", ("issues:write|pull-requests:write",), Forge.edit_comment),
    ("GET", r"/commits/(\w+)/pulls", ("pull-requests:read", "contents:read"), Forge.list_pulls),
    ("GET", r"/commits/(\w+)/statuses", ("statuses:read",), Forge.list_statuses),
    ("POST", r"/statuses/(\w+)", ("statuses:write",), Forge.add_status),
    ("GET", r"/issues", ("issues:read",), Forge.list_issues),
    ("POST", r"/issues", ("issues:write",), Forge.add_issue),
    ("PATCH", r"/issues/(\d+)", ("issues:write",), Forge.edit_issue),
)


@contextmanager
def serving(forge: Forge) -> Iterator[str]:
    """Serve a forge on loopback while the block runs; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}") if length else {}
            # A proxy is asked for whole URLs, which is how the real `gh` is led here.
            url = urlsplit(self.path)
            token = (self.headers.get("Authorization") or "").rpartition(" ")[2]
            try:
                answer = forge.answer(self.command, url.path, body, token)
            except RefusedError as error:
                self._send(error.status, {"message": "refused"})
                return
            if not isinstance(answer, list):
                self._send(200, answer)
                return
            number = int(parse_qs(url.query).get("page", ["1"])[0])
            rest = parse_qs(url.query).get("per_page", ["30"])[0]
            base = f"{url.scheme}://{url.netloc}" if url.netloc else f"http://{self.headers['Host']}"
            following = f'<{base}{url.path}?per_page={rest}&page={number + 1}>; rel="next"'
            more = {"Link": following} if len(answer) > number * PAGE else {}
            self._send(200, answer[(number - 1) * PAGE : number * PAGE], more)

        do_GET = do_POST = do_PATCH = _handle  # noqa: N815 - the names that http.server calls

        def _send(self, status: int, answer: Any, headers: Mapping[str, str] | None = None) -> None:
            text = json.dumps(answer).encode()
            self.send_response(status)
            shown = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(text))}
            for name, value in {**shown, **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
