import random
from collections.abc import Iterator

import phonenumbers
import pytest

from gateway.errors import ConfigurationError
from gateway.rulebook.refer_guard import SETTING, ReferGuard

ALLOWED_WHEN_GUARDED = [
    "tel:+4930901820",
    "tel:+14155550100",
    "tel:+15557654321",  # the example number of our own documentation
    "tel:+16135550100",  # Canada
    "tel:+17875551234",  # Puerto Rico, billed as domestic
    "tel:+18005550100",
    "tel:+447400123456",
    "tel:+390612345678",
    "sip:sales@pbx.example.com",
    "sip:sales@PBX.example.com:5061;transport=tls",
    "sips:sales@pbx.example.com",
    "sip:1001@pbx.example.com",
    "sip:*72@pbx.example.com",
    "sip:+4930901820@trunk.example.com",
    "sip:004930901820@trunk.example.com",
    "sip:1234567@pbx.example.com",
    "sip:8812345@pbx.example.com",  # an extension, not Iridium
]

# (target, a part of the reason)
REFUSED_WHEN_GUARDED = [
    # special rates
    ("tel:+19005551234", "premium"),
    ("tel:+448712345678", "premium rate"),
    ("tel:+37190012345", "premium rate"),
    ("tel:+491801234567", "shared cost"),
    ("tel:+447012345678", "personal number"),
    ("tel:+15005550006", "personal number"),
    ("tel:+443301234567", "uan"),
    ("tel:+12129761234", "976"),
    # satellite and global networks
    ("tel:+881612345678", "+881"),
    ("tel:+870773112345", "+870"),
    ("tel:+88213300000", "+882"),
    ("tel:+883510012345", "+883"),
    ("tel:+878101234567890", "+878"),
    ("tel:+979123456789", "+979"),
    ("tel:+80812345678", "+808"),
    ("tel:+888123456789", "+888"),
    ("tel:+24740123", "Ascension"),
    ("tel:+16005551234", "satellite telephones"),
    # +1, and neither the United States nor Canada
    ("tel:+18095551234", "+1809 is DO"),
    ("tel:+18765551234", "+1876 is JM"),
    ("tel:+12685551234", "+1268 is AG"),
    ("tel:+14415551234", "+1441 is BM"),
    # not valid
    ("tel:+4912", "not a valid telephone number"),
    ("tel:+99912345678", "not a valid telephone number"),
    ("tel:+17005551234", "not a valid telephone number"),
    # the same numbers, dialled by a trunk
    ("sip:+18765551234@trunk.example.com", "+1876 is JM"),
    ("sip:18765551234@trunk.example.com", "+1876 is JM"),
    ("sip:0018765551234@trunk.example.com", "+1876 is JM"),
    ("sip:01118765551234@trunk.example.com", "+1876 is JM"),
    ("sip:+0018765551234@trunk.example.com", "+1876 is JM"),
    ("sip:+1(876)555-1234@trunk.example.com", "+1876 is JM"),
    ("sip:+19005551234@trunk.example.com;transport=tls", "premium"),
    ("sips:+881612345678@trunk.example.com", "+881"),
]

# Refused whatever is allowed: RFC 3966 and RFC 3261 give a target more power than a transfer needs.
MALFORMED = [
    "",
    "+4930901820",
    "4930901820",
    "tel:",
    "tel:+",
    "tel:30901820",
    "tel:30901820;phone-context=+49",
    "tel:+4930901820;ext=5",
    "tel:+4930901820;postd=p22",
    "tel:+4930901820;phone-context=evil.example",
    "tel:+49 30 901820",
    "tel:+49-30-901820",
    "tel:+4930901820\r\nRefer-To: sip:x@evil.example",
    "tel:+4930901820\x00",
    "tel:+４９３０９０１８２０",
    "tel:+1800FLOWERS",
    "tel:+" + "4" * 300,
    "TEL:+4930901820",
    "http://pbx.example.com/",
    "javascript:alert(1)",
    "mailto:sales@pbx.example.com",
    "sip:pbx.example.com",
    "sip:@pbx.example.com",
    "sip:sales@",
    "sip:sales@localhost",
    "sip:sales@127.0.0.1",
    "sip:sales@[::1]",
    "sip:sales@[::ffff:10.0.0.1]",
    "sip:sales@2130706433",
    "sip:sales@0x7f.1",
    "sip:sales@10.0.0.1:5060",
    "sip:sales:secret@pbx.example.com",
    "sip:sales@evil.example@pbx.example.com",
    "sip:sales@pbx.example.com?Replaces=x",
    "sip:sales@pbx.example.com?Subject=a%0d%0ab",
    "sip:sales@pbx.example.com;method=INVITE",
    "sip:sales@pbx.example.com;maddr=10.0.0.1",
    "sip:sales@pbx.example.com;transport=tls;maddr=10.0.0.1",
    "sip:sales@pbx.example.com;lr",
    "sip:sales@pbx.example.com:99999",
    "sip:sales%00@pbx.example.com",
    "sip:sa les@pbx.example.com",
    "<sip:sales@pbx.example.com>",
    "sip:sales@pbx.example.com>",
    "sip:sales@pbx.example.com\n",
    "sip:sales@pbx.exämple.com",
    "sip:sales@pbx..example.com",
    "sip:sales@-pbx.example.com",
]


