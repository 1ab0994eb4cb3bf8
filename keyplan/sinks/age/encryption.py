"""Encrypting to age recipients, and decrypting if an identity is at hand, with pyrage.

No identity and no plaintext is quoted in an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keyplan.errors import InputError

_PRIVATE_KEY = b"-----BEGIN "


class AgeSealer:
    """Implements Cipher: encrypts for any recipient, decrypts what was encrypted for one of its identities."""

    def __init__(self, pyrage: Any, identities: Sequence[Any]) -> None:
        self._pyrage = pyrage
        self._identities = list(identities)

    @property
    def can_open(self) -> bool:
        """Whether it has an identity at all."""
        return bool(self._identities)

    def check_recipients(self, recipients: Any) -> None:
        """Return if all recipients can be used. Raises InputError if one cannot."""
        for recipient in recipients:
            self._parse(recipient)

    def seal(self, content: bytes, options: Mapping[str, Any]) -> bytes:
        """Return an armored age file for the recipients of a slot. Raises InputError if one can't be used."""
        parsed = [self._parse(recipient) for recipient in options["recipients"]]
        sealed: bytes = self._pyrage.encrypt(content, parsed, armored=True)
        return sealed

    def open(self, sealed: bytes) -> bytes | None:
        """Return what is in an age file; None if no identity fits, or it is no such file."""
        if not self._identities:
            return None
        try:
            content: bytes = self._pyrage.decrypt(sealed, self._identities)
        except self._pyrage.DecryptError:
            return None
        return content

    def _parse(self, recipient: str) -> Any:
        kind = self._pyrage.ssh.Recipient if recipient.startswith("ssh-") else self._pyrage.x25519.Recipient
        try:
            return kind.from_str(recipient)
        except self._pyrage.RecipientError:
            raise InputError(
                f"age: '{recipient}' is not a recipient", advice="copy it again: age-keygen -y IDENTITY_FILE prints it"
            ) from None


def parse_identities(pyrage: Any, content: bytes, named: str) -> tuple[Any, ...]:
    """Return the identities of a file: lines of age-keygen, or one SSH private key without passphrase.

    Raises InputError, which names the file and quotes nothing of it, if there is none.
    """
    try:
        found = tuple(_parse_each(pyrage, content))
    except (pyrage.IdentityError, UnicodeDecodeError):
        found = ()
    if not found:
        raise InputError(
            f"age: {named} holds no identity that can be used",
            advice="name a file of age-keygen, or an SSH private key without passphrase",
        )
    return found


def _parse_each(pyrage: Any, content: bytes) -> Iterator[Any]:
    if content.startswith(_PRIVATE_KEY):
        yield pyrage.ssh.Identity.from_buffer(content)
        return
    for line in content.decode().splitlines():
        if line.strip() and not line.startswith("#"):
            yield pyrage.x25519.Identity.from_str(line.strip())
