"""What a user meant who typed a word that keyplan does not have: a verb of Terraform, or a misspelt one.

No answer here names a command that changes keys: what a user did not write, a shell's history must not run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches

SUGGESTED = frozenset(
    {
        *("audit", "calendar", "completion", "demo", "doctor", "drift", "explain", "export", "fmt", "history", "init"),
        *("ledger", "list", "plan", "rehearse", "report", "sandbox", "schema", "show", "validate", "version"),
    }
)
"""Commands that a misspelt word may be answered with. None of them changes a key."""

_NEARLY = 0.8
_REMOVE = "a key is deleted once its declaration is removed; remove it from the manifest, then see: keyplan plan"
_DECLARE = "declare the key in the manifest, then see: keyplan plan"
_LOOK = "see what would change with: keyplan plan"
_LISTED = "list the keys that exist with: keyplan list; the receipts of its own: keyplan ledger show"
_FOLDERS = "keep a manifest for each environment in a folder of its own, and name the folder: keyplan plan envs/"
_RENEW = "see what a renewal would do, whatever the key's age: keyplan plan --rotate ADDRESS"
_CREDENTIAL = (
    "each run reads the credential again from the source that the manifest names; check it with: keyplan doctor"
)

ANSWERS: Mapping[str, str] = {
    "console": "show values of a saved plan with: keyplan show PLANFILE --format json",
    "create": _DECLARE,
    "delete": _REMOVE,
    "destroy": _REMOVE,
    "diff": _LOOK,
    "force-unlock": "see who holds the lock, and its id: keyplan ledger lock",
    "get": _LISTED,
    "graph": "keys do not depend on each other; see the dates of each with: keyplan calendar",
    "login": _CREDENTIAL,
    "logout": _CREDENTIAL,
    "modules": _FOLDERS,
    "output": "a raw key is in its sinks and is never shown; see which sinks hold it: keyplan ledger show",
    "preview": _LOOK,
    "providers": "see the providers, sinks and ledgers that are installed, with their options: keyplan schema manifest",
    "refresh": "each run asks the provider, so nothing has to be refreshed; see what changed with: keyplan drift",
    "remove": _REMOVE,
    "rm": _REMOVE,
    "state": _LISTED,
    "state list": _LISTED,
    "state mv": "write moved_from: [OLD-ADDRESS] into the declaration, then see: keyplan plan",
    "state pull": "print what the ledger holds with: keyplan ledger show --format json",
    "state rm": "to let a key go without deleting it, name it under removed:, or write on_remove: forget; then see: "
    "keyplan plan",
    "state show": "see what the ledger knows with: keyplan ledger show",
    "taint": _RENEW,
    "test": "try a manifest on a local API: keyplan sandbox; or see the whole tour: keyplan demo",
    "untaint": "nothing marks a key for renewal; see what is due with: keyplan calendar",
    "up": _LOOK,
    "workspace": _FOLDERS,
}
"""Verbs of Terraform, and of its like, with what to do instead. A verb of two words comes before that of one."""


def explain_word(arguments: Sequence[str], commands: Collection[str]) -> str:
    """Return what to do instead of a command that does not exist; empty if nothing is near.

    `arguments` begins with the unknown word; `commands` are those that exist.
    """
    for words in (" ".join(arguments[:2]), arguments[0]):
        if words in ANSWERS:
            return f"keyplan has no '{words}': {ANSWERS[words]}"
    near = get_close_matches(arguments[0], [*commands, *ANSWERS], n=1)
    if not near:
        return ""
    if near[0] in ANSWERS:
        # A word of another program is meant only if it is nearly that word: `rollout` is not `logout`.
        if not get_close_matches(arguments[0], near, cutoff=_NEARLY):
            return ""
        return f"No such command '{arguments[0]}'. If you mean '{near[0]}': {ANSWERS[near[0]]}"
    if near[0] in SUGGESTED:
        return f"No such command '{arguments[0]}'. Did you mean '{near[0]}'?"
    return ""
