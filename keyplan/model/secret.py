"""Raw keys and credentials as values that cannot be shown, and the fingerprint that can.

A secret leaves only through `reveal()`, which sinks and the verifying call use as an argument. No repr, format,
comparison, pickle or copy carries the string. From its birth on it is hidden in everything that is written (`mask`).
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import NoReturn

from keyplan.model.mask import HIDDEN, SHORTEST, note_credential, note_raw_key
from keyplan.model.quick import quick

_DIGEST_HEX_DIGITS = 32


class _Opaque:
    """A string that is never printed, formatted, compared, hashed, pickled or copied."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the secret. Pass it on as an argument; never bind it to a name."""
        return self.__value

    def is_empty(self) -> bool:
        """Whether there is nothing in it, which no sink accepts."""
        return not self.__value

    def is_short(self) -> bool:
        """Whether it is too short to be hidden in what is written."""
        return len(self.__value) < SHORTEST

    def fits(self, redacted: str) -> bool:
        """Whether a redacted form such as ``ak-abc...xyz`` can stand for this secret.

        The vendor states no rule, so only the readable head and tail around the dots or stars are
        compared (docs/arize-api.md, A34). A form with fewer than four readable characters proves nothing.
        """
        # Nearly every form is another key's, and mostly its last character shows that without a search.
        last = redacted[-1:]
        if last not in _REDACTING and not self.__value.endswith(last):
            return False
        head, _, tail = split_redacted(redacted)
        return (
            len(head) + len(tail) >= READABLE_MINIMUM
            and len(self.__value) > len(head) + len(tail)
            and self.__value.startswith(head)
            and self.__value.endswith(tail)
        )

    def overlaps(self, other: _Opaque) -> bool:
        """Whether one of the two is the other, or a piece of it."""
        return self.__value in other.__value or other.is_piece_of(self)

    def is_piece_of(self, other: _Opaque) -> bool:
        """Whether this one is a piece of the other, and not all of it."""
        return self.__value != other.__value and self.__value in other.__value

    def __repr__(self) -> str:
        return f"{type(self).__name__}{HIDDEN}"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is not compared; compare fingerprints")

    __hash__ = None  # type: ignore[assignment]  # a hash of a secret is a leak, and sets compare

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is neither pickled nor copied")

    def __bool__(self) -> NoReturn:
        raise TypeError(f"ask is_empty() of a {type(self).__name__}")


READABLE_MINIMUM = 4
REDACTION = re.compile(r"\.{3}|…|[*•]+|x{4,}")
_REDACTING = ".…*•x"
"""Every character that `REDACTION` can match: a form that ends with another one has a readable end, or fits nothing."""


def split_redacted(redacted: str) -> tuple[str, str, str]:
    """Return the readable beginning of a redacted form, what stands for the secret, and the readable end."""
    found = REDACTION.search(redacted)
    if found is None:
        return "", "", ""
    return redacted[: found.start()], found.group(), redacted[found.end() :]


class RawKey(_Opaque):
    """The secret string of one API key, shown once by the provider."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__(value)
        note_raw_key(value)

    def fingerprint(self, salt: str) -> Fingerprint:
        """Return the salted digest that receipts hold. Use the key's id as salt: public and unique."""
        return Fingerprint(salt=salt, digest=_digest(self.reveal(), salt))


class Credential(_Opaque):
    """What keyplan itself presents to the provider or to a sink."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__(value)
        note_credential(value)


class SuspectedSecret(_Opaque):
    """A text that another party takes for a leaked key. `mask.passing_secrets` hides it while it is looked for."""

    __slots__ = ()


@quick
@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Salted digest of a raw key: shows whether two places hold the same key, and nothing else."""

    salt: str
    digest: str
    """First 128 bits of HMAC-SHA-256(salt, raw key), as hex."""

    def matches(self, raw: RawKey) -> bool:
        """Whether this is the fingerprint of that raw key."""
        # In constant time, so that no timing shows how much of a guess was right.
        return hmac.compare_digest(self.digest, _digest(raw.reveal(), self.salt))


def _digest(secret: str, salt: str) -> str:
    return hmac.digest(salt.encode(), secret.encode(), "sha256").hex()[:_DIGEST_HEX_DIGITS]
