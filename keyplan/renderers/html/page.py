"""A whole page as one file: its style and script are inside, and its policy allows no others and no network.

Only the two assets enter it unescaped. Everything else is text, which htpy escapes.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import htpy
from markupsafe import Markup

from keyplan.model.times import show_time
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import Assets


class Tile(NamedTuple):
    """A number that the first look at a page shows; its tone colours it unless it is zero."""

    number: int
    words: str
    tone: str
    """``alarm``, ``wait`` or ``calm``."""


def draw_tiles(tiles: Iterable[Tile]) -> htpy.Element:
    """Return the tiles as a list."""
    return htpy.ul(".tiles")[
        (
            htpy.li(class_=tile.tone if tile.number else "")[
                htpy.strong[str(tile.number)], sanitize(tile.words, width=60)
            ]
            for tile in tiles
        )
    ]


def render_page(
    title: str, sections: Sequence[htpy.Node], *, assets: Assets, made_at: datetime | None, version: str, command: str
) -> str:
    """Return the page; `command` makes a newer one. The same sections give the same text, byte for byte."""
    policy = "; ".join(
        [
            "default-src 'none'",
            f"style-src {_hash(assets.css)}",
            f"script-src {_hash(assets.js)}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    shown = sanitize(title)
    page = htpy.html(lang="en")[
        htpy.head[
            htpy.meta(charset="utf-8"),
            htpy.meta(http_equiv="Content-Security-Policy", content=policy),
            htpy.meta(name="viewport", content="width=device-width, initial-scale=1"),
            htpy.meta(name="referrer", content="no-referrer"),
            htpy.title[shown],
            htpy.style[Markup(assets.css)],  # noqa: S704 - a file of the package, see above
        ],
        htpy.body[
            htpy.header[htpy.h1[shown], htpy.p(".faint")[_describe_origin(made_at, version)]],
            htpy.main[sections],
            htpy.footer[
                htpy.p(".faint")["This file holds no raw key. For a newer page, run ", htpy.code[command], " again."]
            ],
            htpy.script[Markup(assets.js)],  # noqa: S704 - a file of the package, see above
        ],
    ]
    # Joined, because the text of an element is of a class that escapes whatever is put into it later.
    return "".join(page.iter_chunks())


def _describe_origin(made_at: datetime | None, version: str) -> str:
    by = f"Made by keyplan {version}." if version else "Made by keyplan."
    return f"As of {show_time(made_at)}. {by}" if made_at else by


def _hash(text: str) -> str:
    """Return the source of a policy that allows exactly this text (Content Security Policy Level 3, hash-source)."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
