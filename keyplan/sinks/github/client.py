"""GitHub's REST API for secrets, as far as a sink needs it; each refusal says which right is missing.

GitHub shows which secrets there are and when they changed, and never a value.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count
from typing import Any

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.net.answers import load_json
from keyplan.net.http import Answer, show_safely
from keyplan.sinks.answers import to_text, understood
from keyplan.sinks.forge import Call, Forge, read_json, read_objects
from keyplan.sinks.github.places import SecretScope
from keyplan.system.optional import require

# docs.github.com/rest/actions/secrets: `per_page` is 100 at most.
_PAGE_SIZE = 100
_PROBE = "KEYPLAN_PROBE_OF_RIGHTS_NEVER_SET"
"""Name of a secret that is never set: to delete it shows the right to write, and does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """What a scope's values are sealed for."""

    id: str
    key: str
    """Base64."""


class GitHub:
    """The secrets of one GitHub server; safe for threads. Remembers public keys and proven rights for one run.

    Every method may raise SinkDeniedError, SinkUnavailableError, and InputError if there is no token.
    """

    def __init__(self, forge: Forge) -> None:
        self._forge = forge
        self._lock = threading.Lock()
        self._keys: dict[SecretScope, PublicKey] = {}
        self._proven: set[SecretScope] = set()

    def list_secrets(self, scope: SecretScope) -> Mapping[str, datetime]:
        """Return when each secret of a scope changed, by name in upper case."""
        found: dict[str, datetime] = {}
        what = f"{scope.title}: list secrets"
        listing = self._forge.list_pages(what)
        for page in count(1):
            call = Call(
                what=what,
                method="GET",
                path=scope.path,
                parameters={"per_page": str(_PAGE_SIZE), "page": str(page)},
            )
            answer = self._expect(call, scope)
            secrets = read_objects(call, _read_object(call, answer).get("secrets"))
            listing.add_page(len(secrets))
            with understood(call.what):
                found |= {to_text(secret["name"]).upper(): _read_change(call, secret) for secret in secrets}
            # docs.github.com/rest, "Using pagination": a link of this kind leads to the next page, if there is one.
            if len(secrets) < _PAGE_SIZE and 'rel="next"' not in answer.headers.get("link", ""):
                break
        return found

    def find_change(self, scope: SecretScope, name: str) -> datetime | None:
        """Return when one secret changed; None if there is none."""
        call = Call(what=f"{scope.title}: look at secret {name}", method="GET", path=f"{scope.path}/{name}")
        answer = self._forge.ask(call)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return _read_change(call, _read_object(call, _expect_success(call, scope, answer)))

    def public_key(self, scope: SecretScope) -> PublicKey:
        """Return what values are sealed for; asked once."""
        with self._lock:
            if scope in self._keys:
                return self._keys[scope]
        call = Call(what=f"{scope.title}: get the public key", method="GET", path=f"{scope.path}/public-key")
        document = _read_object(call, self._expect(call, scope))
        with understood(call.what):
            key = PublicKey(id=to_text(document["key_id"]), key=to_text(document["key"]))
        with self._lock:
            return self._keys.setdefault(scope, key)

    def forget_public_key(self, scope: SecretScope) -> None:
        """Ask for the public key again when it is next needed: GitHub may have another one."""
        with self._lock:
            self._keys.pop(scope, None)

    def prove_rights(self, scope: SecretScope) -> None:
        """Return if secrets of a scope may be written, by deleting one that does not exist; done once."""
        with self._lock:
            if scope in self._proven:
                return
        self.delete(scope, _PROBE)
        with self._lock:
            self._proven.add(scope)

    def put(self, scope: SecretScope, name: str, body: Mapping[str, Json]) -> bool:
        """Make or replace a secret; False if GitHub says that the body does not fit, as with an old public key."""
        call = Call(what=f"{scope.title}: store secret {name}", method="PUT", path=f"{scope.path}/{name}", body=body)
        answer = self._forge.ask(call)
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return False
        _expect_success(call, scope, answer)
        return True

    def delete(self, scope: SecretScope, name: str) -> None:
        """Delete a secret; nothing if there is none."""
        call = Call(what=f"{scope.title}: delete secret {name}", method="DELETE", path=f"{scope.path}/{name}")
        answer = self._forge.ask(call)
        if answer.status != HTTPStatus.NOT_FOUND:
            _expect_success(call, scope, answer)

    def close(self) -> None:
        """Close all connections."""
        self._forge.close()

    def _expect(self, call: Call, scope: SecretScope) -> Answer:
        return _expect_success(call, scope, self._forge.ask(call))


