"""A list as CSV, read as it arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rulebook.list_csv import BadLine, CsvReader, write_csv


def read(*pieces: bytes) -> tuple[list[str], list[BadLine]]:
    reader = CsvReader()
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


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
    assert read(body) == (entries, [])


@given(st.data())
def test_it_does_not_matter_where_the_pieces_of_a_file_are_cut(data: st.DataObject) -> None:
    lines = ["+15550001111", "+4420*", '"+1555"', "müller@pbx.example.com", "", "+1,+2", '"open', "number", "\ufeff"]
    text = data.draw(st.lists(st.sampled_from(lines), max_size=8).map("\r\n".join))
    body = text.encode("utf-8-sig") + data.draw(st.sampled_from([b"", b"\n", b"\xff", b"\xc3"]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert read(*pieces) == read(body)


def test_every_line_that_cannot_be_read_is_told_by_its_number() -> None:
    _, bad = read(b'number\n+15550001111\nlist:others\n+1,+2\n\nre:.*\n"+1\n+15550002222\n')
    assert [at.line for at in bad] == [3, 4, 6, 7]
    assert all(at.detail for at in bad)


def test_what_is_no_text_or_no_csv_is_told() -> None:
    assert read(b"+15550001111\n\xff\n")[1] == [BadLine(2, "is not UTF-8")]
    assert read(b"+15550001111\nsales\xc3")[1] == [BadLine(2, "is not UTF-8")]
    assert read(b"\xef\xbb\xbf", b"\xff")[1] == read(b"\xef\xbb\xbf\xff")[1] == [BadLine(1, "is not UTF-8")]
    assert [at.line for at in read(b"\xef\xbb\xbf\xef\xbb\xbf\n\xff")[1]] == [1, 2], "a mark is taken once"
    assert read(b"a\n" + b"x" * 200_000)[1][0].line == 2


def test_a_list_is_written_as_it_is_read() -> None:
    entries = ["+15550001111", "+4420*", 'a"b@x']
    text = b"".join(write_csv([entries[:1], entries[1:]]))
    assert text == b'number\r\n+15550001111\r\n+4420*\r\n"a""b@x"\r\n'
    assert read(text) == (entries, [])
