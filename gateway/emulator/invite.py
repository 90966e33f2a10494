"""The SIP INVITE of an incoming call as the webhook shows it, in the manners of three kinds of trunk.

Where the dialled number stands is what tells them apart (FACTS section 10), and why a gateway must look in several
places: Twilio's Elastic trunks address the project and put the number into `Diversion`.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from random import Random

PROJECT_URI = "sip:proj_emulated0000000000000000@sip.api.openai.com"


class Trunk(StrEnum):
    """Who carries the call to the upstream."""

    TWILIO = "twilio"  # Elastic SIP trunk: the project in To, the dialled number in Diversion
    TELNYX = "telnyx"  # the dialled number in To, as a bare URI
    PLAIN = "plain"  # an own SBC: the project in To, the dialled number in P-Called-Party-ID


@dataclass(frozen=True, kw_only=True, slots=True)
class Invite:
    """What a caller's phone and carrier put into the call."""

    trunk: Trunk
    called: str  # E.164
    caller: str  # E.164; "" for an anonymous caller
    name: str = ""  # the display name, the caller's own claim
    attestation: str | None = None  # STIR/SHAKEN: "A", "B", "C", "failed"; None where the carrier says nothing
    media: str | None = "rtp"  # "rtp", "srtp"; None where the upstream does not say
    extra: tuple[tuple[str, str], ...] = ()  # more headers, such as custom X- ones

    def headers(self, call_id: str) -> tuple[tuple[str, str], ...]:
        """The headers in order. Tags and ids derive from `call_id`, so that a repeated delivery repeats them."""
        token = blake2b(call_id.encode(), digest_size=24).hexdigest()
        head = (
            ("Via", f"SIP/2.0/TLS 203.0.113.10:5061;branch=z9hG4bK{token[:16]};rport"),
            ("Max-Forwards", "63"),
        )
        tail = (("CSeq", "1 INVITE"), ("Content-Type", "application/sdp"))
        return (*head, *_MANNERS[self.trunk](self, token), *tail, *self.extra)


def new_call_id(random: Random) -> str:
    """An id like the upstream's own: `rtc_` and 32 hexadecimal digits."""
    return f"rtc_{random.getrandbits(128):032x}"


def _from(invite: Invite, host: str, token: str) -> str:
    if not invite.caller:
        return f'"Anonymous" <sip:anonymous@anonymous.invalid>;tag={token[16:24]}'
    quoted = invite.name.replace("\\", "\\\\").replace('"', '\\"')
    name = f'"{quoted}" ' if invite.name else ""
    return f"{name}<sip:{invite.caller}@{host}>;tag={token[16:24]}"


def _twilio(invite: Invite, token: str) -> tuple[tuple[str, str], ...]:
    host = "example.pstn.twilio.com"
    verdict = {None: None, "failed": "TN-Validation-Failed"}.get(
        invite.attestation, f"TN-Validation-Passed-{invite.attestation}"
    )
    verified = () if verdict is None else (("X-Twilio-VerStat", verdict),)
    asserted = (("P-Asserted-Identity", f"<sip:{invite.caller}@{host}>"),) if invite.caller else ()
    return (
        ("From", _from(invite, host, token)),
        ("To", f"<{PROJECT_URI}>"),
        ("Call-ID", f"{token[:32]}@0.0.0.0"),
        ("Contact", f"<sip:{invite.caller or 'anonymous'}@203.0.113.10:5061;transport=tls>"),
        *asserted,
        ("Diversion", f"<sip:{invite.called}@{host}>;reason=unconditional"),
        ("X-Twilio-AccountSid", "AC00000000000000000000000000000000"),
        ("X-Twilio-CallSid", f"CA{token[:32]}"),
        *verified,
    )


def _telnyx(invite: Invite, token: str) -> tuple[tuple[str, str], ...]:
    return (
        ("From", _from(invite, "sip.telnyx.com", token)),
        ("To", f"sip:{invite.called}@sip.telnyx.com"),
        ("Call-ID", f"{token[:8]}-{token[8:12]}-{token[12:16]}"),
        ("Contact", "<sip:203.0.113.20:5061;transport=tls>"),
        ("User-Agent", "Telnyx SIP Proxy"),
        ("X-call_leg_id", f"{token[:8]}-{token[8:12]}-11f0-{token[12:16]}-{token[16:28]}"),
        ("X-call_session_id", f"{token[20:28]}-{token[28:32]}-11f0-{token[32:36]}-{token[36:48]}"),
    )


def _plain(invite: Invite, token: str) -> tuple[tuple[str, str], ...]:
    host = "sbc.example.com"
    return (
        ("From", _from(invite, host, token)),
        ("To", f"<{PROJECT_URI};transport=tls>"),
        ("Call-ID", f"{token[:14]}@{host}"),
        ("Contact", f"<sip:{host}:5061;transport=tls>"),
        ("P-Called-Party-ID", f'"" <sip:{invite.called}@{host};user=phone>'),
    )


_MANNERS = {Trunk.TWILIO: _twilio, Trunk.TELNYX: _telnyx, Trunk.PLAIN: _plain}
