"""Words and tones for what the gateway knows by code: states, decisions, reasons and events, for people.

A tone is one of good, bad, doubt, busy, moved and quiet; the style sheet gives each its colour and its mark, so that
nothing is told by colour alone.
"""

from typing import Final, NamedTuple

from gateway.calls.lifecycle import Event, State


class Word(NamedTuple):
    """How something is called."""

    text: str
    tone: str
    meaning: str


STATES: Final = {
    State.DECIDED: Word("Decided", "busy", "Stored with its plan; nothing was sent yet."),
    State.EXPIRED: Word("Expired", "doubt", "Its webhook came too late to act on; nothing was sent."),
    State.IGNORED: Word("Ignored", "quiet", "Left to another deployment on purpose."),
    State.ACCEPTING: Word("Accepting", "busy", "An accept is under way."),
    State.ACCEPT_UNKNOWN: Word("Accept in doubt", "doubt", "An accept may have been applied; it is sent again."),
    State.ACCEPTED: Word("Accepted", "good", "The upstream took the accept."),
    State.REJECTING: Word("Rejecting", "busy", "A reject is under way."),
    State.REJECTED: Word("Rejected", "bad", "The caller was turned away."),
    State.REFERRING: Word("Transferring", "busy", "A transfer was or is about to be sent, once."),
    State.REFER_WAIT: Word("Transfer pending", "busy", "The upstream took the transfer; it is not proven."),
    State.REFER_UNKNOWN: Word("Transfer in doubt", "doubt", "A transfer may have been applied; it is not sent again."),
    State.REFERRED: Word("Transferred", "moved", "The caller was handed on."),
    State.ENDING: Word("Hanging up", "busy", "A hangup is under way."),
    State.ENDED: Word("Ended", "good", "The call was answered and is over."),
    State.GONE: Word("Caller left", "quiet", "The caller hung up before we could act."),
    State.LOST: Word("Taken elsewhere", "doubt", "Someone else decided this call first."),
    State.FAILED: Word("Failed", "bad", "We gave up; somebody should look."),
}

DECISIONS: Final = {
    "accept": Word("Accept", "good", "An AI answers."),
    "reject": Word("Reject", "bad", "The caller is turned away."),
    "refer": Word("Transfer", "moved", "The caller is handed on."),
    "ignore": Word("Ignore", "quiet", "Left to another deployment."),
}

REASONS: Final = {
    "rule_matched": "a rule matched",
    "override": "an override decided, before all rules",
    "no_rules": "there are no enabled rules, so the default decided",
    "none_matched": "no rule matched, so the default decided",
    "outside_hours": "a rule is meant for this call, but for another time, so the default decided",
    "full": "a rule is meant for this call, but as many of its calls as may be are live, so the default decided",
    "rate_exceeded": "a rule is meant for this call, but decided too many lately, so the default decided",
}

EVENTS: Final = {
    Event.ARRIVED: "Webhook verified, call decided and stored",
    Event.ARRIVED_LATE: "Webhook came too late to act on",
    Event.LEFT_ALONE: "Left to another deployment",
    Event.ACCEPT_STARTED: "Accept sent",
    Event.REJECT_STARTED: "Reject sent",
    Event.REFER_STARTED: "Transfer sent",
    Event.HANGUP_STARTED: "Hangup sent",
    Event.NEVER_SENT: "Too old by now; nothing was sent",
    Event.SUCCEEDED: "The upstream confirmed",
    Event.RETRYING: "The upstream failed; the same is sent again",
    Event.IN_DOUBT: "The reply was lost; it may have been applied",
    Event.RESENDING: "The same bytes sent again, after doubt",
    Event.UNCLEAR: "Out of time, and still in doubt",
    Event.FELL_BACK: "Refused or out of time; another accept is tried",
    Event.GAVE_WAY: "Refused or out of time; the call is rejected",
    Event.REFUSED: "The upstream refused the last thing we could try",
    Event.UNAUTHORIZED: "The upstream refused our API key",
    Event.CALLER_GONE: "The upstream does not know the call any more",
    Event.TAKEN: "Another decision came first",
    Event.STAYED: "The transfer failed; the caller stays with the AI",
    Event.UNWATCHED: "Settled without proof: nobody was listening",
    Event.CONFIRMED: "Proven by the call itself",
    Event.CLOSED: "The call is over",
    Event.OUT_OF_TIME: "The deadline passed without an answer",
    Event.STUCK: "No progress for a minute",
}


def state_word(state: str) -> Word:
    """The word for a state; a newer release may have written one that we do not know."""
    return STATES.get(state, Word(state.replace("_", " "), "quiet", ""))  # type: ignore[call-overload, no-any-return]


def decision_word(kind: str) -> Word:
    """The word for a kind of decision."""
    return DECISIONS.get(kind, Word(kind, "quiet", ""))


def event_text(kind: str) -> str:
    """What happened, as a sentence."""
    return EVENTS.get(kind, kind.replace("_", " "))  # type: ignore[call-overload, no-any-return]
