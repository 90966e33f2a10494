"""The command line: `gateway`. stdout carries data, stderr messages; exit 0 ok, 1 failed, 2 usage or configuration.

Each command lives in a module of its own that is imported when it is called for: help must not cost the import of a
database library.
"""

import importlib
import sys
from typing import Any

import click

from gateway.errors import ConfigurationError, DatabaseUnavailable, GatewayError

DATABASE_HINT = (
    "GATEWAY_DATABASE_URL names it. PostgreSQL: is it running, and are host, port, user and password right? "
    "SQLite: is it a file of this gateway's, which this user may write to?"
)
DISK_HINT = "Make room on the disk that holds it, or name a database elsewhere with GATEWAY_DATABASE_URL."

# Command → (module, what it is for). The order is that of the help page.
COMMANDS = {
    "demo": ("demo", "Watch calls being decided: a gateway, an upstream and callers, all on this machine."),
    "serve": ("serve", "Run the gateway."),
    "check": ("check", "Show the effective configuration and what is missing."),
    "doctor": ("doctor", "Look at everything outside that calls need: network, keys, clock, database, disk."),
    "rulebook": ("rulebook", "Check, show, plan, publish and export the rules."),
    "profiles": ("profiles", "Check and upgrade profiles, and print their schema."),
    "decide": ("decide", "Test a call: what would happen to it, and why."),
    "replay": ("replay", "Run past calls through a draft or a revision: which would go elsewhere?"),
    "calls": ("calls", "Look at calls, export them, hang up and transfer."),
    "keys": ("keys", "Create, list and revoke API keys."),
    "overrides": ("overrides", "Put rules above the rules, for a while: closed until 14:00."),
    "audit": ("audit", "Look at who changed or revealed what."),
    "subscribers": ("subscribers", "See who is told what becomes of calls, and whether it arrived."),
    "client-secret": ("client_secret", "Make an ephemeral key, with which a browser talks to an agent."),
    "encryption": ("encryption", "Encrypt what is personal, change the key, or decrypt it again."),
    "db": ("db", "Look after the database's tables."),
    "emulate": ("emulate", "Run an upstream to try and test against."),
}


class _Commands(click.Group):
    """Imports a command when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gateway.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            click.echo(f"gateway: {error}", err=True)
            ctx.exit(2)
        except DatabaseUnavailable as error:
            click.echo(f"gateway: {told(error)}", err=True)
            ctx.exit(1)
        except GatewayError as error:
            click.echo(f"gateway: {error}", err=True)
            ctx.exit(1)
        except BrokenPipeError:  # `gateway calls list | head`
            sys.stderr.close()
            ctx.exit(1)


def told(error: DatabaseUnavailable) -> str:
    """What went wrong with the database, and what to look at."""
    full = "disk is full" in str(error) or "No space left" in str(error)  # SQLite's words and PostgreSQL's
    return f"the database does not answer: {error}\n{DISK_HINT if full else DATABASE_HINT}"


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", help="The configuration file; gateway.toml where there is one.")
@click.version_option(package_name="sip-call-gateway", message="%(version)s")
@click.pass_context
def cli(ctx: click.Context, config: str | None) -> None:
    """Decides what happens to a ringing phone call before an AI answers it."""
    ctx.obj = {"config": config} if config else {}
