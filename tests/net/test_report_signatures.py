"""Whether a message of a secret scanner is signed by a known key: GitHub's own example, and what must not pass."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyplan.errors import InputError
from keyplan.net.report_signatures import ReportKeys

IDENTIFIER = "bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c"
SIGNATURE = "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg=="
BODY = b'[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]'
"""The sample request of docs.github.com, "Secret scanning partner program"; GitHub publishes the key."""
PEM = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd
AjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==
-----END PUBLIC KEY-----
"""


def write(*keys: tuple[str, str]) -> bytes:
    """Return a file of public keys as GitHub's API answers it."""
    entries = [{"key_identifier": identifier, "key": pem, "is_current": True} for identifier, pem in keys]
    return json.dumps({"public_keys": entries}).encode()


def pem_of(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


GITHUB = ReportKeys.read(write((IDENTIFIER, PEM)), "keys.json")


def test_the_sample_request_of_github_s_documentation_is_signed() -> None:
    assert GITHUB.is_signed(BODY, identifier=IDENTIFIER, signature=SIGNATURE)
    assert (len(GITHUB), IDENTIFIER in GITHUB, "other" in GITHUB) == (1, True, False)


@pytest.mark.parametrize(
    ("body", "identifier", "signature"),
    [
        pytest.param(BODY + b" ", IDENTIFIER, SIGNATURE, id="a byte more"),
        pytest.param(BODY.replace(b"some_token", b"other_token"), IDENTIFIER, SIGNATURE, id="another token"),
        pytest.param(b"", IDENTIFIER, SIGNATURE, id="no body"),
        pytest.param(BODY, "", SIGNATURE, id="no identifier"),
        pytest.param(BODY, IDENTIFIER.upper(), SIGNATURE, id="another identifier"),
        pytest.param(BODY, IDENTIFIER, "", id="no signature"),
        pytest.param(BODY, IDENTIFIER, SIGNATURE[:-4], id="a signature that is cut off"),
        pytest.param(BODY, IDENTIFIER, "!" + SIGNATURE, id="not base64"),
        pytest.param(BODY, IDENTIFIER, "\u2603", id="not ASCII"),
        pytest.param(BODY, IDENTIFIER, b64encode(b"\x30\x06\x02\x01\x00\x02\x01\x00").decode(), id="zeros"),
        pytest.param(BODY, IDENTIFIER, SIGNATURE * 1000, id="a very long signature"),
    ],
)
def test_nothing_else_is_signed(body: bytes, identifier: str, signature: str) -> None:
    assert not GITHUB.is_signed(body, identifier=identifier, signature=signature)


def test_a_signature_counts_for_its_own_key_and_hash_alone() -> None:
    mine, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    keys = ReportKeys.read(write(("mine", pem_of(mine)), ("other", pem_of(other))), "keys.json")
    signature = b64encode(mine.sign(BODY, ec.ECDSA(SHA256()))).decode()
    assert keys.is_signed(BODY, identifier="mine", signature=signature)
    assert not keys.is_signed(BODY, identifier="other", signature=signature)
    other_hash = b64encode(mine.sign(BODY, ec.ECDSA(SHA512()))).decode()
    assert not keys.is_signed(BODY, identifier="mine", signature=other_hash)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"<html>", "is not a file of public keys", id="HTML"),
        pytest.param(b"[]", "is not a file of public keys", id="an array"),
        pytest.param(b'{"public_keys": 1}', "is not a file of public keys", id="no list"),
        pytest.param(b'{"public_keys": [1]}', "is not a file of public keys", id="no object"),
        pytest.param(b'{"public_keys": [{"key": "x"}]}', "is not a file of public keys", id="no identifier"),
        pytest.param(write(("", PEM)), "is not a file of public keys", id="an empty identifier"),
        pytest.param(b"[" * 100_000, "is not a file of public keys", id="deep"),
        pytest.param(b"\xff", "is not a file of public keys", id="not UTF-8"),
        pytest.param(write(), "holds no public key", id="no key"),
        pytest.param(write(("a", "x")), "not a PEM of the curve P-256", id="no PEM"),
        pytest.param(write(("a", pem_of(ec.generate_private_key(ec.SECP384R1())))), "curve P-256", id="P-384"),
        pytest.param(write(("a", pem_of(ed25519.Ed25519PrivateKey.generate()))), "curve P-256", id="Ed25519"),
    ],
)
def test_a_file_that_is_not_of_such_keys_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        ReportKeys.read(content, "keys.json")
