"""A whole page as one file: its style and script are inside, and its policy allows no others and no network.

Only the two assets enter it unescaped. Everything else is text, which htpy escapes.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import htpy
from markupsafe import Markup

from keyplan.model.times import show_time
from keyplan.renderers.sanitize import sanitize


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """Style and script of every page, from files of the package."""

    css: str
    js: str


def render_page(title: str, sections: Sequence[htpy.Node], *, assets: Assets, made_at: datetime, version: str) -> str:
    """Return the page. The same sections give the same text, byte for byte."""
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
    return str(
        htpy.html(lang="en")[
            htpy.head[
                htpy.meta(charset="utf-8"),
                htpy.meta(http_equiv="Content-Security-Policy", content=policy),
                htpy.meta(name="viewport", content="width=device-width, initial-scale=1"),
                htpy.meta(name="referrer", content="no-referrer"),
                htpy.title[shown],
                htpy.style[Markup(assets.css)],  # noqa: S704 - a file of the package, see above
            ],
            htpy.body[
                htpy.header[
                    htpy.h1[shown], htpy.p(".faint")[f"As of {show_time(made_at)}. Made by keyplan {version}."]
                ],
                htpy.main[sections],
                htpy.footer[
                    htpy.p(".faint")["No raw key is in this file. It is as old as its date: run keyplan report again."]
                ],
                htpy.script[Markup(assets.js)],  # noqa: S704 - a file of the package, see above
            ],
        ]
    )


def _hash(text: str) -> str:
    """Return the source of a policy that allows exactly this text (Content Security Policy Level 3, hash-source)."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
