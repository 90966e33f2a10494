"""Is this delivery genuine? Standard Webhooks 1.0 (HMAC-SHA256), as OpenAI and Azure sign them.

What is signed. A sender and we share a secret. Each delivery carries three headers:

    webhook-id           names the event; the same in every retry, so it is the key for "seen before"
    webhook-timestamp    seconds since the epoch of *this attempt*; fresh in every retry
    webhook-signature    entries separated by spaces, each `version,base64`; any one that matches will do

and the signed content is `{webhook-id}.{webhook-timestamp}.{body}`: the bytes as they came, never parsed and
written again. The full stops keep the three apart only while the first two hold none, so we refuse an id or a
time that does (specification, "Signature scheme").

What a secret is. `whsec_` and base64 stand for the decoded bytes, padded or not; any other text stands for its own
bytes (UTF-8), as in OpenAI's SDKs. A secret has one meaning only: we do not try a second.

What we refuse, and why it differs from the libraries (which raise unrelated errors, or accept, in these places):
- A time that is not 1 to 12 ASCII digits. `int()` and `float()` also take "1_0", " 10", "1e9", "NaN" and Arabic digits.
- A time more than `tolerance` seconds from our own clock, in either direction; the bound itself is inside.
  This stops replays of old deliveries. Retries are signed anew, so it says nothing about the age of the event.
- Entries other than `v1,`. `v1a,` is ed25519, which we have no key for. OpenAI's SDK also takes an entry without any
  version; no sender writes one, the specification has none, and a second spelling is a second way in.
- Base64 that is right but written otherwise. We compare the text that we would have written, so that decoders
  which skip junk have no say; on bytes and in constant time, since `compare_digest` raises on non-ASCII text.
- Svix's own header names (`svix-id` …). Neither upstream sends them.
Structure that is broken is 400; a wrong time or signature is 401 (RELIABILITY 2.1). Nothing else is ever raised.

In two steps, because the order matters: `read` judges the headers before the body has been received, so that a
stranger's 256 KiB are not waited for; `prove` then needs one HMAC per secret. `verify` is both.
Several secrets are valid at once while one is being rotated; the answer tells which of them signed.
"""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from hmac import HMAC, compare_digest

import msgspec

from gateway.errors import ConfigurationError, SignatureError

TOLERANCE = 300.0  # seconds; the specification's and every library's
LONGEST_TOLERANCE = 86_400.0  # a day: beyond it the time would no longer stop a replay
LONGEST_SIGNATURE_HEADER = 2_048  # 43 entries; a rotation needs two

_ID = re.compile(r"[!-\-/-~]{1,256}")  # visible ASCII but the full stop; 256 fits the column
_TIMESTAMP = re.compile(r"[0-9]{1,12}")  # 12 digits last until the year 33658
_SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of every secret is no secret
_VERSION = b"v1,"


