"""What every part of a session object is: a closed set of typed fields, nothing coerced, unions that know their tag.

Each union is discriminated, by `type` or by shape, so that a mistake in one variant is told once, and not once for each
variant that it is not. `gateway.profiles.mistakes` puts what pydantic finds into words.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from gateway.profiles.profile import OFF


class _OffOrNull:
    """Allows null, and `"off"` in its place, which TOML can write."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        present = handler(source)
        return core_schema.no_info_before_validator_function(
            lambda value: None if value == OFF else value, core_schema.nullable_schema(present)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"const": OFF}]}


NULLABLE: Final = _OffOrNull()


def _fields_of(schema: Any) -> Iterable[Any]:
    """The fields in a model's core schema, however deep its validators bury them."""
    while schema["type"] != "model-fields":
        if "schema" not in schema:
            return ()
        schema = schema["schema"]
    fields: Mapping[str, Any] = schema["fields"]
    return fields.values()


class Part(BaseModel):
    """A table of a profile."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """What is not wanted is left off: `None` in a model means that, and null in a document is a mistake."""
        schema = handler(source)
        for field in _fields_of(schema):
            if field["schema"]["type"] == "default" and field["schema"]["schema"]["type"] == "nullable":
                field["schema"]["schema"] = field["schema"]["schema"]["schema"]
        return schema


TEXT: Final = Tag("<a text>")
NUMBER: Final = Tag("<a number>")
LIST: Final = Tag("<a list>")
TABLE: Final = Tag("<a table>")
_TAGS: Final = {str: TEXT.tag, int: NUMBER.tag, list: LIST.tag, dict: TABLE.tag}


def _shape(value: Any) -> str | None:
    return _TAGS.get(type(value), f"<{value!r:.40}>")


BY_SHAPE: Final = Discriminator(_shape)
"""Tells variants tagged TEXT, NUMBER, LIST and TABLE apart."""


Text = Annotated[str, Field(min_length=1)]
"""A text that is not empty."""
