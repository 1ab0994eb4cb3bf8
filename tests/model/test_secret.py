"""Raw keys and credentials cannot be shown; fingerprints can."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from samples import RAW

from keyplan.model.secret import READABLE_MINIMUM, Credential, Fingerprint, RawKey, SuspectedSecret, split_redacted

MARKS = st.sampled_from(["...", "…", "**", "•", "xxxx", "xxx", ".", ""])
SECRETS = [
    pytest.param(RawKey(RAW), id="raw key"),
    pytest.param(Credential(RAW), id="credential"),
    pytest.param(SuspectedSecret(RAW), id="suspected secret"),
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("show", [str, repr, format, lambda secret: f"{secret!s:>40}", lambda secret: "%s" % secret])  # noqa: UP031 -- the operator is what is tested
def test_nothing_shows_a_secret(secret: RawKey, show: Callable[[object], str]) -> None:
    assert RAW not in show(secret)
    assert "(hidden)" in show(secret)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "misuse",
    [
        pytest.param(pickle.dumps, id="pickled"),
        pytest.param(copy.copy, id="copied"),
        pytest.param(copy.deepcopy, id="deeply copied"),
        pytest.param(hash, id="hashed"),
        pytest.param(bool, id="taken for a boolean"),
        pytest.param(lambda secret: secret == RAW, id="compared with a text"),
        pytest.param(lambda secret: secret == secret, id="compared with itself"),  # noqa: PLR0124 -- must fail too
    ],
)
def test_a_secret_is_refused_to_be(secret: RawKey, misuse: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as caught:
        misuse(secret)
    assert RAW not in str(caught.value)


def test_reveal_returns_the_secret_unchanged() -> None:
    assert RawKey(" ak\n").reveal() == " ak\n"


@pytest.mark.parametrize(("text", "is_empty"), [("", True), (" ", False), ("a", False)])
def test_only_the_empty_text_is_empty(text: str, is_empty: bool) -> None:
    assert RawKey(text).is_empty() is is_empty


@pytest.mark.parametrize(
    ("redacted", "fits"),
    [
        pytest.param("ak-abc...xyz", True, id="head and tail"),
        pytest.param("ak-abc…xyz", True, id="a real ellipsis"),
        pytest.param("ak-abc****xyz", True, id="stars"),
        pytest.param("ak-abcxxxxxxxz", True, id="a run of x"),
        pytest.param("ak-a...", True, id="four readable characters: a head alone is enough"),
        pytest.param("ak-...", False, id="three readable characters: every key starts so"),
        pytest.param("...", False, id="nothing readable"),
        pytest.param("", False, id="no redacted form"),
        pytest.param("ak-abcdefghxyz", False, id="not redacted"),
        pytest.param("ak-abd...xyz", False, id="another head"),
        pytest.param("ak-abc...xyy", False, id="another tail"),
        pytest.param("ak-abcdefg...hxyz", False, id="as long as the secret: nothing is hidden"),
    ],
)
def test_a_redacted_form_fits_by_its_readable_ends(redacted: str, fits: bool) -> None:
    assert Credential("ak-abcdefghxyz").fits(redacted) is fits


@given(
    st.text("ab.x", min_size=1, max_size=8), st.integers(0, 8), MARKS, st.integers(0, 8), st.text("ab.*x", max_size=1)
)
@example(secret="abaabb", head_end=4, mark="...", start=8, more="")
@example(secret="abaabx", head_end=2, mark="xxxx", start=8, more="x")
@example(secret="abaabb", head_end=2, mark="**", start=4, more="a")
def test_a_form_fits_as_its_readable_ends_say(secret: str, head_end: int, mark: str, start: int, more: str) -> None:
    redacted = secret[:head_end] + mark + secret[start:] + more
    head, _, tail = split_redacted(redacted)
    is_enough = len(head + tail) >= READABLE_MINIMUM and len(secret) > len(head + tail)
    assert Credential(secret).fits(redacted) is (is_enough and secret.startswith(head) and secret.endswith(tail))


def test_a_fingerprint_matches_its_raw_key_alone() -> None:
    fingerprint = RawKey(RAW).fingerprint("key-1")
    assert fingerprint.matches(RawKey(RAW))
    assert not fingerprint.matches(RawKey(RAW + "0"))


def test_a_fingerprint_differs_by_salt_and_hides_the_raw_key() -> None:
    one, other = RawKey(RAW).fingerprint("key-1"), RawKey(RAW).fingerprint("key-2")
    assert one.digest != other.digest
    assert RAW not in repr(one)


def test_a_fingerprint_is_the_first_half_of_an_hmac() -> None:
    # RFC 4231, test case 2: key "Jefe".
    assert RawKey("what do ya want for nothing?").fingerprint("Jefe") == Fingerprint(
        "Jefe", "5bdcc146bf60754e6a042426089575c7"
    )


def test_a_secret_overlaps_what_it_is_a_piece_of_and_what_is_a_piece_of_it() -> None:
    whole, piece, other = RawKey("ak-0123456789"), RawKey("ak-012345"), RawKey("ak-9876543210")
    assert [whole.overlaps(one) for one in (whole, piece, other)] == [True, True, False]
    assert [piece.overlaps(one) for one in (whole, other)] == [True, False]
    assert [one.is_piece_of(whole) for one in (whole, piece, other)] == [False, True, False]
