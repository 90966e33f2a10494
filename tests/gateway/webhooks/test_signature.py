import time
from base64 import b64encode
from typing import NamedTuple

import openai
import pytest
import standardwebhooks
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigurationError, SignatureError
from gateway.webhooks.signature import (
    LONGEST_SIGNATURE_HEADER,
    LONGEST_TOLERANCE,
    Verified,
    Verifier,
    fingerprint,
    sign,
)

# The vector that Standard Webhooks' and Svix's own test suites share.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = 1614265330
BODY = b'{"test": 2432232314}'
GOOD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

BAD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF="  # one character wrong
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def envelope(webhook_id: str = ID, timestamp: str = str(AT), signature: str = GOOD) -> dict[str, str]:
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature}


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in envelope().items() if key != name}


class Vector(NamedTuple):
    """A delivery that somebody else signed."""

    name: str
    secret: str
    webhook_id: str
    timestamp: int
    body: bytes
    signature: str


VECTORS = [
    Vector("Standard Webhooks and Svix", SECRET, ID, AT, BODY, GOOD),
    Vector("256 KiB less one", SECRET, ID, AT, b"a" * 262_143, "v1,NTItnqyWMoFhk2Bbe5V/BMdcFRWgcSQaTgqLHX7FC7c="),
    Vector("256 KiB", SECRET, ID, AT, b"a" * 262_144, "v1,Mw4Pe2WgApuT7NSqnSq0PQPV9gbLdggCl9B865x5Xh0="),
    Vector("1 MiB", SECRET, ID, AT, b"a" * 1_048_576, "v1,txpEUxqWZJ5nteTnymUVa+7C4NHpBeXJ6CsBAW0c3/A="),
    Vector(
        "OpenAI's SDKs",
        "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=",
        "wh_685c059ae39c8190af8c71ed1022a24d",
        1750861210,
        b'{"id": "evt_685c059ae3a481909bdc86819b066fb6", "object": "event", "created_at": 1750861210, '
        b'"type": "response.completed", "data": {"id": "resp_123"}}',
        "v1,gUAg4R2hWouRZqRQG4uJypNS8YK885G838+EHb4nKBY=",
    ),
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_published_vectors_are_genuine_and_are_what_we_would_have_signed(vector: Vector) -> None:
    sent = envelope(vector.webhook_id, str(vector.timestamp), vector.signature)
    expected = Verified(webhook_id=vector.webhook_id, timestamp=vector.timestamp, secret=0)
    assert Verifier([vector.secret]).verify(sent, vector.body, vector.timestamp) == expected
    signed = sign(vector.secret, webhook_id=vector.webhook_id, timestamp=vector.timestamp, body=vector.body)
    assert signed == vector.signature


class Genuine(NamedTuple):
    """A delivery that must be accepted."""

    name: str
    headers: dict[str, str] = envelope()
    body: bytes = BODY
    secrets: tuple[str, ...] = (SECRET,)
    now: float = AT
    tolerance: float = 300
    secret: int = 0


GENUINE = [
    Genuine("as it is"),
    Genuine("header names in mixed case", {key.title(): value for key, value in envelope().items()}),
    Genuine("header names in upper case", {key.upper(): value for key, value in envelope().items()}),
    Genuine("among other headers", {"host": "example.com", **envelope(), "content-type": "application/json"}),
    Genuine("signed second", envelope(signature=f"{BAD} {GOOD}")),
    Genuine("signed third", envelope(signature=f"{BAD} v2,{GOOD[3:]} {GOOD}")),
    Genuine("signed first of several", envelope(signature=f"{GOOD} {BAD} v2,x")),
    Genuine("signed last of many", envelope(signature=" ".join([BAD] * 40 + [GOOD]))),
    Genuine("signed twice alike", envelope(signature=f"{GOOD} {GOOD}")),
    Genuine("two spaces between", envelope(signature=f"{BAD}  {GOOD}")),
    Genuine("spaces around", envelope(signature=f" {GOOD} ")),
    Genuine("junk before", envelope(signature=f"junk v1,%%% v1,é v1 ,, v1,a,b {GOOD}")),
    Genuine("an asymmetric signature beside it", envelope(signature=f"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw {GOOD}")),
    Genuine("exactly 300 s old", now=AT + 300),
    Genuine("300 s old and a part of a second", now=AT + 300.9),
    Genuine("exactly 300 s early", now=AT - 300),
    Genuine("a custom tolerance", now=AT + 600, tolerance=600),
    Genuine("no tolerance at all", now=AT, tolerance=0),
    Genuine("an empty body", envelope(signature=sign(SECRET, webhook_id=ID, timestamp=AT, body=b"")), b""),
    Genuine(
        "a body that is not UTF-8",
        envelope(signature=sign(SECRET, webhook_id=ID, timestamp=AT, body=b"\xff\0")),
        b"\xff\0",
    ),
    Genuine("the second secret", secrets=(OTHER, SECRET), secret=1),
    Genuine("the same secret twice", secrets=(SECRET, SECRET)),
    Genuine(
        "a secret without prefix stands for its own bytes",
        envelope(signature=sign("plain text", webhook_id=ID, timestamp=AT, body=BODY)),
        secrets=("plain text",),
    ),
]


@pytest.mark.parametrize("case", GENUINE, ids=lambda case: case.name)
def test_a_genuine_delivery_is_accepted(case: Genuine) -> None:
    verified = Verifier(case.secrets, tolerance=case.tolerance).verify(case.headers, case.body, case.now)
    assert verified == Verified(webhook_id=ID, timestamp=AT, secret=case.secret)


class Refused(NamedTuple):
    """A delivery that must not be accepted, and the error it gets."""

    name: str
    code: str
    status: int
    headers: dict[str, str] = envelope()
    body: bytes = BODY
    secrets: tuple[str, ...] = (SECRET,)
    now: float = AT
    tolerance: float = 300


def at(timestamp: str) -> dict[str, str]:
    return envelope(timestamp=timestamp)


def signed(signature: str) -> dict[str, str]:
    return envelope(signature=signature)


REFUSED = [
    Refused("no headers", "header_missing", 400, {}),
    Refused("no id", "header_missing", 400, without("webhook-id")),
    Refused("no timestamp", "header_missing", 400, without("webhook-timestamp")),
    Refused("no signature", "header_missing", 400, without("webhook-signature")),
    Refused("an empty id", "header_missing", 400, envelope(webhook_id="")),
    Refused("an empty timestamp", "header_missing", 400, at("")),
    Refused("an empty signature", "header_missing", 400, signed("")),
    Refused(
        "Svix's own header names",
        "header_missing",
        400,
        {k.replace("webhook", "svix"): v for k, v in envelope().items()},
    ),
    Refused("an id with a full stop", "id_malformed", 400, envelope(webhook_id="msg.1")),
    Refused("an id with a space", "id_malformed", 400, envelope(webhook_id="msg 1")),
    Refused("an id with NUL", "id_malformed", 400, envelope(webhook_id="msg\0")),
    Refused("an id with a line break after it", "id_malformed", 400, envelope(webhook_id="msg\n")),
    Refused("an id that is not ASCII", "id_malformed", 400, envelope(webhook_id="mség")),
    Refused("an id with a lone surrogate", "id_malformed", 400, envelope(webhook_id="msg\ud800")),
    Refused("an id of 257 characters", "id_malformed", 400, envelope(webhook_id="m" * 257)),
    Refused("a timestamp that is a word", "timestamp_malformed", 400, at("hello")),
    Refused("a float timestamp", "timestamp_malformed", 400, at(f"{AT}.0")),
    Refused("an exponent", "timestamp_malformed", 400, at("1614265330e0")),
    Refused("a negative timestamp", "timestamp_malformed", 400, at(f"-{AT}")),
    Refused("a timestamp with a plus", "timestamp_malformed", 400, at(f"+{AT}")),
    Refused("a timestamp with an underscore", "timestamp_malformed", 400, at("1614_265330")),
    Refused("a timestamp with a space", "timestamp_malformed", 400, at(f" {AT}")),
    Refused("a timestamp with a line break", "timestamp_malformed", 400, at(f"{AT}\n")),
    Refused("Arabic digits", "timestamp_malformed", 400, at("١٦١٤٢٦٥٣٣٠")),
    Refused("full-width digits", "timestamp_malformed", 400, at("１６１４２６５３３０")),
    Refused("not a number", "timestamp_malformed", 400, at("NaN")),
    Refused("infinity", "timestamp_malformed", 400, at("inf")),
    Refused("5,000 digits", "timestamp_malformed", 400, at("1" * 5_000)),
    Refused("milliseconds", "timestamp_malformed", 400, at(f"{AT}000")),
    Refused("two timestamps that a proxy joined", "timestamp_malformed", 400, at(f"{AT}, {AT}")),
    Refused("301 s old", "timestamp_too_old", 401, now=AT + 301),
    Refused("301 s early", "timestamp_too_new", 401, now=AT - 301),
    Refused("older than a custom tolerance", "timestamp_too_old", 401, now=AT + 11, tolerance=10),
    Refused("a second old without tolerance", "timestamp_too_old", 401, now=AT + 1, tolerance=0),
    Refused("the year 33658", "timestamp_too_new", 401, at("9" * 12)),
    Refused("the epoch", "timestamp_too_old", 401, at("0")),
    Refused("a timestamp one second later than signed", "signature_mismatch", 401, at(str(AT + 1))),
    Refused("a timestamp one second earlier than signed", "signature_mismatch", 401, at(str(AT - 1))),
    Refused("a timestamp 600 s earlier, tolerated", "signature_mismatch", 401, at(str(AT - 600)), tolerance=600),
    Refused("a timestamp with a leading zero", "signature_mismatch", 401, at(f"0{AT}")),
    Refused("another id", "signature_mismatch", 401, envelope(webhook_id=f"{ID}x")),
    Refused("another body", "signature_mismatch", 401, body=b'{"test": 2432232315}'),
    Refused("the same JSON written otherwise", "signature_mismatch", 401, body=b'{"test":2432232314}'),
    Refused("a body with a line break after it", "signature_mismatch", 401, body=BODY + b"\n"),
    Refused("no body", "signature_mismatch", 401, body=b""),
    Refused("the body null", "signature_mismatch", 401, body=b"null"),
    Refused("one character wrong", "signature_mismatch", 401, signed(BAD)),
    Refused("an empty v1 entry", "signature_mismatch", 401, signed("v1,")),
    Refused("its first 8 characters", "signature_mismatch", 401, signed(GOOD[:11])),
    Refused("a character too many", "signature_mismatch", 401, signed(f"{GOOD}A")),
    Refused("without its padding", "signature_mismatch", 401, signed(GOOD.rstrip("="))),
    Refused("junk inside the base64", "signature_mismatch", 401, signed(GOOD[:10] + "!" + GOOD[10:])),
    Refused("the URL-safe alphabet", "signature_mismatch", 401, signed(GOOD.replace("+", "-").replace("/", "_"))),
    Refused("other unused bits at the end", "signature_mismatch", 401, signed(GOOD.replace("OE=", "OF="))),
    Refused("not base64", "signature_mismatch", 401, signed("v1,%%%%")),
    Refused("not ASCII", "signature_mismatch", 401, signed("v1,ééé")),
    Refused("not Latin-1", "signature_mismatch", 401, signed("v1,署名")),
    Refused("a lone surrogate", "signature_mismatch", 401, signed("v1,\ud800")),
    Refused("NUL", "signature_mismatch", 401, signed(f"{GOOD}\0")),
    Refused("two commas", "signature_mismatch", 401, signed("v1," + GOOD)),
    Refused("two signatures joined by a comma", "signature_mismatch", 401, signed(f"{BAD}, {BAD}")),
    Refused("all of many bad", "signature_mismatch", 401, signed(" ".join([BAD] * 30))),
    Refused("no comma", "signature_malformed", 400, signed(GOOD.replace(",", ""))),
    Refused("no version, as OpenAI's SDK would take it", "signature_malformed", 400, signed(GOOD[3:])),
    Refused("a wrong version", "signature_malformed", 400, signed(f"v2,{GOOD[3:]}")),
    Refused("only an asymmetric signature", "signature_malformed", 400, signed(f"v1a,{GOOD[3:]}")),
    Refused("an upper-case version", "signature_malformed", 400, signed(f"V1,{GOOD[3:]}")),
    Refused("only spaces", "signature_malformed", 400, signed("   ")),
    Refused("a tab between entries", "signature_mismatch", 401, signed(f"{BAD}\t{GOOD}")),
    Refused(
        "a longer header than any honest one",
        "signature_malformed",
        400,
        signed(" ".join([BAD] * (LONGEST_SIGNATURE_HEADER // len(BAD)) + [GOOD])),
    ),
    Refused("a wrong secret", "signature_mismatch", 401, secrets=(OTHER,)),
    Refused("several wrong secrets", "signature_mismatch", 401, secrets=(OTHER, "plain", OTHER + "AAAA")),
    Refused("the secret's base64 taken as text", "signature_mismatch", 401, secrets=(SECRET.removeprefix("whsec_"),)),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_any_other_delivery_is_refused(case: Refused) -> None:
    verifier = Verifier(case.secrets, tolerance=case.tolerance)
    with pytest.raises(SignatureError) as refusal:
        verifier.verify(case.headers, case.body, case.now)
    assert (refusal.value.code, refusal.value.status) == (case.code, case.status)


def test_every_case_has_a_name_of_its_own() -> None:
    for cases in (VECTORS, GENUINE, REFUSED):
        assert len({case.name for case in cases}) == len(cases)


@pytest.mark.parametrize("length", [24, 25, 26, 32, 64])
def test_a_secret_may_lack_its_padding(length: int) -> None:
    padded = "whsec_" + b64encode(bytes(range(length))).decode()
    signature = sign(padded, webhook_id=ID, timestamp=AT, body=BODY)
    assert Verifier([padded.rstrip("=")]).verify(signed(signature), BODY, AT).secret == 0
    assert fingerprint(padded) == fingerprint(padded.rstrip("="))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_===", "whsec_%%%%", "whsec_abcde", "whsec_é", "whsec_YQ= =YQ"])
def test_a_text_that_cannot_be_a_secret_is_a_configuration_error_that_does_not_tell_it(secret: str) -> None:
    for use in (lambda: Verifier([SECRET, secret]), lambda: fingerprint(secret)):
        with pytest.raises(ConfigurationError) as error:
            use()
        assert secret in ("", "whsec_") or secret not in str(error.value)


def test_a_verifier_needs_a_secret() -> None:
    with pytest.raises(ConfigurationError):
        Verifier([])


def test_one_text_is_not_taken_for_a_list_of_one_letter_secrets() -> None:
    with pytest.raises(TypeError):
        Verifier(SECRET)


@pytest.mark.parametrize("tolerance", [-1, float("nan"), float("inf"), LONGEST_TOLERANCE + 1])
def test_a_tolerance_that_would_let_everything_or_nothing_pass_is_a_configuration_error(tolerance: float) -> None:
    with pytest.raises(ConfigurationError):
        Verifier([SECRET], tolerance=tolerance)


def test_a_secret_is_rotated_without_losing_a_delivery() -> None:
    old, new = SECRET, OTHER
    by_old = sign(old, webhook_id=ID, timestamp=AT, body=BODY)
    by_new = sign(new, webhook_id=ID, timestamp=AT, body=BODY)
    during = Verifier([new, old])
    assert during.verify(signed(by_old), BODY, AT).secret == 1
    assert during.verify(signed(f"{by_new} {by_old}"), BODY, AT).secret == 0
    assert during.verify(signed(f"v1a,AAAA {by_new}"), BODY, AT).secret == 0
    with pytest.raises(SignatureError):
        Verifier([new]).verify(signed(by_old), BODY, AT)


def test_the_headers_are_judged_before_the_body_is_there() -> None:
    verifier = Verifier([SECRET])
    claim = verifier.read(envelope(), AT)
    assert (claim.webhook_id, claim.timestamp) == (ID, AT)
    assert verifier.prove(claim, BODY).secret == 0


def test_a_fingerprint_tells_secrets_apart_and_not_what_they_are() -> None:
    assert fingerprint(SECRET) != fingerprint(OTHER)
    assert len(fingerprint(SECRET)) == 8
    assert fingerprint(SECRET) not in SECRET


def test_errors_hold_nothing_of_the_request() -> None:
    with pytest.raises(SignatureError) as refusal:
        Verifier([SECRET]).verify(signed("v1,private"), BODY, AT)
    assert str(refusal.value) == "signature_mismatch"


# Laws. Keys, ids and bodies as any sender may choose them.
keys = st.binary(min_size=1, max_size=64).map(lambda key: "whsec_" + b64encode(key).decode())
ids = st.text("abcXYZ0189_-:/", min_size=1, max_size=64)
any_text = st.text(st.characters(exclude_categories=()), max_size=60)


@given(secret=keys, webhook_id=ids, body=st.binary(max_size=300), skew=st.integers(-300, 300))
def test_what_is_signed_verifies(secret: str, webhook_id: str, body: bytes, skew: int) -> None:
    signature = sign(secret, webhook_id=webhook_id, timestamp=AT, body=body)
    verified = Verifier([OTHER, secret]).verify(envelope(webhook_id, signature=signature), body, AT + skew)
    assert verified == Verified(webhook_id=webhook_id, timestamp=AT, secret=1)


@given(data=st.data(), body=st.binary(min_size=1, max_size=80))
def test_one_changed_bit_anywhere_is_noticed(data: st.DataObject, body: bytes) -> None:
    sent = signed(sign(SECRET, webhook_id=ID, timestamp=AT, body=body))
    place = data.draw(st.sampled_from(["body", *sent]))
    original = body if place == "body" else sent[place].encode("latin-1")
    index, bit = data.draw(st.integers(0, len(original) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(original)
    changed[index] ^= 1 << bit
    if place == "body":
        body = bytes(changed)
    else:
        sent[place] = changed.decode("latin-1")
    with pytest.raises(SignatureError):
        Verifier([SECRET]).verify(sent, body, AT)


@given(values=st.tuples(any_text, any_text, any_text), body=st.binary(max_size=20))
def test_no_header_whatever_raises_anything_but_a_signature_error(values: tuple[str, str, str], body: bytes) -> None:
    verifier = Verifier([SECRET])
    for genuine_parts in range(3):
        sent = dict(zip(envelope(), values, strict=True)) | dict(list(envelope().items())[:genuine_parts])
        with pytest.raises(SignatureError):
            verifier.verify(sent, body, AT)


# Oracles: what others sign we accept, what we sign they accept. Their clock cannot be set, so these are signed now.


@pytest.fixture(scope="module")
def sdk() -> openai.OpenAI:
    return openai.OpenAI(api_key="unused")


@settings(max_examples=40)
@given(secret=keys, webhook_id=ids, body=st.text(max_size=200))
def test_the_libraries_agree(sdk: openai.OpenAI, secret: str, webhook_id: str, body: str) -> None:
    now = int(time.time())
    signature = sign(secret, webhook_id=webhook_id, timestamp=now, body=body.encode())
    sent = envelope(webhook_id, str(now), f"{BAD} {signature}")
    standardwebhooks.Webhook(secret).verify(body, sent, json_parse=False)
    sdk.webhooks.verify_signature(body, sent, secret=secret)
    assert Verifier([secret]).verify(sent, body.encode(), now).secret == 0


@settings(max_examples=40)
@given(secret=st.text(min_size=1, max_size=40).filter(lambda text: not text.startswith("whsec_")))
def test_the_sdk_agrees_that_a_secret_without_prefix_stands_for_its_own_bytes(sdk: openai.OpenAI, secret: str) -> None:
    now = int(time.time())
    sent = envelope(timestamp=str(now), signature=sign(secret, webhook_id=ID, timestamp=now, body=BODY))
    sdk.webhooks.verify_signature(BODY, sent, secret=secret)


# The SDK splits entries at any white space, we at spaces.
MISMATCHES = [case for case in REFUSED if case.code == "signature_mismatch" and case.name != "a tab between entries"]


@pytest.mark.parametrize("case", MISMATCHES, ids=lambda case: case.name)
def test_whatever_is_a_mismatch_to_us_is_not_genuine_to_the_sdk(sdk: openai.OpenAI, case: Refused) -> None:
    tolerance = int(time.time()) - AT + 1_000
    with pytest.raises((ValueError, TypeError)):
        sdk.webhooks.verify_signature(case.body, case.headers, secret=case.secrets[0], tolerance=tolerance)
