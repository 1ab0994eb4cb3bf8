"""Text that fits into a limit: as much of it as there is room for.

In: a composition that says more with every step. Out: the fullest one that fits. Never: a text
that is cut in its middle.
"""

from __future__ import annotations

from collections.abc import Callable


def fit(compose: Callable[[int], str], *, most: int, budget_bytes: int) -> str:
    """Return ``compose(most)`` where it fits in UTF-8 bytes, else the fullest one below that is found to fit.

    Each step is expected to say more than the one before. ``compose(0)`` is the floor: it is returned even where it
    is too long.
    """
    whole = compose(most)
    if _fits(whole, budget_bytes):
        return whole
    fitting, text, too_long = 0, compose(0), most
    while too_long - fitting > 1:
        middle = (fitting + too_long) // 2
        candidate = compose(middle)
        if _fits(candidate, budget_bytes):
            fitting, text = middle, candidate
        else:
            too_long = middle
    return text


def _fits(text: str, budget_bytes: int) -> bool:
    return len(text.encode()) <= budget_bytes
