"""SIP addresses as they arrive: a tolerant reader of From, To, Diversion, History-Info and their like.

    "Sales, Berlin" <sip:+4930901820;verstat=x@pbx.example.com:5061;user=phone?Subject=hi>;tag=4711
     display name        user        ↑param    host            port ↑param     ↑headers     ↑param

RFC 3261 section 20.10 and 25.1 (name-addr, addr-spec), RFC 3966 (tel). Carriers bend the grammar, and a call must be
answered whatever they send, so nothing here raises and every reading is the likeliest: quotes or brackets that never
close, a bare number without a scheme, a number where the host should be. What has no readable URI yields no address.
URI headers and passwords are dropped. Never send on what was read here: transfer targets have a strict form elsewhere.

Every pattern is possessive or free of overlapping repetitions, so that the time taken is linear in the text.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

import msgspec

LONGEST_VALUE = 4_096  # characters; a header of ten History-Info entries takes 1,500
LONGEST_TEXT = 256  # characters of a display name, user or host that we keep: wider than any column shows
MOST_ADDRESSES = 16  # of one header value

SCHEMES = ("sip", "sips", "tel")

_QUOTED = r'"(?:[^"\\]|\\.)*+"?'  # the closing quote may be missing: then it runs to the end
_ITEM = re.compile(rf'(?:{_QUOTED}|<[^>]*+>?|[^",<])++', re.DOTALL)
_NAME_ADDR = re.compile(rf'((?:{_QUOTED}|[^"<])*+)<([^>]*+)>?(.*)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# userinfo "@" (IPv6 reference | host) ":" port, then parameters up to "?", where headers begin
_SIP = re.compile(r"(?:([^@?]*+)@)?+(\[[^\]]*+\]?|[^:;?@]*+)(?::([0-9]*+))?+([^?]*+)", re.DOTALL)
_NUMBER_AS_HOST = re.compile(r"\+?[0-9]+")
_BARE = re.compile(r"[^\s:;@/]++@[^\s@/]++|\+?[0-9][0-9 ().-]*+(?:;.*)?", re.DOTALL)  # user@host, or a number
_PARAMETER = re.compile(rf";\s*+([^;=\s]++)\s*+(?:=\s*+({_QUOTED}|[^;]*+))?+", re.DOTALL)
_BREAKS = re.compile(r"[\r\n\t]+")
# Control and direction-changing characters and lone surrogates: they disfigure a log, a terminal or a page.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Address(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One address of a header value, read and made fit for display."""

    display_name: str  # unquoted and unescaped; "" if there is none
    scheme: str  # "sip", "sips", "tel"; "" for a bare number or user@host
    user: str  # percent-decoded, without password and parameters; for tel the number; "" if there is none
    host: str  # lower case; an IPv6 address in its brackets; "" if there is none
    port: int | None  # as written, 0 to 65535; None if there is none or it is no port
    parameter_text: str  # the parameters of user, URI and header, in this order, each with its semicolon

    @property
    def user_at_host(self) -> str:
        """User and host as in "sales@example.com", or "" if either is missing."""
        return f"{self.user}@{self.host}" if self.user and self.host else ""

    def parameters(self, name: str) -> tuple[str, ...]:
        """Every value of a parameter (RFC 3261: names in any case), wherever in the address it stands."""
        found = _PARAMETER.findall(self.parameter_text)
        return tuple([_unquoted(value.strip()) for key, value in found if key.lower() == name])


# Trunks repeat themselves: the same To, Diversion and History-Info arrive with every call to a line.
@lru_cache(maxsize=4_096)
def parse_addresses(value: str) -> tuple[Address, ...]:
    """The readable addresses of a header value, in order; separated by commas where there are several."""
    if len(value) > LONGEST_VALUE:
        return ()
    value = _BREAKS.sub(" ", value)  # unfolds lines, RFC 3261 section 7.3.1
    if "," not in value:
        address = _parse_one(value)
        return (address,) if address else ()
    return tuple(_parse_list(value))


def _parse_list(value: str) -> Iterator[Address]:
    for count, item in enumerate(_ITEM.finditer(value)):
        if count == MOST_ADDRESSES:
            return
        if address := _parse_one(item[0]):
            yield address


def _parse_one(text: str) -> Address | None:
    """One name-addr or addr-spec."""
    if match := _NAME_ADDR.match(text):
        display, uri, after = match.groups()
    elif "<" in text:  # a quote before it never closes
        display, _, uri = text.partition("<")
        uri, _, after = uri.partition(">")
    else:
        display, uri, after = "", text, ""
    return _parse_uri(uri.strip(), _unquoted(display.strip()), after)


def _parse_uri(uri: str, display_name: str, after: str) -> Address | None:
    """The URI of an address; `after` holds the parameters of the header."""
    scheme, colon, rest = uri.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in SCHEMES:
        if not _BARE.fullmatch(uri):
            return None
        scheme, rest = "", uri
    without_host = scheme == "tel" or not (scheme or "@" in rest)
    user, host, port, parameters = _split_tel(rest) if without_host else _split_sip(rest)
    if not user and not host:
        return None
    return Address(
        display_name=display_name,
        scheme=scheme,
        user=user,
        host=host,
        port=port,
        parameter_text=parameters + after,
    )


def _split_tel(rest: str) -> tuple[str, str, None, str]:
    """A tel URI after its scheme, as user, host, port and parameters."""
    number, semicolon, parameters = rest.partition(";")
    return _decoded(number), "", None, semicolon + parameters


def _split_sip(rest: str) -> tuple[str, str, int | None, str]:
    """A SIP URI after its scheme, as user, host, port and parameters."""
    match = _SIP.match(rest)
    assert match, "every part of the pattern may be empty"
    userinfo, host, port, parameters = match.groups()
    host = _printable(host.strip()).lower()
    if userinfo is None:
        if _NUMBER_AS_HOST.fullmatch(host):
            return host, "", None, parameters
        return "", host, _port(port), parameters
    user, _, _ = userinfo.partition(":")
    user, semicolon, user_parameters = user.partition(";")
    return _decoded(user), host, _port(port), f"{semicolon}{user_parameters}{parameters}"


def _port(digits: str | None) -> int | None:
    return int(digits) if digits and len(digits) <= 5 and int(digits) <= 65_535 else None


def _decoded(user: str) -> str:
    """A user part without its percent-encoding; bytes that are not UTF-8 become U+FFFD."""
    return _printable((unquote(user, errors="replace") if "%" in user else user).strip())


def _unquoted(text: str) -> str:
    """A quoted string without its quotes and escapes (RFC 3261 section 25.1), or a text as it is."""
    if text[:1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:].removesuffix('"'))
    return _printable(text)


def _printable(text: str) -> str:
    """The text without what would disfigure a display, cut to what we keep."""
    if not text.isprintable():
        text = _UNPRINTABLE.sub("", text)
    return text[:LONGEST_TEXT]
