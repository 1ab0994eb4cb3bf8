"""`keyplan provider`: whether a definition of the provider `http` says what its server does."""

from __future__ import annotations

import click

from keyplan.app.exit_codes import ExitStatus
from keyplan.app.layers import read_assignments
from keyplan.app.provider_trial import try_provider
from keyplan.cli.layer_options import Assignments
from keyplan.cli.options import argument, option, refuse_no_command
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.model.identity import Identity, Lineage
from keyplan.model.manifest import FromEnvironment, ProviderSettings
from keyplan.renderers.text.provider_trial import render_provider_trial


@click.group("provider", invoke_without_command=True, subcommand_metavar="COMMAND [ARGS]...")
@click.pass_context
def command(ctx: click.Context) -> int:
    """Check a definition of the provider http against a server.

    \b
    Example:
      keyplan provider check providers/acme.yaml --against https://acme.example.com
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    return refuse_no_command(ctx)


@command.command("check")
@argument("file", type=click.Path())
@option("--against", metavar="URL", required=True, help="Base URL of the server; use an account for tests.")
@option(
    "--credential-env",
    metavar="NAME",
    default="KEYPLAN_PROVIDER_CREDENTIAL",
    show_default=True,
    help="Variable that holds the credential.",
)
@option(
    "--var",
    "variables",
    variable="VAR",
    type=Assignments(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a variable of the definition; in the environment, one per line. Repeatable.",
)
@click.pass_obj
def check(session: Session, *, file: str, against: str, credential_env: str, variables: tuple[str, ...]) -> int:
    """Try what a definition says, with keys that are made for it and deleted again.

    Creates up to six keys with random names. They are deleted whatever happens; the last line says whether that
    worked. Exit status: 0 all trials passed, 3 the definition cannot be used, 5 a trial failed.

    \b
    Example:
      keyplan provider check providers/acme.yaml --against https://acme.example.com --credential-env ACME_KEY
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    settings = ProviderSettings(
        type="http",
        credential=FromEnvironment(credential_env),
        options={"definition": file, "base_url": against, "variables": dict(read_assignments(variables))},
    )
    lineage = Lineage(identity=Identity("keyplan-check"))
    ports = context.wiring.provider(settings, lineage=lineage, folder=session.folder)
    try:
        with show_waiting(session.screen, "Trying what the definition says"):
            trial = try_provider(ports, context.wiring.clock, session.interrupts)
    finally:
        ports.close()
    session.screen.answer(render_provider_trial(trial, session.screen.palette))
    if (number := session.interrupts.requested()) is not None:
        session.screen.say("interrupted: the check ended after the trials above")
        return ExitStatus.SIGNALLED + number
    return trial.exit_status
