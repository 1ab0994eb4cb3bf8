"""The process's streams: nothing leaves before it was looked at as a whole line."""

from __future__ import annotations

import io
import threading

import pytest

from keyplan.cli.masked_stream import mask_stream
from keyplan.model.mask import HIDDEN, note_credential

TOKEN = "tok-0123456789-abcdefghijklmnop"


@pytest.fixture(autouse=True)
def _one_secret() -> None:
    note_credential(TOKEN)


def test_a_line_is_written_when_it_is_whole() -> None:
    below = io.StringIO()
    stream = mask_stream(below)
    stream.write("error: ")
    assert below.getvalue() == ""
    stream.write(f"{TOKEN}\nmore")
    assert below.getvalue() == f"error: {HIDDEN}\n"
    stream.flush()
    assert below.getvalue() == f"error: {HIDDEN}\nmore"


@pytest.mark.parametrize("cut", range(1, len(TOKEN)))
def test_a_secret_in_two_pieces_is_hidden(cut: int) -> None:
    below = io.StringIO()
    stream = mask_stream(below)
    stream.writelines([f"it says {TOKEN[:cut]}", f"{TOKEN[cut:]} again\n"])
    for piece in (TOKEN[:cut], TOKEN[cut:], "\n"):
        stream.write(piece)
    assert below.getvalue() == f"it says {HIDDEN} again\n{HIDDEN}\n"


def test_a_prompt_without_a_line_break_is_shown_when_it_is_flushed() -> None:
    below = io.StringIO()
    stream = mask_stream(below)
    assert stream.write("type yes: ") == 10
    stream.flush()
    assert below.getvalue() == "type yes: "


def test_it_is_like_the_stream_in_all_else(tmp_path: object) -> None:
    below = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stream = mask_stream(below)
    assert (stream.encoding, stream.isatty(), stream.closed) == ("ascii", False, False)
    assert stream.buffer is below.buffer


def test_threads_do_not_take_a_line_apart() -> None:
    below = io.StringIO()
    stream = mask_stream(below)

    def say(word: str) -> None:
        for _ in range(200):
            stream.write(f"{word} {TOKEN}\n")

    threads = [threading.Thread(target=say, args=(word,)) for word in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(below.getvalue().splitlines())) == [f"{word} {HIDDEN}" for word in ("one", "three", "two")]
