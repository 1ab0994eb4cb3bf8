"""What plugin authors import: complete, documented, and cheap until something heavy is used."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from inspect import isclass, isfunction
from pathlib import Path

import pytest

from keyplan import plugin

DOCS = Path(__file__).parents[1] / "docs"


def test_every_public_name_is_there() -> None:
    assert [name for name in plugin.__all__ if not hasattr(plugin, name)] == []
    assert set(dir(plugin)) == set(plugin.__all__)


def _is_called(name: str) -> bool:
    named = getattr(plugin, name)
    return isclass(named) or isfunction(named)


@pytest.mark.parametrize("name", [name for name in plugin.__all__ if _is_called(name)])
def test_what_an_author_calls_or_implements_is_documented(name: str) -> None:
    named = getattr(plugin, name)
    assert (named.__doc__ or "").strip()
    # Made by `dataclass` or `NewType`, a docstring repeats the signature and says nothing.
    assert not (named.__doc__ or "").startswith(f"{named.__name__}(")


def test_an_unknown_name_is_an_error_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="no attribute 'open_everything'"):
        _ = plugin.open_everything


@pytest.mark.parametrize("heavy", ["httpx", "tenacity", "pytest", "sqlite3"])
def test_a_manifest_is_validated_without_what_only_a_run_needs(heavy: str) -> None:
    script = f"import sys, keyplan.plugin; print({heavy!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_http_client_comes_when_it_is_used() -> None:
    script = "import sys; from keyplan.plugin import Retrier, open_client; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_the_page_for_authors_names_what_there_is_and_nothing_else() -> None:
    table = (DOCS / "writing-a-plugin.md").read_text().partition("## All names of keyplan.plugin")[2]
    named = [name for row in table.splitlines() if row.startswith("| ") for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(plugin.__all__)


@pytest.mark.parametrize("page", ["writing-a-plugin.md", "writing-a-sink.md", "writing-a-provider.md"])
def test_what_a_page_imports_is_there(page: str) -> None:
    imports = re.findall(r"^from (keyplan\.[\w.]+) import ([\w, ]+)$", (DOCS / page).read_text(), re.MULTILINE)
    assert imports
    for module, names in imports:
        assert module.partition(".")[2].partition(".")[0] in ("plugin", "testing")
        for name in names.split(", "):
            assert hasattr(import_module(module), name), name
