import pytest

from gateway.rulebook.list_csv import BadLine, read_csv, write_csv


@pytest.mark.parametrize(
    ("body", "entries"),
    [
        (b"+15550001111\n+4420*\n", ["+15550001111", "+4420*"]),
        (b"number\r\n+15550001111\r\n", ["+15550001111"]),
        (b'\xef\xbb\xbfPhone,,\r\n"+15550001111",,\r\n', ["+15550001111"]),
        (b"\n+15550001111\n\n+15550001111", ["+15550001111"]),
        (b"sales@pbx.example.com\n*@pbx.example.com", ["sales@pbx.example.com", "*@pbx.example.com"]),
        (b"", []),
    ],
    ids=["plain", "heading", "spreadsheet", "blank and repeated", "addresses", "empty"],
)
def test_one_entry_in_each_line_is_read(body: bytes, entries: list[str]) -> None:
    assert read_csv(body) == (entries, [])


def test_every_line_that_cannot_be_read_is_told_by_its_number() -> None:
    _, bad = read_csv(b"number\n+15550001111\nlist:others\n+1,+2\n\nre:.*\n")
    assert [at.line for at in bad] == [3, 4, 6]
    assert all(at.detail for at in bad)


def test_what_is_no_text_or_no_csv_is_told() -> None:
    assert read_csv(b"+1555\n\xff\n") == ([], [BadLine(2, "is not UTF-8")])
    assert read_csv(b"a\n" + b"x" * 200_000)[1][0].line == 2


def test_a_list_is_written_as_it_is_read() -> None:
    entries = ["+15550001111", "+4420*", 'a"b@x']
    text = b"".join(write_csv([entries[:1], entries[1:]]))
    assert text == b'number\r\n+15550001111\r\n+4420*\r\n"a""b@x"\r\n'
