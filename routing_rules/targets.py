"""The syntax of a refer target: what may be put into a SIP REFER at all.

A transfer is a way to make somebody else pay for a call, and a REFER's target is text that a carrier will parse.
So only the plainest forms pass: a global number (RFC 3966 section 5.1.4, without any parameter) or a user at a
named host (RFC 3261 section 19.1) without headers, password or method. Whether an allowed form may be *called* is
the gateway's guard's business; it asks again here when the transfer is sent.
"""

import re

# Enough for a user of 64, a host name of 63 labels' usual length and a port.
MAX_TARGET = 255

_TEL = re.compile(r"\+[1-9][0-9]{1,14}")
_USER = re.compile(r"[A-Za-z0-9._~!$'()*+,=&/-]{1,64}")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_PARAMETERS = re.compile(r"transport=(?:udp|tcp|tls)")


def target_mistake(target: str) -> str | None:
    """What is wrong with the form of a refer target and how to write it, or None if nothing is."""
    if len(target) > MAX_TARGET:
        return f"a target has at most {MAX_TARGET} characters"
    if not target.isascii() or not target.isprintable() or " " in target:
        return "a target holds only printable ASCII characters and no spaces"
    scheme, _, rest = target.partition(":")
    if scheme == "tel":
        return _tel_mistake(rest)
    if scheme in {"sip", "sips"}:
        return _sip_mistake(rest)
    if _TEL.fullmatch(target):
        return f"write tel:{target}"
    return "a target begins with tel:, sip: or sips:, in lower case"


def _tel_mistake(number: str) -> str | None:
    if ";" in number:
        return "a tel: target has no parameters (no phone-context, ext or postd): write tel:+15557654321"
    if not _TEL.fullmatch(number):
        return "a tel: target is + and 2 to 15 digits, without separators: tel:+15557654321"
    return None


def _sip_mistake(rest: str) -> str | None:
    if "?" in rest:
        return "a sip: target has no headers; remove everything from the ? on"
    address, semicolon, parameters = rest.partition(";")
    user, at, host = address.rpartition("@")
    if not at:
        return "a sip: target names a user and a host: sip:sales@pbx.example.com"
    if ":" in user:
        return "a sip: target has no password; remove everything between the : and the @"
    if not _USER.fullmatch(user):
        return "the user of a sip: target has 1 to 64 letters, digits or the signs . _ ~ ! $ ' ( ) * + , = & / -"
    if semicolon and not _PARAMETERS.fullmatch(parameters):
        return "the only parameter a sip: target may have is ;transport=udp, tcp or tls"
    name, colon, port = host.partition(":")
    if not _HOST.fullmatch(name):
        return "the host of a sip: target is a full name such as pbx.example.com, no IP address"
    if colon and (not _PORT.fullmatch(port) or int(port) > 65535):
        return "a port is a number from 1 to 65535"
    return None
