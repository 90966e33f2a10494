"""A TOML file cut into blocks, each a header with all that belongs to it, so that some of them can be changed.

    # the switchboard's own numbers        comment: right above the header, and goes where it goes
    [[rules]]                              body
    id = "front-desk"

    # ---- sales ----                      gap of the next block: an empty line parts it from the header
    …

Put together again the blocks are the file, letter by letter. Only files that `tomllib` has read come here.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.rulebook.toml_lines import TOKEN, bare

Path = tuple[str, ...]

# The lines of comment, if any, that end a text.
_COMMENT: Final = re.compile(r"(?:^[ \t]*#[^\n]*\n)*\Z", re.MULTILINE)


@dataclass(slots=True)
class Block:
    """A part of a file."""

    path: Path  # of its header; empty for what stands before the first one
    gap: str  # empty lines, and comments that an empty line parts from what follows
    comment: str  # lines of comment right above the header
    body: str  # the header and what follows, with the headers of what lies inside

    @property
    def text(self) -> str:
        """All of it, as in the file."""
        return self.gap + self.comment + self.body


def cut(text: str, arrays: Collection[str]) -> list[Block]:
    """The blocks of a file; the first has no header, and the last is only the gap below everything.

    A block is a header of two keys, or of one that names one of the `arrays`, with the deeper ones that follow it.
    """
    blocks = [Block((), "", "", "")]
    lead = ""
    for path, chunk, rest in _chunks(text):
        last = blocks[-1]
        length = 1 if path[:1] and path[0] in arrays else 2
        if not path or (len(path) > length == len(last.path) and path[:length] == last.path):
            last.body += lead + chunk
        else:
            comment = _COMMENT.search(lead)
            begin = comment.start() if comment else len(lead)
            blocks.append(Block(path[:length], lead[:begin], lead[begin:], chunk))
        lead = rest
    return [*blocks, Block((), lead, "", "")]


def _chunks(text: str) -> Iterator[tuple[Path, str, str]]:
    """What stands before the first header, then each header with what follows; the last lines of comments apart."""
    path: Path = ()
    begin = end = 0  # of what was seen since the header; `end` is behind the last thing that is no comment
    depth = 0
    keys: list[str] | None = None  # of the header that is being read
    is_new = True  # whether a statement begins
    for match in TOKEN.finditer(text):
        word = match[0]
        if word[0] in " \t\r#":
            continue
        if word == "\n":
            is_new, keys = depth == 0, None
            continue
        if is_new and word == "[":
            yield path, *_split(text, begin, end, match.start())
            begin, keys = _line_start(text, match.start()), []
            path = ()
        elif keys is not None:
            if word not in "[].":
                keys.append(bare(word))
                path = tuple(keys)
        else:
            depth += (word in "[{") - (word in "]}")
        is_new, end = False, match.end()
    yield path, *_split(text, begin, end, len(text))


def _line_start(text: str, place: int) -> int:
    return text.rfind("\n", 0, place) + 1


def _split(text: str, begin: int, end: int, until: int) -> tuple[str, str]:
    """The text up to the end of the line in which its last token ends, and the rest up to the next header's line."""
    until = len(text) if until == len(text) else _line_start(text, until)
    if end <= begin:
        return "", text[begin:until]
    line = text.find("\n", end)
    stop = until if line < 0 else line + 1
    return text[begin:stop], text[stop:until]


def joined(blocks: Iterable[Block]) -> str:
    """The file that these blocks are."""
    return "".join(block.text for block in blocks)
