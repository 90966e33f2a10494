"""What the fields of our pydantic models mean, for JSON Schemas: the strings that stand below them in the source.

pydantic can read these itself (`use_attribute_docstrings`), but does so for every model when its class is made, which
took a third of the time until the gateway was ready. Only descriptions need them, and those are asked for seldom.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema


class Described(GenerateJsonSchema):
    """Generates a JSON Schema in which every field of every model is described."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        told = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        texts = descriptions_of(model)
        for name, field in model.model_fields.items():
            shown: Any = told.get("properties", {}).get(field.alias or name)
            if shown is not None and name in texts:
                shown.setdefault("description", texts[name])
        return told


def descriptions_of(model: type[BaseModel]) -> Mapping[str, str]:
    """The descriptions of a model's fields by name, its own before those that it inherits."""
    texts: dict[str, str] = {}
    for parent in reversed(model.__mro__):
        texts |= _of_module(parent.__module__).get(parent.__qualname__, {})
    return texts


@cache
def _of_module(name: str) -> Mapping[str, Mapping[str, str]]:
    """The descriptions in a module of ours, by class."""
    module = sys.modules.get(name)
    if module is None or not name.startswith("gateway."):
        return {}
    tree = ast.parse(inspect.getsource(module))
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return {node.name: dict(_described(node.body)) for node in classes}


def _described(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Fields that are followed by a string, with it."""
    for field, text in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            yield field.target.id, inspect.cleandoc(text.value.value)
