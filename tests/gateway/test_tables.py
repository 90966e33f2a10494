"""What holds for every table."""

from gateway.tables import metadata


def test_every_foreign_key_is_found_by_an_index() -> None:
    """Else the databases look at a whole table whenever a row goes that it might refer to."""
    found = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for columns in (table.primary_key.columns, *(index.columns for index in table.indexes))
        for column in list(columns)[:1]
    }
    keys = {
        f"{key.parent.table.name}.{key.parent.name}" for table in metadata.tables.values() for key in table.foreign_keys
    }
    assert keys
    assert keys - found == set()
