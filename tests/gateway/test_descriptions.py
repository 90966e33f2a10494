"""Fields are described in JSON Schemas by the strings below them."""

from typing import Any

import pytest
from pydantic import BaseModel

from gateway.answering import Page
from gateway.calls.contract import Call
from gateway.descriptions import Described, descriptions_of


class Foreign(BaseModel):
    field: int
    """Not ours to read."""


def test_a_field_is_described_by_what_stands_below_it() -> None:
    assert descriptions_of(Page)["next"].startswith("The `cursor` of the next page")


def test_what_is_inherited_is_described_too() -> None:
    assert descriptions_of(Page[Call]) == descriptions_of(Page)


def test_only_modules_of_the_gateway_are_read() -> None:
    assert descriptions_of(Foreign) == {}


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_a_schema_describes_every_field(mode: Any) -> None:
    schema = Page[Call].model_json_schema(schema_generator=Described, mode=mode)
    for model in (schema, schema["$defs"]["Call"]):
        assert all(field["description"] for field in model["properties"].values())
