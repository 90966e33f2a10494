"""A call that nobody made, as a person describes it: what a rule would read of it.

`called` and `caller` are texts that are read exactly as if a header had brought them, so "030 901820", "anonymous" and
"sip:sales@example.com" mean here what they mean on the wire. Where they are left off, the configured headers are read
as of any call. A single word, "sales", is a user part: on the wire it would stand before a host, which is unknown here.
"""

import re
from dataclasses import replace
from typing import Final

from gateway.calls.facts import ReadCall, read_facts
from gateway.settings import Settings
from routing_rules import ExpectedCall

# What the call is called. A share among callers without a number draws by it.
TRIAL: Final = "trial"

# No header can have these names (RFC 3261 section 25.1), so none can pass for what the person wrote.
_CALLED: Final = ":called"
_CALLER: Final = ":caller"

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.~'-]*")
_NO_HOST: Final = "unknown.invalid"  # RFC 2606: nobody has it


def read_expected(call: ExpectedCall, settings: Settings, *, call_id: str = TRIAL) -> ReadCall:
    """What is read of the call by a gateway with these settings. Its endpoint must be one of theirs, or None."""
    name = call.endpoint or next(iter(settings.endpoints))
    endpoint = settings.endpoints[name]
    parties = [(_CALLED, call.called), (_CALLER, call.caller)]
    described = [(header, _address(text)) for header, text in parties if text]
    read = read_facts(
        call_id=call_id,
        headers=(*described, *call.headers),
        media=call.media,
        endpoint=name,
        called_headers=(_CALLED,) if call.called else settings.called_headers,
        caller_headers=(_CALLER,) if call.caller else settings.caller_headers,
        default_region=endpoint.default_region or settings.default_region,
        attestation_header=endpoint.attestation_header,
    )
    facts = replace(
        read.facts,
        headers=read.facts.headers[len(described) :],
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


def _address(text: str) -> str:
    """What a header would hold."""
    return f"<sip:{text}@{_NO_HOST}>" if _WORD.fullmatch(text) else text


def _known(uri: str) -> str:
    return "" if uri.endswith(f"@{_NO_HOST}") else uri
