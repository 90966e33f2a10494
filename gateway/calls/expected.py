"""A call that nobody made, as a person describes it: what a rule would read of it.

`called` and `caller` are texts that are read exactly as if a header had brought them, so "030 901820", "anonymous" and
"sip:sales@example.com" mean here what they mean on the wire. Where they are left off, the configured headers are read
as of any call. What is no address, "sales" or "1-800-FLOWERS", is a user part: on the wire it would stand before a
host, which is unknown here.
"""

import re
from dataclasses import replace
from typing import Final, TypedDict

from gateway.calls.addresses import parse_addresses
from gateway.calls.facts import ReadCall, read_facts
from gateway.calls.number_doctor import Diagnosis, Reading, examine_numbers
from gateway.settings import Settings
from routing_rules import ExpectedCall

# What the call is called. A share among callers without a number draws by it.
TRIAL: Final = "trial"

# No header can have these names (RFC 3261 section 25.1), so none can pass for what the person wrote.
_CALLED: Final = ":called"
_CALLER: Final = ":caller"

_USER: Final = re.compile(r"[^<>@:;?,\"%\x00-\x1f\x7f]+")  # nothing that means something in an address
_NO_HOST: Final = "unknown.invalid"  # RFC 2606: nobody has it


def read_expected(call: ExpectedCall, settings: Settings, *, call_id: str = TRIAL) -> ReadCall:
    """What is read of the call by a gateway with these settings. Its endpoint must be one of theirs, or None."""
    name = _endpoint(call, settings)
    read = read_facts(
        **_numbers(call, settings),
        call_id=call_id,
        media=call.media,
        endpoint=name,
        attestation_header=settings.endpoints[name].attestation_header,
    )
    described = bool(call.called) + bool(call.caller)
    facts = replace(
        read.facts,
        headers=read.facts.headers[described:],
        called_uri=_known(read.facts.called_uri),
        caller_uri=_known(read.facts.caller_uri),
        attestation=call.attestation or read.facts.attestation,
    )
    return replace(
        read,
        facts=facts,
        called_header=None if call.called else read.called_header,
        caller_header=None if call.caller else read.caller_header,
    )


def examine_expected(call: ExpectedCall, settings: Settings) -> Diagnosis:
    """How `read_expected` comes to the call's numbers."""
    diagnosis = examine_numbers(**_numbers(call, settings))
    return Diagnosis(
        called=tuple(_without_header(reading, call.called) for reading in diagnosis.called),
        caller=tuple(_without_header(reading, call.caller) for reading in diagnosis.caller),
    )


def _without_header(reading: Reading, text: str) -> Reading:
    """The reading of what the person wrote, if they wrote it; else as it is."""
    if not text:
        return reading
    return replace(reading, header=None, value=text, address=reading.address.removesuffix(f"@{_NO_HOST}"))


class _Numbers(TypedDict):
    """Where the numbers of a call are read from."""

    headers: tuple[tuple[str, str], ...]
    called_headers: tuple[str, ...]
    caller_headers: tuple[str, ...]
    default_region: str | None


def _numbers(call: ExpectedCall, settings: Settings) -> _Numbers:
    described = [(_CALLED, call.called), (_CALLER, call.caller)]
    return {
        "headers": (*((header, _address(text)) for header, text in described if text), *call.headers),
        "called_headers": (_CALLED,) if call.called else settings.called_headers,
        "caller_headers": (_CALLER,) if call.caller else settings.caller_headers,
        "default_region": settings.endpoints[_endpoint(call, settings)].default_region or settings.default_region,
    }


def _endpoint(call: ExpectedCall, settings: Settings) -> str:
    return call.endpoint or next(iter(settings.endpoints))


def _address(text: str) -> str:
    """What a header would hold."""
    return f"<sip:{text}@{_NO_HOST}>" if _USER.fullmatch(text) and not parse_addresses(text) else text


def _known(uri: str) -> str:
    return "" if uri.endswith(f"@{_NO_HOST}") else uri