class Claim(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the headers of a delivery say; nothing of it is proven."""

    webhook_id: str  # the sender's id of the event
    timestamp: int  # seconds since the epoch, when this attempt was sent
    prefix: bytes  # what precedes the body in the signed content
    signatures: tuple[bytes, ...]  # the base64 texts of the `v1` entries


class Verified(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A delivery that a holder of one of our secrets signed within the tolerance."""

    webhook_id: str  # the sender's id of the event
    timestamp: int  # seconds since the epoch, when this attempt was sent
    secret: int  # which secret signed it: its index in the order given


class Verifier:
    """Verifies deliveries against the secrets of one endpoint. Stateless: replays within the tolerance pass."""

    def __init__(self, secrets: Sequence[str], *, tolerance: float = TOLERANCE) -> None:
        """Raise ConfigurationError for no secrets, a secret that cannot be one, or a tolerance outside 0…86,400 s."""
        if isinstance(secrets, str):
            raise TypeError("secrets is a sequence of texts; one text would be read letter by letter")
        if not secrets:
            raise ConfigurationError("no webhook secret is configured, so no delivery could be proven genuine")
        if not 0 <= tolerance <= LONGEST_TOLERANCE:  # NaN fails it too
            raise ConfigurationError(f"the tolerance must lie between 0 and {LONGEST_TOLERANCE:.0f} seconds")
        self._keys = tuple(_keyed(secret) for secret in secrets)
        self._tolerance = tolerance

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> Verified:
        """The delivery, proven genuine; `now` is seconds since the epoch. Raise SignatureError and nothing else."""
        return self.prove(self.read(headers, now), body)

    def read(self, headers: Mapping[str, str], now: float) -> Claim:
        """What the headers claim, if it is well-formed and timely. Raise SignatureError (400 or 401)."""
        webhook_id = _header(headers, "webhook-id")
        sent = _header(headers, "webhook-timestamp")
        signature = _header(headers, "webhook-signature")
        if not _ID.fullmatch(webhook_id):
            raise SignatureError("id_malformed", 400)
        if not _TIMESTAMP.fullmatch(sent):
            raise SignatureError("timestamp_malformed", 400)
        signatures = _v1_entries(signature)
        if not signatures:
            raise SignatureError("signature_malformed", 400)
        age = int(now) - int(sent)  # whole seconds, as the sender counts
        if age > self._tolerance:
            raise SignatureError("timestamp_too_old", 401)
        if age < -self._tolerance:
            raise SignatureError("timestamp_too_new", 401)
        prefix = f"{webhook_id}.{sent}.".encode("ascii")
        return Claim(webhook_id=webhook_id, timestamp=int(sent), prefix=prefix, signatures=signatures)

    def prove(self, claim: Claim, body: bytes) -> Verified:
        """The claim, proven by one of its signatures over this body. Raise SignatureError (401)."""
        message = claim.prefix + body
        for index, key in enumerate(self._keys):
            expected = _signature(key, message)
            for signature in claim.signatures:
                if compare_digest(expected, signature):
                    return Verified(webhook_id=claim.webhook_id, timestamp=claim.timestamp, secret=index)
        raise SignatureError("signature_mismatch", 401)


def sign(secret: str, *, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` entry of a sender with this secret. Raise ConfigurationError for a bad secret."""
    message = f"{webhook_id}.{timestamp}.".encode() + body
    return (_VERSION + _signature(_keyed(secret), message)).decode("ascii")


def fingerprint(secret: str) -> str:
    """Eight hex digits by which people tell two secrets apart; 32 bits of a hash tell nothing of a random secret.

    Spellings of one key (with or without padding) share it. Raise ConfigurationError for a bad secret.
    """
    return hashlib.sha256(_key(secret)).hexdigest()[:8]


def _key(secret: str) -> bytes:
    """The key bytes that the text of a secret stands for."""
    if not secret.startswith(_SECRET_PREFIX):
        if not secret:
            raise ConfigurationError("a webhook secret is empty")
        return secret.encode()
    encoded = secret.removeprefix(_SECRET_PREFIX).rstrip("=")
    try:
        key = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (Base64Error, ValueError):  # ValueError: not ASCII
        raise ConfigurationError("a webhook secret begins with whsec_ but is not base64 after it") from None
    if not key:
        raise ConfigurationError("a webhook secret is empty after whsec_")
    return key


def _header(headers: Mapping[str, str], name: str) -> str:
    """The header's value; `name` is lower case, as ASGI servers write names, but any case is found."""
    value = headers.get(name)
    if value is None:
        value = next((text for key, text in headers.items() if key.lower() == name), None)
    if not value:
        raise SignatureError("header_missing", 400)
    return value


def _v1_entries(header: str) -> tuple[bytes, ...]:
    """The base64 texts of the header's `v1` entries, unjudged; none if it is longer than any honest one."""
    if len(header) > LONGEST_SIGNATURE_HEADER:
        return ()
    entries = header.encode("latin-1", "replace").split(b" ")
    return tuple([entry[len(_VERSION) :] for entry in entries if entry.startswith(_VERSION)])


def _keyed(secret: str) -> HMAC:
    """HMAC-SHA256 with the key of a secret: begun once and copied, since OpenSSL takes its time to begin."""
    return HMAC(_key(secret), digestmod="sha256")


def _signature(keyed: HMAC, message: bytes) -> bytes:
    """The base64 text of a message's signature."""
    mac = keyed.copy()
    mac.update(message)
    return b2a_base64(mac.digest(), newline=False)
