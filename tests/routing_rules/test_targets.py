"""The syntax of refer targets."""

import pytest

from routing_rules import target_mistake

ALLOWED = [
    "tel:+15557654321",
    "tel:+49",
    "tel:+123456789012345",
    "sip:sales@pbx.example.com",
    "sips:sales@pbx.example.com",
    "sip:+15557654321@pbx.example.com",
    "sip:sales@pbx.example.com:5060",
    "sip:sales@pbx.example.com;transport=tls",
    "sip:sales@PBX.example.com:65535;transport=udp",
    "sip:a.b_c~d!$'()*+,=&/-@x-1.example.museum",
]

REFUSED = {
    "": "begins with",
    "+15557654321": "write tel:+15557654321",
    "TEL:+15557654321": "lower case",
    "http://example.com": "begins with",
    "mailto:a@example.com": "begins with",
    "tel:": "2 to 15 digits",
    "tel:15557654321": "2 to 15 digits",
    "tel:+1-555-765-4321": "without separators",
    "tel:+05557654321": "2 to 15 digits",
    "tel:+1234567890123456": "2 to 15 digits",
    "tel:+15557654321;ext=5": "no parameters",
    "tel:5551;phone-context=+1": "no parameters",
    "tel:+15557654321;postd=pp22": "no parameters",
    "tel:+1٥557654321": "ASCII",
    "tel:+15557654321\r\nX-Evil: 1": "printable",
    "tel:+1 5557654321": "no spaces",
    "sip:pbx.example.com": "names a user",
    "sip:@pbx.example.com": "user of a sip: target",
    "sip:sales:secret@pbx.example.com": "no password",
    "sip:a@b@pbx.example.com": "user of a sip: target",
    "sip:sa%6ces@pbx.example.com": "user of a sip: target",
    "sip:" + "a" * 65 + "@pbx.example.com": "user of a sip: target",
    "sip:sales@pbx.example.com?Subject=x": "no headers",
    "sip:sales@pbx.example.com;method=INVITE": "only parameter",
    "sip:sales@pbx.example.com;transport=tls;lr": "only parameter",
    "sip:sales@pbx.example.com;": "only parameter",
    "sip:sales@192.0.2.1": "no IP address",
    "sip:sales@[2001:db8::1]": "no IP address",
    "sip:sales@0x7f.0x1": "no IP address",
    "sip:sales@2130706433": "no IP address",
    "sip:sales@localhost": "full name",
    "sip:sales@pbx.example.com.": "full name",
    "sip:sales@-pbx.example.com": "full name",
    "sip:sales@pbx..example.com": "full name",
    "sip:sales@pbx.example.com:": "port",
    "sip:sales@pbx.example.com:0": "port",
    "sip:sales@pbx.example.com:65536": "port",
    "sip:sales@pbx.example.com:5060:1": "port",
    "sip:sales@" + "a." * 200 + "com": "at most",
    "<sip:sales@pbx.example.com>": "begins with",
}


@pytest.mark.parametrize("target", ALLOWED)
def test_a_plain_target_is_allowed(target: str) -> None:
    assert target_mistake(target) is None


@pytest.mark.parametrize(("target", "advice"), REFUSED.items(), ids=[ascii(target)[:40] for target in REFUSED])
def test_anything_else_is_refused_with_advice(target: str, advice: str) -> None:
    mistake = target_mistake(target)
    assert mistake is not None
    assert advice in mistake
