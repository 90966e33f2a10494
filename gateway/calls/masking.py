"""What of a call is told to those who need not know who called: the caller's number but for its ends, and no names.

A masked call keeps what operations need, the called number, times, rule and decision, and enough of the caller to
recognise someone who complains. Headers are the caller's own words: only those whose values are of a fixed kind are
told, with numbers masked. A number that someone may find by asking for parts of it is not hidden, so searches for
parts demand the same permission as revealing (`gateway.calls.reveal`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from gateway.calls.call import ReadFacts
from gateway.calls.history import RecordedCall
from routing_rules import Explanation, Tried

HIDDEN: Final = "•••"

# Seven digits are the shortest subscriber numbers; fewer are codes, counts and ports.
_NUMBER: Final = re.compile(r"\+?[0-9](?:[ ()./-]{0,2}[0-9]){6,}")

# Whose values are no person's: addresses of the called side, with numbers masked, and the machinery of SIP.
_TOLD: Final = frozenset(
    {"to", "diversion", "history-info", "p-called-party-id", "max-forwards", "cseq", "content-type", "content-length"}
    | {"user-agent", "x-twilio-verstat", "date", "allow", "supported"}
)

# Conditions on the number called, of which a sentence has no other numbers than that one and those of the rule.
_CALLED: Final = frozenset({"called", "unless.called"})

# What of a timeline's details is spoken or written by people.
_SPOKEN: Final = frozenset({"text", "transcript", "arguments", "note", "summary"})


def mask_number(number: str) -> str:
    """The ends of a number, `+1415•••00`, also of an address, `+1415•••00@•••`; the first sign of anything else."""
    if is_hidden(number) or not number:
        return number
    user, at, _ = number.partition("@")
    if at:
        return f"{mask_number(user)}@{HIDDEN}"
    if len(number) >= 9 and number.lstrip("+").isdigit():
        return f"{number[: 5 if len(number) > 10 else 3]}{HIDDEN}{number[-2:]}"  # four digits at least are hidden
    return f"{number[0]}{HIDDEN}"


def is_hidden(number: str) -> bool:
    """Whether a stored number is no number any more: masked, or a pseudonym (`gateway.calls.pseudonyms`)."""
    return HIDDEN in number or number.startswith("~")


def mask_text(text: str, *, spare: str = "") -> str:
    """A text whose numbers are masked, but for the number `spare`."""
    return _NUMBER.sub(lambda found: found[0] if spare and found[0] == spare else _mask_digits(found[0]), text)


def mask_detail(detail: Any, *, spare: str = "") -> Any:
    """A timeline's detail whose texts are masked; what people said is left out."""
    match detail:
        case str():
            return mask_text(detail, spare=spare)
        case dict():
            return {key: HIDDEN if key in _SPOKEN else mask_detail(detail[key], spare=spare) for key in detail}
        case list():
            return [mask_detail(item, spare=spare) for item in detail]
        case _:
            return detail


def mask_call(call: RecordedCall) -> RecordedCall:
    """The call without the caller's number, name and words."""
    return msgspec.structs.replace(
        call,
        caller=mask_number(call.caller),
        caller_name=None if call.caller_name is None else HIDDEN,
        error=None if call.error is None else mask_text(call.error, spare=call.called),
        facts=_mask_facts(call.facts, call.called),
    )


def mask_plan(document: bytes, call: RecordedCall) -> bytes:
    """An encoded plan of the call's own, whose words do not quote the caller."""
    plan = msgspec.json.decode(document)
    mask = masker_of(call)
    steps = [{**step, "conduct": _mask_words(step.get("conduct"), mask)} for step in plan["steps"]]
    return msgspec.json.encode({"steps": steps})


def mask_words(words: Any, call: RecordedCall) -> Any:
    """Any JSON whose texts do not quote the caller."""
    return _mask_words(words, masker_of(call))


def _mask_words(words: Any, mask: Callable[[str], str]) -> Any:
    match words:
        case str():
            return mask(words)
        case dict():
            return {key: _mask_words(words[key], mask) for key in words}
        case list():
            return [_mask_words(item, mask) for item in words]
        case _:
            return words


def masker_of(call: RecordedCall) -> Callable[[str], str]:
    """Masks sentences about the call, which may quote it."""
    unquoted = _unquoting(call)
    return lambda text: mask_text(unquoted(text), spare=call.called)


def _unquoting(call: RecordedCall) -> Callable[[str], str]:
    """Masks what the call says of its caller, and no other numbers."""
    personal = sorted({call.caller, call.caller_name or "", call.facts["caller_uri"]} - {""}, key=len, reverse=True)

    def mask(text: str) -> str:
        for words in personal:
            text = text.replace(words, mask_number(words))
        return text

    return mask


def mask_explanation(explanation: Explanation, call: RecordedCall) -> Explanation:
    """An explanation whose sentences do not quote the caller."""
    return replace(explanation, tried=mask_tried(explanation.tried, call))


def mask_tried(tried: Sequence[Tried], call: RecordedCall) -> tuple[Tried, ...]:
    """Rules held against a call, in sentences that do not quote the caller."""
    mask, unquoted, without_header = masker_of(call), _unquoting(call), _hiding_headers(call)
    masked = ((one, unquoted if one.failed in _CALLED else mask) for one in tried)
    return tuple(
        one if one.detail is None else replace(one, detail=of(without_header(one.detail))) for one, of in masked
    )


def _hiding_headers(call: RecordedCall) -> Callable[[str], str]:
    """Hides what a sentence about a header quotes of it, unless its values are told anyway."""
    held: dict[str, list[str]] = {}
    for name, value in call.facts["headers"]:
        if name.lower() not in _TOLD:
            held.setdefault(name.lower(), []).append(value.strip())
    heads = {f"header {name} is {', '.join(values)}, ": f"header {name} is {HIDDEN}, " for name, values in held.items()}

    def hide(text: str) -> str:
        return next((hidden + text.removeprefix(head) for head, hidden in heads.items() if text.startswith(head)), text)

    return hide


def _mask_facts(facts: ReadFacts, called: str) -> ReadFacts:
    return {
        **facts,
        "headers": [
            (name, mask_text(value, spare=called) if name.lower() in _TOLD else HIDDEN)
            for name, value in facts["headers"]
        ],
        "caller_uri": mask_number(facts["caller_uri"]),
    }


def _mask_digits(number: str) -> str:
    return mask_number("+" * number.startswith("+") + re.sub("[^0-9]", "", number))