@pytest.mark.parametrize("target", ALLOWED_WHEN_GUARDED)
def test_ordinary_numbers_and_named_hosts_are_allowed_in_guarded_mode(target: str) -> None:
    assert ReferGuard(None)(target) is None


@pytest.mark.parametrize(("target", "reason"), REFUSED_WHEN_GUARDED)
def test_hazardous_numbers_are_refused_in_guarded_mode_with_the_remedy(target: str, reason: str) -> None:
    refusal = ReferGuard(None)(target)
    assert refusal is not None
    assert reason in refusal
    assert SETTING in refusal


@pytest.mark.parametrize("target", MALFORMED)
def test_a_malformed_target_is_refused_whatever_is_allowed(target: str) -> None:
    everything = ["+*", "*@pbx.example.com", "*@evil.example", "country:DE", "+4930901820"]
    for guard in (ReferGuard(None), ReferGuard(everything)):
        assert guard(target)


# Each row: patterns; targets that they allow; targets that they do not.
PATTERNS = [
    ([], [], ["tel:+4930901820", "sip:sales@pbx.example.com"]),
    (["+4930901820"], ["tel:+4930901820"], ["tel:+4930901821", "tel:+49309018201", "sip:+4930901820@pbx.example.com"]),
    (["+4930*"], ["tel:+4930901820", "tel:+49309999999999"], ["tel:+4989123456", "tel:+493"]),
    (["+1555*"], ["tel:+15557654321"], ["tel:+14155550100"]),
    (["+*"], ["tel:+4930901820", "tel:+14155550100"], ["tel:+19005551234", "tel:+881612345678", "tel:+18765551234"]),
    (["+1*"], ["tel:+14155550100"], ["tel:+18765551234", "tel:+18095551234", "tel:+19005551234", "tel:+12129761234"]),
    (["+1876*"], ["tel:+18765551234", "tel:+18760000000"], ["tel:+16585551234", "tel:+14155550100"]),
    (["+187*"], [], ["tel:+18765551234"]),
    (["+1876555*"], ["tel:+18765551234"], ["tel:+18766661234"]),
    (["+8816*"], ["tel:+881612345678"], ["tel:+881712345678"]),
    (["+88*"], [], ["tel:+881612345678", "tel:+88213300000"]),
    (["+4987*", "+49180*"], [], ["tel:+491801234567"]),
    (["+491801234567"], ["tel:+491801234567"], ["tel:+491801234568"]),
    (["+19005551234"], ["tel:+19005551234"], ["tel:+19005551235"]),
    (["+1900*"], [], ["tel:+19005551234"]),
    (
        ["country:DE"],
        ["tel:+4930901820", "tel:+4915112345678"],
        ["tel:+491801234567", "tel:+499001234567", "tel:+43111111"],
    ),
    (
        ["country:US"],
        ["tel:+14155550100"],
        ["tel:+16135550100", "tel:+18765551234", "tel:+19005551234", "tel:+17875551234"],
    ),
    (["country:JM"], ["tel:+18765551234", "tel:+16585551234"], ["tel:+18095551234", "tel:+14155550100"]),
    (["country:AC"], ["tel:+24740123"], ["tel:+4930901820"]),
    (
        ["*@pbx.example.com"],
        [
            "sip:sales@pbx.example.com",
            "sip:1001@PBX.Example.com:5061;transport=tls",
            "sips:+4930901820@pbx.example.com",
        ],
        ["sip:sales@example.com", "sip:sales@a.pbx.example.com", "sip:+18765551234@pbx.example.com", "tel:+4930901820"],
    ),
    (["*@PBX.Example.COM"], ["sip:sales@pbx.example.com"], []),
    (
        ["sales@PBX.example.com"],
        ["sip:sales@pbx.example.com", "sip:sales@pbx.example.com:5061"],
        ["sip:Sales@pbx.example.com", "sip:support@pbx.example.com", "sip:sales@example.com"],
    ),
    (["+18765551234@trunk.example.com"], ["sip:+18765551234@trunk.example.com"], ["tel:+18765551234"]),
    (
        ["country:DE", "+43*", "*@a.example"],
        ["tel:+4930901820", "tel:+4311111111", "sip:x@a.example"],
        ["sip:x@b.example"],
    ),
]


