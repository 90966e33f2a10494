"""The filters of a search on the command line, shared by `gateway calls list`, `tail` and `export`."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gateway.calls.wanted import Wanted

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def read_moment(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """A time given on the command line, in the stored form; without an offset it is UTC. Raises BadParameter."""
    from gateway.reading import to_micros

    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time; write 2026-12-01 or 2026-12-01T22:00:00+01:00") from None
    return to_micros(moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None)


def moment_option(name: str, meaning: str) -> Callable[[Decorated], Decorated]:
    """An option whose value is a time; UTC if the time does not say otherwise."""
    return click.option(name, metavar="TIME", callback=read_moment, help=meaning)


_FILTERS = (
    click.option("--state", metavar="STATE", help="Only calls that stand there."),
    click.option("--decision", type=click.Choice(["accept", "reject", "refer", "ignore"])),
    click.option("--rule", metavar="ID", help="Only calls that this rule decided; '' for the default."),
    click.option("--profile", metavar="NAME", help="Only calls that this profile answers."),
    click.option("--endpoint", metavar="NAME", help="Only calls that this endpoint delivered."),
    click.option("--called", metavar="NUMBER", help="The called number, or a part of it: '+1555*', '*5550*', '*00'."),
    click.option("--caller", metavar="NUMBER", help="The caller, likewise; '' for withheld numbers."),
    click.option("--country", metavar="CODE", help="The caller's region, ISO 3166: DE."),
    click.option("--header", metavar="HEADER", help="A SIP header, 'X-Tenant: acme', or 'X-Tenant' for any value."),
    click.option("-q", "q", metavar="TEXT", help="Part of a number or a name, or the beginning of a call id."),
)
_TIMES = (
    moment_option("--since", "Received then or later: 2026-12-01 (UTC) or 2026-12-01T22:00:00+01:00."),
    moment_option("--until", "Received before then."),
)


def call_filters(*, times: bool = True) -> Callable[[Decorated], Decorated]:
    """The options of a command whose `filters` are all of them; `wanted_of` reads those."""

    def decorate(function: Decorated) -> Decorated:
        for option in reversed((*_FILTERS, *_TIMES) if times else _FILTERS):
            function = option(function)
        return function

    return decorate


def wanted_of(filters: dict[str, Any]) -> "Wanted":
    """Which calls are wanted. Raises BadParameter."""
    from gateway.calls.filters import read_country, read_header
    from gateway.calls.lifecycle import State
    from gateway.calls.wanted import Wanted

    if filters["state"] is not None and filters["state"] not in set(State):
        raise click.BadParameter(f"there are {', '.join(State)}", param_hint="--state")
    header, country = filters["header"], filters["country"]
    try:
        read = {
            "header": None if header is None else read_header(header),
            "country": None if country is None else read_country(country),
        }
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--country") from None
    return Wanted(**{**filters, **read})
