"""A page as a browser's parser reads it: tags with the names of their attributes, and texts."""

from __future__ import annotations

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.values: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.values += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", ()))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read_page(text: str) -> _Reader:
    """Return what a page consists of."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader


def list_tags(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return every tag of a page with the names of its attributes, in order."""
    return read_page(text).tags


def list_texts(text: str) -> list[str]:
    """Return every text of a page and every value of an attribute."""
    reader = read_page(text)
    return [*reader.texts, *reader.values]
