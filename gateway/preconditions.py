"""Conditional requests (RFC 9110 section 13): whose edit is lost when two people save, and who need not read again.

An ETag here is always a number in quotes: the revision of what it tags. `If-Match` demands the strong comparison, so a
weak tag (`W/"7"`) never matches there; `If-None-Match` compares weakly.
"""

import re
from typing import Final

from starlette.requests import Request

from gateway.problem_details import Kind

_TAGS: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"(?:\s*,\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*")*')
_TAG: Final = re.compile(r'(?:W/)?"[^"]*"')


def etag(revision: int) -> str:
    """The ETag of a revision: `"7"`."""
    return f'"{revision}"'


def demand_match(request: Request, revision: int) -> None:
    """Refuse a write that was not made from `revision`: 428 without `If-Match`, 412 with another."""
    tags = _tags(request, "if-match")
    if tags is None:
        raise Kind.UNCONDITIONAL.error(
            f"send If-Match: {etag(revision)} if revision {revision} is what you changed", revision=revision
        )
    if tags != ["*"] and etag(revision) not in tags:
        raise stale(revision)


def expect_match(request: Request, revision: int) -> None:
    """Refuse what was not made from `revision`, if the request says what it was made from."""
    if "if-match" in request.headers:
        demand_match(request, revision)


def sent_tags(request: Request) -> list[str] | None:
    """What `If-Match` lists: entity tags with their quotes, or `*`; None without it. Raises RequestError (400)."""
    return _tags(request, "if-match")


def has_already(request: Request, revision: int) -> bool:
    """Whether the client says that it has this revision (`If-None-Match`)."""
    tags = _tags(request, "if-none-match") or []
    return tags == ["*"] or etag(revision) in [tag.removeprefix("W/") for tag in tags]


def stale(revision: int) -> Exception:
    """The refusal of a write that was made from another state than `revision`, the current one."""
    return Kind.STALE.error(
        f"the current revision is {revision}; read it, apply your change to it and send If-Match: {etag(revision)}",
        headers={"etag": etag(revision)},
        revision=revision,
    )


def _tags(request: Request, header: str) -> list[str] | None:
    """The tags that a header lists; None without it. Raises RequestError (400) for what is no list of tags."""
    lines = request.headers.getlist(header)
    if not lines:
        return None
    text = ", ".join(lines).strip()
    if text == "*":
        return ["*"]
    if not _TAGS.fullmatch(text):
        raise Kind.MALFORMED.error(f'{header} must list entity tags, quotes included: {header}: "7"')
    return _TAG.findall(text)
