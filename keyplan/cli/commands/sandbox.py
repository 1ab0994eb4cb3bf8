"""`keyplan sandbox`: a local Arize API."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from keyplan.cli.options import Decorator, Duration, Number, option
from keyplan.cli.sandbox_server import sandbox_server
from keyplan.cli.session import Session
from keyplan.sandbox.options import SandboxOptions

_HIGHEST_PORT = 65_535


def _option(name: str, **attributes: Any) -> Decorator[Any]:
    """Return an option whose environment form says that it is the sandbox's."""
    variable = "SANDBOX_" + name.removeprefix("--").upper().replace("-", "_")
    return option(name, variable=variable, **attributes)


@click.command("sandbox")
@_option("--port", type=Number(0, _HIGHEST_PORT), default=0, help="Port on 127.0.0.1. [default: a free one]")
@_option(
    "--api", type=click.Choice(["alpha", "beta"]), default="beta", show_default=True, help="The generation of the API."
)
@_option("--state", type=click.Path(path_type=Path), metavar="FILE", help="Keep the keys in this file.")
@_option("--refresh-id", type=click.Choice(["new", "same"]), default="new", help="The id of a key after a refresh.")
@_option("--second-delete", type=click.Choice(["204", "404"]), default="204", help="Answer to a second delete (alpha).")
@_option(
    "--omitted-expiry",
    type=click.Choice(["422", "inherit", "unbounded"]),
    default="422",
    help="What a refresh without expires_at does to a key that expires (beta).",
)
@_option("--audit-log", type=click.Choice(["on", "off"]), default="on", help="Whether the audit log is shown (beta).")
@_option("--max-lifetime", type=Duration(), help="Maximum lifetime of a key (beta).")
@_option("--rate-limit", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Requests per second.")
@_option("--latency", type=Duration(), default="0s", help="How long each request is delayed.")
@_option("--keys", type=Number(min=0), default=0, metavar="N", help="Number of additional user keys at the start.")
@click.pass_obj
def command(
    session: Session,
    *,
    port: int,
    api: str,
    state: Path | None,
    refresh_id: str,
    second_delete: str,
    omitted_expiry: str,
    audit_log: str,
    max_lifetime: timedelta | None,
    rate_limit: float | None,
    latency: timedelta,
    keys: int,
) -> int:
    """Run a local Arize API to try things out.

    Prints its address and a credential, and listens on 127.0.0.1 until it is interrupted. Its keys are worth
    nothing anywhere else. Needs: pip install 'keyplan[sandbox]'

    \b
    Example:
      keyplan sandbox --port 8080 --api beta --state sandbox.db
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines

    def announce(url: str, credential: str) -> None:
        session.screen.answer(_describe(url, credential, api))

    with sandbox_server() as server:
        options = SandboxOptions(
            port=port,
            api="alpha" if api == "alpha" else "beta",
            state=session.folder / state if state else None,
            refresh_id="same" if refresh_id == "same" else "new",
            second_delete=404 if second_delete == "404" else 204,
            omitted_expiry=omitted_expiry,  # type: ignore[arg-type]  # click let only these words through
            audit_log="off" if audit_log == "off" else "on",
            max_lifetime=max_lifetime,
            rate_limit=rate_limit,
            latency=latency,
            keys=keys,
        )
        server.serve(options, announce=announce)
    return 0


def _describe(url: str, credential: str, api: str) -> str:
    """Return what a user needs to use the sandbox from another shell."""
    host = url.partition("://")[2]
    lines = [
        f"Sandbox of the Arize API ({api}) at {url}",
        "",
        f"  export ARIZE_API_HOST={host} ARIZE_API_SCHEME=http",
        f"  export ARIZE_API_KEY={credential}" if credential else "  (its credential was printed when it was made)",
        "",
        "End it with Ctrl-C.",
    ]
    return "".join(f"{line}\n" for line in lines)