@pytest.mark.parametrize(("patterns", "allowed", "refused"), PATTERNS, ids=lambda value: ",".join(value) or "nothing")
def test_the_setting_allows_what_its_patterns_name_and_nothing_else(
    patterns: list[str], allowed: list[str], refused: list[str]
) -> None:
    guard = ReferGuard(patterns)
    assert {target: guard(target) for target in allowed} == dict.fromkeys(allowed)
    for target in refused:
        refusal = guard(target)
        assert refusal is not None, target
        assert SETTING in refusal


@pytest.mark.parametrize(
    ("target", "remedy"),
    [
        ("tel:+18765551234", "+18765551234 or +1876* or country:JM"),
        ("tel:+881612345678", "+881612345678 or +881*"),
        ("tel:+491801234567", "must name +491801234567"),
        ("sip:+18765551234@trunk.example.com", "must name +18765551234@trunk.example.com"),
    ],
)
def test_following_the_remedy_of_a_refusal_allows_the_target(target: str, remedy: str) -> None:
    refusal = ReferGuard(None)(target)
    assert refusal is not None
    assert refusal.endswith(remedy)
    for pattern in remedy.removeprefix("must name ").split(" or "):
        assert ReferGuard([pattern])(target) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "*",
        "+",
        "4930*",
        "+49 30*",
        "+49*30",
        "+0*",
        "+1234567890123456",
        "tel:+4930901820",
        "sip:sales@pbx.example.com",
        "*@",
        "*@*",
        "sales@*",
        "*@localhost",
        "*@10.0.0.1",
        "*@*.example.com",
        "*@pbx.example.com;transport=tls",
        "sales@pbx.example.com;transport=tls",
        "sales@pbx.example.com?x=y",
        "country:",
        "country:de",
        "country:XX",
        "country:DEU",
        "DE",
        "re:.*",
    ],
)
def test_what_is_no_pattern_is_a_configuration_error_that_names_the_setting(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match=SETTING):
        ReferGuard(["+4930*", pattern])


# Thousands of targets: everything that fraud has used, made from the plans themselves.

SPECIAL = [
    phonenumbers.PhoneNumberType.PREMIUM_RATE,
    phonenumbers.PhoneNumberType.SHARED_COST,
    phonenumbers.PhoneNumberType.PERSONAL_NUMBER,
    phonenumbers.PhoneNumberType.PAGER,
    phonenumbers.PhoneNumberType.UAN,
    phonenumbers.PhoneNumberType.VOICEMAIL,
]
ISLANDS = (242, 246, 264, 268, 284, 345, 441, 473, 649, 658, 664, 721, 758, 767, 784, 809, 829, 849, 868, 869, 876)
ISLAND_REGIONS = {
    "AG",
    "AI",
    "BB",
    "BM",
    "BS",
    "DM",
    "DO",
    "GD",
    "JM",
    "KN",
    "KY",
    "LC",
    "MS",
    "SX",
    "TC",
    "TT",
    "VC",
    "VG",
}
OTHERS = (800, 808, 870, 878, 881, 882, 883, 888, 979, 247, 1900, 1600)


def hazardous_numbers(draw: random.Random) -> Iterator[str]:
    for area in ISLANDS:
        yield from (f"+1{area}{draw.randrange(10**7):07}" for _ in range(200))
    for code in OTHERS:
        yield from (f"+{code}{draw.randrange(10 ** draw.randrange(5, 9))}".ljust(9, "1") for _ in range(300))
    for _ in range(500):
        yield f"+1{draw.randrange(200, 1000)}976{draw.randrange(10**4):04}"
    for region in phonenumbers.SUPPORTED_REGIONS:
        for special in SPECIAL:
            if example := phonenumbers.example_number_for_type(region, special):
                yield phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)


def test_thousands_of_hazardous_targets_are_refused_by_every_wide_pattern() -> None:
    draw = random.Random(4711)
    numbers = list(hazardous_numbers(draw))
    assert len(numbers) > 8_000
    guarded = ReferGuard(None)
    wide = ReferGuard(["+*", "country:US", "country:DE", "country:GB", "*@trunk.example.com"])
    for number in numbers:
        spelling = draw.choice(["{}", "00{}", "011{}", "+{}"]).format(number[1:])
        for guard in (guarded, wide):
            assert guard(f"tel:{number}"), number
        if len(number) > 10:  # shorter digits without a prefix are an extension
            for guard in (guarded, wide):
                assert guard(f"sip:{spelling}@trunk.example.com"), spelling


def test_every_regions_ordinary_numbers_are_allowed_in_guarded_mode_but_those_of_the_islands() -> None:
    guard = ReferGuard(None)
    refused = set()
    for region in phonenumbers.SUPPORTED_REGIONS:
        for ordinary in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            example = phonenumbers.example_number_for_type(region, ordinary)
            if example and guard(f"tel:{phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)}"):
                refused.add(region)
    assert refused == {"AC"} | ISLAND_REGIONS
