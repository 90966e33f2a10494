"""`gateway rulebook export`: the published rulebook in a file, a new one or one that people keep."""

import asyncio
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.configured import settings_of
from gateway.cli.output import say
from gateway.cli.published import published, server_options
from gateway.cli.rulebook_file import RulebookFile, json_text, read_file, write_text
from gateway.errors import ConfigurationError, GatewayError

_Document = dict[str, Any]


@click.command("export")
@click.argument("file", default="-")
@click.option("--onto", is_flag=True, help="Change in FILE only what differs, and keep its comments.")
@click.option("--revision", type=click.IntRange(0), metavar="N", help="An older one; 0 is the starter.")
@server_options
@click.option("--json", "as_json", is_flag=True, help="As JSON, whatever FILE is called.")
@click.pass_context
def export(
    ctx: click.Context, file: str, onto: bool, revision: int | None, url: str | None, key: str | None, as_json: bool
) -> None:
    """Write the published rulebook to FILE, or to stdout.

    As TOML, or as JSON if its name ends so. With --onto the file is there already: comments, order and form of what is
    published as it says stay, and lists that stand in CSV files are changed there.
    """
    as_json = as_json or file.endswith(".json")

    async def run() -> tuple[int, _Document]:
        async with published(settings_of(ctx), url, key) as rulebook:
            return await rulebook.current(revision)

    if onto and (file == "-" or as_json):
        raise click.UsageError("--onto changes a TOML file")
    number, document = asyncio.run(run())
    document = _canonical(document)
    if onto:
        changed = _write_onto(read_file(file), document)
        say(f"Revision {number} is in {file}{'' if changed else ', as it was'}.")
        return
    write_text(file, json_text({"revision": number, **document}) if as_json else toml_text(number, document))
    if file != "-":
        say(f"Revision {number} is in {file}.")


def toml_text(number: int, document: Mapping[str, Any]) -> str:
    """A revision as the text of a TOML file. Raises GatewayError for one that TOML cannot hold."""
    from gateway.rulebook.file_form import write_toml

    _refuse_nulls(document)
    return write_toml(document, number)


def _refuse_nulls(document: Mapping[str, Any]) -> None:
    from gateway.rulebook.file_form import nulls

    if found := next(nulls(document), None):
        raise GatewayError(f"TOML has no null, and {found} is one; take --json, or a file whose name ends in .json")


def _canonical(document: Any) -> _Document:
    from routing_rules import read_document, write_document

    return write_document(read_document(document))


def _write_onto(source: RulebookFile, after: _Document) -> bool:
    """Make a file and its tables stand for a document; whether anything changed."""
    from gateway.rulebook.file_rewrite import rewrite
    from gateway.rulebook.file_tables import expand
    from routing_rules import DocumentError

    _refuse_nulls(after)
    document = source.document
    try:
        before = _canonical(document)
    except DocumentError as error:
        raise GatewayError("\n".join(source.told(error.problems))) from error
    assert source.whole is not None  # or `document` had raised
    directory = Path(source.name).parent
    tables = _tables(source, before, after, directory)
    in_tables = {name: before["lists"][name] for name in source.whole.lists if name in after["lists"]}
    wanted = {**after, "lists": {**after["lists"], **in_tables}}
    try:
        text = rewrite(source.text, before, wanted, source.whole.tables)
        whole = expand(tomllib.loads(text), lambda name: tables.get(name) or (directory / name).read_bytes())
        done = _canonical(whole.document) == after
    except ValueError as error:
        raise GatewayError(f"{source.name}: {error}") from error
    if not done:
        raise GatewayError(f"{source.name} is written in a way that cannot be changed in place; export to another file")
    for name, body in tables.items():
        _write_table(directory / name, body)
    if text != source.text:
        write_text(source.name, text)
    return bool(tables) or text != source.text


def _tables(source: RulebookFile, before: _Document, after: _Document, directory: Path) -> dict[str, bytes]:
    """The CSV files of lists that are not as they were."""
    from gateway.rulebook.file_tables import rewrite_list

    assert source.whole is not None
    written = tomllib.loads(source.text).get("lists", {})
    return {
        file: rewrite_list((directory / file).read_bytes(), written[name], after["lists"][name])
        for name, file in source.whole.lists.items()
        if name in after["lists"] and before["lists"][name] != after["lists"][name]
    }


def _write_table(path: Path, body: bytes) -> None:
    try:
        path.write_bytes(body)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error}") from error
