"""Column types of what may be sealed: the one place where encryption meets the database.

Theory
------
Whoever reads such a column is given the value, and whoever stores it through a `Statement` gives the value; whether it
is sealed in between is known here alone, by the cipher that the engine's dialect was given (`encrypt_with`). Without
one, these are plain texts and bytes, and cost nothing.

To open a value its row's key is needed, so a SELECT asks for both at once: the column is replaced by an expression
that puts the row's key, with its length, in front of the value (`_Keyed`).

A number (`SealedNumber`) is also looked for. Its own column holds a token then, which conditions compare with
(`gateway.calls.sealed_search`), and the column `…_sealed` beside it the value.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Connection, Dialect, Engine, Label, LargeBinary, Text, cast
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from gateway.cipher import Cipher

_ciphers: Final[WeakKeyDictionary[Dialect, Cipher]] = WeakKeyDictionary()


def encrypt_with(engine: Engine, cipher: Cipher) -> None:
    """Let what is stored and read through this engine be sealed and opened."""
    _ciphers[engine.dialect] = cipher


def cipher_of(connection: Connection) -> Cipher | None:
    """What seals and opens on this connection; None where encryption is off."""
    return _ciphers.get(connection.dialect)


class Sealed(TypeDecorator[Any]):
    """Text that may be sealed. `label` names the column for ever; `key` are the columns whose values name the row."""

    impl: type[TypeEngine[Any]] = Text
    cache_ok = True

    def __init__(self, label: str, *key: str) -> None:
        super().__init__()
        self.label = label
        self.key = key

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return _refuse if dialect in _ciphers else self.impl_instance.bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        cipher = _ciphers.get(dialect)
        if cipher is None:
            return self.impl_instance.result_processor(dialect, coltype)
        return lambda found: None if found is None else self.opened(cipher, found)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        origin = column.element if isinstance(column, Label) else column
        return _Keyed(self, origin, self.cells(origin))

    def cells(self, column: Any) -> tuple[Any, ...]:
        """Where the value may be; the first that is there has it."""
        return (column,)

    def stored(self, cipher: Cipher, name: str, row: str, value: Any) -> dict[str, Any]:
        """What is stored for a value that is given as `name`."""
        return {name: cipher.seal_text(self.label, row, value)}

    def opened(self, cipher: Cipher, found: Any) -> Any:
        """The value in what the database gave: the row's key, with its length, and the cell."""
        length, _, rest = found.partition(":")
        return cipher.open_text(self.label, rest[: int(length)], rest[int(length) :])


class SealedBytes(Sealed):
    """The same for bytes."""

    impl: type[TypeEngine[Any]] = LargeBinary
    cache_ok = True

    def stored(self, cipher: Cipher, name: str, row: str, value: Any) -> dict[str, Any]:
        return {name: cipher.seal(self.label, row, value)}

    def opened(self, cipher: Cipher, found: Any) -> Any:
        length, _, rest = bytes(found).partition(b":")
        return cipher.open(self.label, rest[: int(length)].decode(), rest[int(length) :])


class SealedNumber(SealedBytes):
    """A number, or what stands for one: text that is also looked for. Ordered by bytes, for searches by beginnings."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text(collation="C" if dialect.name == "postgresql" else None)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return self.impl_instance.bind_processor(dialect)  # conditions compare with tokens

    def cells(self, column: Any) -> tuple[Any, ...]:
        return (column.table.c[f"{column.name}_sealed"], column)

    def stored(self, cipher: Cipher, name: str, row: str, value: Any) -> dict[str, Any]:
        cell = cipher.seal(self.label, row, value.encode()) if cipher.seals else None
        return {name: cipher.token(self.label, value), f"{name}_sealed": cell}

    def opened(self, cipher: Cipher, found: Any) -> Any:
        return super().opened(cipher, found).decode()


def stored_row(cipher: Cipher, types: Iterable[tuple[str, Sealed]], row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is stored. It has the columns that name it, under their own names, whether written or not."""
    stored = dict(row)
    for name, type_ in types:
        if (value := row[name]) is not None:
            stored.update(type_.stored(cipher, name, row_key(row[part] for part in type_.key), value))
    return stored


def row_key(parts: Iterable[Any]) -> str:
    """What names a row, as `_Keyed` writes it."""
    return ":".join(part.hex() if isinstance(part, bytes) else str(part) for part in parts)


def _refuse(value: object) -> object:
    if value is None:
        return None
    raise TypeError("a sealed column is written by gateway.statements.Statement, and compared with nothing")


class _Keyed(FunctionElement[Any]):
    """A column of a sealed type as it is read: its row's key and its cell; the column as it is without a cipher."""

    name = "keyed"
    inherit_cache = True

    def __init__(self, type_: Sealed, column: Any, cells: tuple[Any, ...]) -> None:
        keys = [column.table.c[name] for name in type_.key]
        texts = [key if isinstance(key.type, LargeBinary) else cast(key, Text) for key in keys]
        super().__init__(column, *cells, *texts)
        self.type = type_
        self.width = len(cells)


@compiles(_Keyed)
def _compile(element: _Keyed, compiler: SQLCompiler, **options: Any) -> str:
    column, *rest = element.clauses
    if compiler.dialect not in _ciphers:
        return str(compiler.process(column, **options))
    is_sqlite = compiler.dialect.name == "sqlite"
    cells = [str(compiler.process(cell, **options)) for cell in rest[: element.width]]
    parts = [_key_part(part, compiler, is_sqlite, **options) for part in rest[element.width :]]
    key = " || ':' || ".join(parts)
    if not isinstance(element.type, SealedBytes):
        return f"(CAST(length({key}) AS TEXT) || ':' || {key} || {cells[0]})"
    if is_sqlite:
        cell = f"coalesce({', '.join(cells)})" if len(cells) > 1 else cells[0]
        return f"CAST((length(CAST({key} AS BLOB)) || ':' || {key} || {cell}) AS BLOB)"
    cell = f"coalesce({cells[0]}, convert_to({cells[1]}, 'UTF8'))" if len(cells) > 1 else cells[0]
    return f"(convert_to(CAST(octet_length({key}) AS TEXT) || ':' || {key}, 'UTF8') || {cell})"


def _key_part(part: Any, compiler: SQLCompiler, is_sqlite: bool, **options: Any) -> str:
    text = str(compiler.process(part, **options))
    if not isinstance(part.type, LargeBinary):
        return text
    return f"lower(hex({text}))" if is_sqlite else f"encode({text}, 'hex')"