def _read_object(call: Call, answer: Answer) -> Mapping[str, Any]:
    (document,) = read_objects(call, [read_json(call, answer)])
    return document


def _read_change(call: Call, secret: Mapping[str, Any]) -> datetime:
    """Return the last instant that `updated_at` can mean: it has whole seconds, the fraction cut off."""
    try:
        instant = datetime.fromisoformat(secret["updated_at"])
        aware = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
        return aware + timedelta(seconds=1) - timedelta.resolution
    except (KeyError, OverflowError, TypeError, ValueError):
        raise SinkUnavailableError(f"{call.what}: the answer has no time of change") from None


def _expect_success(call: Call, scope: SecretScope, answer: Answer) -> Answer:
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    raise _refusal(call, scope, answer)


def _refusal(call: Call, scope: SecretScope, answer: Answer) -> SinkDeniedError:
    needed = (
        f"a classic token needs the scope '{scope.classic_scope}', "
        f"a fine-grained one or an App the permission '{scope.permission}' (write){_tell_scopes(answer)}"
    )
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            advice = f"give option 'token' a valid one; {needed}"
            return SinkDeniedError(f"{call.what}: GitHub does not accept the token", advice=advice)
        case HTTPStatus.FORBIDDEN:
            return SinkDeniedError(f"{call.what}: {_quote(answer)}", advice=needed)
        case HTTPStatus.NOT_FOUND:
            # GitHub hides what a token may not see behind a 404.
            advice = f"check the name of {scope.title}; {needed}"
            return SinkDeniedError(f"{call.what}: not found, or the token may not see it", advice=advice)
        case status if status < HTTPStatus.BAD_REQUEST:
            return SinkDeniedError(f"{call.what}: it has moved", advice=f"write the new name of {scope.title}")
        case _:
            return SinkDeniedError(f"{call.what}: {_quote(answer)}", advice="check the options of this sink")


def _quote(answer: Answer) -> str:
    """Return GitHub's own words. It never sees a raw key, so it can't repeat one."""
    try:
        message = str(load_json(answer.body)["message"])
    except (ValueError, TypeError, KeyError):
        return f"GitHub answered {answer.status}"
    return f"GitHub answered {answer.status}, {show_safely(message)}"


def _tell_scopes(answer: Answer) -> str:
    """Return which scopes the token has and which the call takes, if GitHub says so in its headers."""
    # docs.github.com: X-OAuth-Scopes and X-Accepted-OAuth-Scopes for classic tokens, the third for all others.
    told = [
        f"{words} {show_safely(answer.headers[name])}"
        for words, name in (
            ("this one has", "x-oauth-scopes"),
            ("GitHub takes", "x-accepted-oauth-scopes"),
            ("GitHub takes", "x-accepted-github-permissions"),
        )
        if answer.headers.get(name)
    ]
    return f" ({', '.join(told)})" if told else ""


_KEY_BYTES = 32


class Sealer:
    """Seals with libsodium's `crypto_box_seal`: X25519 and XSalsa20-Poly1305, with an ephemeral sender."""

    def __init__(self, *, extra: str) -> None:
        """Load PyNaCl. Raises InputError, naming the extra, if it is not installed."""
        self._public = require("nacl.public", extra=extra)

    def seal(self, content: bytes, *, public_key: str) -> str:
        """Return a content that holds a raw key, sealed for a public key; both are base64.

        Raises SinkUnavailableError if the public key is not one.
        """
        try:
            key = base64.b64decode(public_key, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != _KEY_BYTES:
            raise SinkUnavailableError("the server's public key is not one of 32 bytes", advice="apply again later")
        box = self._public.SealedBox(self._public.PublicKey(key))
        return base64.b64encode(box.encrypt(content)).decode()
