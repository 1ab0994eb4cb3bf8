"""A word that keyplan does not have is answered with what to do, and never with a command that changes keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from cli.shell import Shell

from keyplan.cli.foreign_verbs import ANSWERS, SUGGESTED, explain_word
from keyplan.cli.main import COMMANDS

CHANGES_KEYS = frozenset({"apply", "import", "rotate", "watch", "leak", "revoke"})


def misspell(word: str) -> Iterator[str]:
    """Yield a word with one letter missing, doubled, exchanged or wrong."""
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]
        yield word[:at] + word[at] + word[at:]
        yield word[:at] + "x" + word[at + 1 :]
        yield word[:at] + word[at : at + 2][::-1] + word[at + 2 :]


@pytest.mark.parametrize("verb", sorted(ANSWERS))
def test_a_verb_of_terraform_is_answered_with_what_to_do_and_with_nothing_that_changes_keys(verb: str) -> None:
    said = explain_word(verb.split(), COMMANDS)
    named = re.findall(r"keyplan ([a-z]+)", said.removeprefix(f"keyplan has no '{verb}'"))
    assert named
    assert set(named) <= SUGGESTED
    assert verb.split(maxsplit=1)[0] not in COMMANDS


@pytest.mark.parametrize("command", sorted(CHANGES_KEYS | COMMANDS.keys()))
def test_a_misspelt_word_is_never_answered_with_a_command_that_changes_keys(command: str) -> None:
    for word in misspell(command):
        if word and word not in COMMANDS:
            said = explain_word([word], {*COMMANDS, *CHANGES_KEYS}).partition("Did you mean")[2]
            assert not CHANGES_KEYS & set(re.findall(r"[a-z]+", said)), word


def test_no_command_that_changes_keys_is_suggested() -> None:
    assert not SUGGESTED & CHANGES_KEYS
    assert set(COMMANDS) >= SUGGESTED


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("destroy", "keyplan has no 'destroy': a key is deleted once its declaration is removed"),
        ("state rm user/ci", "keyplan has no 'state rm': to let a key go without deleting it"),
        ("state", "keyplan has no 'state': list the keys that exist"),
        ("destory", "No such command 'destory'. If you mean 'destroy': a key is deleted"),
        ("plna", "No such command 'plna'. Did you mean 'plan'?"),
        ("aply", "No such command 'aply'.\n"),
        ("rollout", "No such command 'rollout'.\n"),
        ("reprot", "No such command 'reprot'. Did you mean 'report'?"),
        ("rotat user/ci", "No such command 'rotat'.\n"),
        ("zzz", "No such command 'zzz'.\n"),
    ],
)
def test_the_answer_is_a_usage_error(shell: Shell, typed: str, said: str) -> None:
    done = shell(*typed.split())
    assert (done.status, done.out) == (64, "")
    assert done.err.startswith(f"error: {said}")
