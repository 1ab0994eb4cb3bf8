"""What is hidden, what is not, and what a document remains."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import textwrap
import threading
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.model import mask
from keyplan.model.mask import (
    HIDDEN,
    MOST_SECRETS,
    SURE,
    forget_secrets,
    hide,
    hide_fields,
    hide_in_strings,
    note_credential,
    note_raw_key,
    own_secrets,
)
from keyplan.model.secret import Credential, RawKey
from keyplan.model.secret_forms import list_forms

TOKEN = "tok-0123456789-abcdefghijklmnop"
RAW = "ak-5e2c77a1-" + "Zq9" * 15
ODD = "odd\\secret\"with\\\\quotes'and<marks>&so/on"


def test_a_credential_and_a_raw_key_are_hidden_from_their_birth_on() -> None:
    assert hide(f"{TOKEN} {RAW}") == f"{TOKEN} {RAW}"
    held = Credential(TOKEN), RawKey(RAW)
    assert hide(f"a {TOKEN} b {RAW}.") == f"a {HIDDEN} b {HIDDEN}."
    del held
    assert TOKEN not in hide(TOKEN)


def test_a_text_without_a_secret_is_the_same_object() -> None:
    note_credential(TOKEN)
    text = "Plan: 1 to add, 0 to change, 0 to destroy."
    assert hide(text) is text


def test_secrets_side_by_side_and_over_each_other_are_hidden_as_one() -> None:
    note_credential(TOKEN)
    note_credential(TOKEN[4:] + "-and-more-of-it")
    assert hide(f"x{TOKEN}{TOKEN}-and-more-of-it{TOKEN}y") == f"x{HIDDEN}y"


def test_a_secret_of_fewer_than_eight_characters_takes_no_word_out_of_a_text() -> None:
    short = Credential("root")
    assert short.is_short()
    assert hide("the root of all") == "the root of all"
    assert not Credential("8letters").is_short()
    assert hide("of 8letters only") == f"of {HIDDEN} only"


@pytest.mark.parametrize("length", range(SURE, len(TOKEN)))
def test_a_credential_that_was_cut_is_hidden_on_either_side_of_the_cut(length: int) -> None:
    note_credential(TOKEN)
    assert hide(f"{TOKEN[:length]}...") == f"{HIDDEN}..."
    assert hide(f"...{TOKEN[-length:]}") == f"...{HIDDEN}"


@pytest.mark.parametrize("length", range(SURE, len(RAW)))
def test_a_raw_key_that_was_cut_is_hidden(length: int) -> None:
    note_raw_key(RAW)
    assert hide(f"see {RAW[:length]}...") == f"see {HIDDEN}..."


@pytest.mark.parametrize("width", [20, 31, 60, 64, 76])
def test_base64_that_was_broken_into_lines_is_hidden(width: int) -> None:
    note_credential(TOKEN)
    digits = base64.b64encode(f"Authorization: Bearer {TOKEN}; and more".encode()).decode()
    shown = hide("\n".join(textwrap.wrap(digits, width))).replace("\n", "")
    left = [shown[at : at + 8] for at in range(len(shown) - 7)]
    forms = base64.b64encode(f"xxAuthorization: Bearer {TOKEN}".encode()).decode() + digits
    assert HIDDEN in shown
    assert not [piece for piece in left if piece in forms and piece in digits[32:72]]


def test_words_of_the_output_that_are_part_of_a_secret_stay() -> None:
    note_credential("manifest-of-the-production-team-4711")
    assert hide("your keys match the manifest of production") == "your keys match the manifest of production"


def test_json_stays_json_with_its_fields_when_a_secret_is_a_word_of_the_format() -> None:
    for secret in ("resource_changes", "format_version", "12345678"):
        note_credential(secret)
    document = {"format_version": "1.1", "resource_changes": [{"name": "resource_changes", "at": 12345678}]}
    for text in (json.dumps(document), json.dumps(document, indent=2), json.dumps(document) + "\n"):
        assert json.loads(hide(text)) == {
            "format_version": "1.1",
            "resource_changes": [{"name": HIDDEN, "at": 12345678}],
        }


def test_a_secret_that_is_a_key_of_json_is_hidden_if_it_is_no_field() -> None:
    note_credential(TOKEN)
    assert json.loads(hide(json.dumps({TOKEN: {TOKEN: TOKEN}}))) == {HIDDEN: {HIDDEN: HIDDEN}}
    assert hide_fields({TOKEN: 1, "a": [TOKEN, {TOKEN: None}], "b": {"c": TOKEN}}) == {
        HIDDEN: 1,
        "a": [HIDDEN, {HIDDEN: None}],
        "b": {"c": HIDDEN},
    }


def test_a_line_that_only_looks_like_json_is_no_refuge() -> None:
    note_credential(TOKEN)
    assert TOKEN not in hide(f"[x]/keys.yaml: error: {TOKEN}")
    assert TOKEN not in hide('{"a": ' + TOKEN + "}")


def test_metrics_stay_metrics_when_a_secret_is_a_number_or_a_name() -> None:
    note_credential("keyplan_keys")
    note_credential("1790000000")
    assert hide_in_strings('keyplan_keys{name="keyplan_keys"} 1790000000\n') == (
        f'keyplan_keys{{name="{HIDDEN}"}} 1790000000\n'
    )


@given(before=st.text(), after=st.text(), secret=st.text(min_size=8, max_size=60), cut=st.integers(0, 60))
def test_json_that_holds_any_secret_stays_json_without_it(before: str, after: str, secret: str, cut: int) -> None:
    forget_secrets()
    note_credential(secret)
    document = {"name": f"{before}{secret}{after}", "other": f"{before}{secret[:cut]}{after}"}
    for is_ascii in (True, False):
        shown = json.loads(hide(json.dumps(document, ensure_ascii=is_ascii)))
        assert secret not in shown["name"].replace(HIDDEN, "\0") or secret in HIDDEN


@given(
    secret=st.text(st.sampled_from("ab\\\"'&;u0é<"), min_size=8, max_size=40),
    text=st.text(st.sampled_from("ab\\\"'&;u0é<")),
)
def test_json_stays_json_whatever_of_a_secret_stands_in_it(secret: str, text: str) -> None:
    forget_secrets()
    note_credential(secret)
    json.loads(hide(json.dumps({"one": text + secret + text, "two": secret[3:] + text, "three": text + secret[:-3]})))


_SECRETS = st.lists(
    st.text(st.sampled_from("abAB09-_.~/"), min_size=8, max_size=40), min_size=1, max_size=4, unique=True
)
_GLUE = st.text(st.sampled_from("abAB09-_.~/+ \n="), max_size=20)


@given(
    data=st.data(), secrets=_SECRETS, number=st.integers(1, 3), repeats=st.sampled_from([1, 20]), is_long=st.booleans()
)
def test_a_secret_that_waits_is_found_as_one_whose_blocks_are_noted(
    data: st.DataObject, secrets: list[str], number: int, repeats: int, is_long: bool
) -> None:
    waiting, noted = mask._Beginnings(), mask._Beginnings()
    for secret in secrets:
        waiting.add(secret)
        mask._Index.add(noted, secret)
    forms = [form for secret in secrets for form in list_forms(secret)]
    for _ in range(data.draw(st.integers(1, 3))):
        pieces = [data.draw(st.sampled_from(forms))[: data.draw(st.integers(8, 60))] for _ in range(2)]
        text = "".join(f"{data.draw(_GLUE)}{piece}" for piece in pieces) + data.draw(_GLUE) + " x" * 40_000 * is_long
        blocks = mask._BLOCKS.findall(text)
        for _ in range(repeats):
            assert set(waiting.find(text, blocks)) == set(noted.find(text, blocks))


@pytest.mark.parametrize("secret", ["ak.01~23.45~67.89~ab", "ak-0123456789-abcdef"])
def test_each_form_of_a_secret_that_waits_is_found_by_itself(secret: str) -> None:
    for form in list_forms(secret):
        index, text = mask._Beginnings(), f"x {form[:20]} y"
        index.add(secret)
        assert list(index.find(text, mask._BLOCKS.findall(text))) != [], form


def test_raw_keys_that_no_text_can_hold_take_no_blocks() -> None:
    index = mask._Beginnings()
    for number in range(100):
        index.add(f"ak-{number:03}-0123456789-abcdef")
    for text in ["No changes. Your keys match the manifest.", "https://api.arize.com/v2/api-keys", "QXBpS2V5OjE6YUFh"]:
        assert list(index.find(text, mask._BLOCKS.findall(text))) == []
    assert len(index._waiting) == 100
    assert list(index.find("an ak-007-0123456789-abc", ["an ak-00", "7-012345", "6789-abc"])) == [(3, 24)]
    assert len(index._waiting) == 99


def test_the_last_run_is_forgotten_when_the_next_one_begins() -> None:
    with own_secrets():
        note_credential(TOKEN)
        with own_secrets():
            assert hide(TOKEN) == HIDDEN
    assert hide(TOKEN) == HIDDEN
    with own_secrets():
        assert hide(TOKEN) == TOKEN


def test_only_so_many_secrets_are_kept_and_credentials_are_not_driven_out_by_raw_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mask, "MOST_SECRETS", 20)
    note_credential(TOKEN)
    for number in range(100):
        note_raw_key(f"ak-{number:03}-{RAW}")
    assert hide(TOKEN) == HIDDEN
    assert hide(f"ak-099-{RAW}") == HIDDEN
    assert "ak-000-" in hide(f"ak-000-{RAW}")
    assert MOST_SECRETS > 20_000


def test_the_longest_of_several_secrets_is_hidden() -> None:
    for secret in (TOKEN, f"{TOKEN}-x", f"{TOKEN}-xyz1234"):
        note_credential(secret)
        note_raw_key(f"raw-{secret}")
    assert hide(f"{TOKEN}-xyz1234 {TOKEN}-x {TOKEN}-xy") == f"{HIDDEN} {HIDDEN} {HIDDEN}"
    assert hide(f"raw-{TOKEN}-xyz1234 raw-{TOKEN}-x!") == f"{HIDDEN} {HIDDEN}!"


def test_a_beginning_that_all_secrets_share_costs_little() -> None:
    for number in range(1000):
        note_raw_key(f"arize-production-europe-{number:05}")
        note_credential(f"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.{number:05}")
    text = "".join(f"arize-production-europe-{number:05}... " for number in range(1000))
    begun = process_time()
    assert hide(text) == f"{HIDDEN}... " * 1000
    assert process_time() - begun < 5


def test_many_raw_keys_with_one_beginning_are_all_hidden() -> None:
    raws = [f"ak-sim-common-beginning-{number:05}" for number in range(500)]
    for raw in raws:
        note_raw_key(raw)
    assert hide(" ".join(raws)) == " ".join([HIDDEN] * 500)


def test_a_secret_that_repeats_itself_costs_no_more_than_others() -> None:
    note_credential("A" * 60_000)
    assert hide("A" * 200_000) == HIDDEN


@pytest.mark.parametrize("way", [repr, pickle.dumps, copy.copy, copy.deepcopy])
def test_the_secrets_that_were_seen_leak_by_no_repr_pickle_or_copy(way: Any) -> None:
    note_credential(TOKEN)
    try:
        shown = str(way(mask._Pieces()))
    except TypeError:
        return
    assert shown == f"_Pieces{HIDDEN}"


def test_an_escape_is_hidden_as_a_whole() -> None:
    note_credential(ODD)
    for text in (json.dumps(ODD), json.dumps([ODD])):
        assert hide(text) in (f'"{HIDDEN}"', f'["{HIDDEN}"]')


def test_xml_stays_xml_when_a_secret_is_half_of_an_escape() -> None:
    note_credential("lt;AAAAAAAAAAAAAAAAAAAA")
    assert hide('<testcase name="&lt;AAAAAAAAAAAAAAAAAAAA"/>') == f'<testcase name="{HIDDEN}"/>'


def test_a_secret_is_hidden_as_soon_as_it_is_made_whatever_other_threads_do() -> None:
    leaks = []

    def work(number: int) -> None:
        for turn in range(300):
            secret = f"tok-{number}-{turn:05}-abcdefghijklmnop"
            made = Credential(secret) if turn % 2 else RawKey(secret)
            if made.is_short() or hide(f"x {secret} y") != f"x {HIDDEN} y":
                leaks.append(secret)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert leaks == []
