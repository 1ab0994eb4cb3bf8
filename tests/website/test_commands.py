"""The reference of the command line has every command, with its options and their names in the environment."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from website.commands import list_variables, make_context, write_index, write_section

from keyplan.cli.main import COMMANDS


def list_contexts(*names: str) -> Iterator[click.Context]:
    """Yield the context of a command and of those below it."""
    ctx = make_context(*names)
    yield ctx
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            yield from list_contexts(*names, name)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_has_every_option_and_variable_of_its_command(name: str) -> None:
    text = write_section(name)
    for ctx in list_contexts(name):
        options = [one for one in ctx.command.get_params(ctx) if isinstance(one, click.Option) and not one.hidden]
        assert [opt for one in options for opt in one.opts if f"`{opt}" not in text and f" {opt}" not in text] == []
        assert [variable for variable in list_variables(ctx).values() if f"`{variable}`" not in text] == []
        assert f"{ctx.command_path} " in text or f"{ctx.command_path}\n" in text


def test_most_options_have_a_name_in_the_environment() -> None:
    variables = list_variables(make_context("plan"))
    assert variables["--out"] == "KEYPLAN_OUT"
    assert len(variables) > 20


@pytest.mark.parametrize("name", COMMANDS)
def test_the_index_links_each_command(name: str) -> None:
    assert f"[`keyplan {name}`](../commands/{name}.md)" in write_index()


def test_limits_and_defaults_stand_below_the_text_without_the_variable() -> None:
    assert (
        "`--markdown-bytes N`\n"
        ": The longest Markdown allowed; the least dangerous rows are omitted.\n"
        "  <br>default: 65536; x\\>=1024\n"
        "  <br>In the environment: `KEYPLAN_MARKDOWN_BYTES`\n"
    ) in write_section("plan")


def test_a_command_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no command terraform"):
        make_context("terraform")
