"""From a JSON Schema, as pydantic writes it, to the fields of a form."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.console.schema_fields import (
    Choice,
    Constant,
    Either,
    Field,
    Json,
    Lines,
    Named,
    Number,
    Rows,
    Several,
    Table,
    Text,
)

Schema = Mapping[str, Any]

# The kinds of an `Either` that are told apart by the shape of the value.
TEXT: Final = "text"
TABLE: Final = "table"
LIST: Final = "list"
AS_JSON: Final = "json"

# Where a table takes fields that this release does not know; nobody looks for it first.
_NEWER: Final = "extra"

_SHAPES: Final = {"string": TEXT, "object": TABLE, "array": LIST}


def field_of(schema: Schema, definitions: Mapping[str, Schema]) -> Field:
    """The field for values of a schema."""
    return _Reader(definitions).field(schema)


class _Reader:
    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def field(self, schema: Schema) -> Field:
        """The field for values of a schema."""
        alternatives = list(self._alternatives(schema))
        if len(alternatives) > 1:
            return self._either(schema, alternatives)
        return self._single(self._resolved(schema))

    def _resolved(self, schema: Schema) -> Schema:
        """The schema that a reference means; what stands beside the reference counts more."""
        if "$ref" not in schema:
            return schema
        return {**self._definitions[schema["$ref"].rpartition("/")[2]], **schema}

    def _alternatives(self, schema: Schema) -> Iterator[Schema]:
        """Every schema that a value may follow: unions in unions, and each of several constants."""
        for key in ("anyOf", "oneOf"):
            if key in schema:
                for one in schema[key]:
                    yield from self._alternatives(one)
                return
        yield self._resolved(schema)

    def _either(self, schema: Schema, alternatives: Sequence[Schema]) -> Field:
        about = schema.get("description", "")
        types = {_type(one) for one in alternatives}
        if "integer" in types:
            return Number(help=about, words=tuple(one["const"] for one in alternatives if "const" in one))
        if types == {"string", "array"} and not any("const" in one or "enum" in one for one in alternatives):
            return Lines(help=about, alone=True)
        kinds = dict(kind for one in alternatives for kind in self._kinds(one))
        return Either(help=about, kinds=dict(sorted(kinds.items(), key=_by_certainty)))

    def _kinds(self, schema: Schema) -> Iterator[tuple[str, Field]]:
        """The kinds of a union that one alternative is."""
        if _type(schema) == "null":
            yield "null", Constant(value=None)
        elif "const" in schema or "enum" in schema:
            for value in schema.get("enum", [schema.get("const")]):
                yield value, Constant(value=value)
        else:
            constant = schema.get("properties", {}).get("type", {}).get("const")
            yield constant or _SHAPES[_type(schema)], self._single(schema)

    def _single(self, schema: Schema) -> Field:
        about = schema.get("description", "")
        if "const" in schema or "enum" in schema:
            return Choice(help=about, options=tuple(schema.get("enum", [schema.get("const")])))
        match _type(schema):
            case "boolean":
                return Choice(help=about, options=(True, False))
            case "string":
                return Text(help=about)
            case "integer" | "number":
                return Number(help=about)
            case "array":
                return self._list(schema, about)
        return self._object(schema, about)

    def _list(self, schema: Schema, about: str) -> Field:
        items = schema["items"]
        if "const" in items or "enum" in items:
            return Several(help=about, options=tuple(items.get("enum", [items.get("const")])))
        if _type(items) == "string":
            return Lines(help=about)
        row = self.field(items)
        if isinstance(row, Either):  # a tool of a newer kind
            return Rows(help=about, row=Either(help=row.help, kinds={**row.kinds, AS_JSON: Json()}))
        return Json(help=about)

    def _object(self, schema: Schema, about: str) -> Field:
        if "properties" in schema:
            constants = {
                name: one["const"]
                for name, one in schema["properties"].items()
                if "const" in one and name in schema.get("required", ())
            }
            last = sorted(schema["properties"].items(), key=lambda member: member[0] == _NEWER)
            members = {name: self.field(one) for name, one in last if name not in constants}
            return Table(help=about, members=members, constants=constants)
        entries = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        if isinstance(entries[0], Mapping):
            return Named(help=about, entry=self.field(entries[0]))
        return Json(help=about)


def _type(schema: Schema) -> str:
    told: str = schema.get("type", "string" if isinstance(schema.get("const"), str) else "")
    return told


def _by_certainty(kind: tuple[str, Field]) -> int:
    """Those that know themselves by a constant first, then those of a shape."""
    _, field = kind
    return 0 if isinstance(field, Constant) or (isinstance(field, Table) and field.constants) else 1
