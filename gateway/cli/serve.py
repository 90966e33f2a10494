"""`gateway serve`: run the gateway."""

import signal

import click

from gateway.cli.configured import settings_of
from gateway.cli.output import say


@click.command("serve")
@click.option("--host", metavar="ADDRESS", help="Where to listen; 127.0.0.1 unless configured.")
@click.option("--port", type=int, metavar="PORT", help="8080 unless configured; 0 takes any free one.")
@click.pass_context
def command(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Run the gateway until it is told to stop (Ctrl-C or SIGTERM)."""
    settings = settings_of(ctx, GATEWAY_HOST=host, GATEWAY_PORT=port)
    from gateway.app import Gateway, create_app
    from gateway.clock import SystemClock
    from gateway.logs import configure_logging
    from gateway.server import origin, run_server
    from gateway.settings import Settings, missing, secrets_of

    configure_logging(settings)
    for sentence in settings.warnings:
        say(f"Warning: {sentence}")
    died = []

    def on_death() -> None:
        died.append("the journal's writer")
        signal.raise_signal(signal.SIGTERM)

    def on_started(port: int) -> None:
        base = origin(settings.host, port)
        say(f"Listening on {base}; webhooks go to {base}/webhooks/{{endpoint}}; the console is {base}/.")
        for sentence in missing(settings):
            say(f"Missing: {sentence}")

    known = secrets_of(settings)

    def load() -> Settings:
        nonlocal known
        fresh = settings_of(ctx, GATEWAY_HOST=host, GATEWAY_PORT=port)
        if (secrets := secrets_of(fresh)) != known:
            known = secrets
            configure_logging(fresh)  # which keeps the new secrets out of the log
        return fresh

    gateway = Gateway(settings, clock=SystemClock(), on_death=on_death, load=load)
    signal.signal(signal.SIGHUP, lambda *_: gateway.reload())
    for sentence in gateway.database.warnings():
        say(f"Warning: {sentence}")
    run_server(
        create_app(gateway),
        host=settings.host,
        port=settings.port,
        on_started=on_started,
        on_stopping=gateway.begin_stop,
        on_cut=gateway.metrics.connection_cut,
    )
    if died:
        say(f"gateway: stopped because {died[0]} died; see the log. Start it again: nothing acknowledged is lost.")
        ctx.exit(1)
