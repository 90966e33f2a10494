"""Words for engineers: verdicts on deliveries, and why a delivery was refused, with what to do about it."""

from typing import Final

from gateway.console.wording import Word
from gateway.webhooks.inbox import Verdict

VERDICTS: Final = {
    Verdict.NEW: Word("New call", "good", "A genuine event of a call that was decided then."),
    Verdict.LATE: Word("Too late", "doubt", "The event was too old to act on; its call is stored as expired."),
    Verdict.IGNORED: Word("Not for us", "quiet", "A genuine event of another type, which needs nothing."),
    Verdict.QUARANTINED: Word("Quarantined", "bad", "Genuine, but its body could not be used; it is kept here."),
    Verdict.SAME_CALL: Word("Same call", "quiet", "A call that another delivery had announced; nothing was done."),
}

# By reason: what it means, and what to do.
REFUSALS: Final = {
    "signature_mismatch": Word(
        "Bad signature",
        "bad",
        "No secret of this endpoint made this signature. Compare the secret at the sender with those on the page "
        "Endpoints; after a rotation keep both for a day. A proxy that rewrites the body breaks signatures too.",
    ),
    "timestamp_too_old": Word(
        "Signed too long ago", "doubt", "More than five minutes by our clock. Check this machine's clock, or a replay."
    ),
    "timestamp_too_new": Word(
        "Signed in the future", "doubt", "More than five minutes ahead of our clock. Check this machine's clock."
    ),
    "header_missing": Word(
        "Not signed", "bad", "A header webhook-id, -timestamp or -signature is missing. A proxy may drop it."
    ),
    "header_repeated": Word("Header twice", "bad", "A signing header is there twice. A proxy may add it."),
    "id_malformed": Word("Bad id", "bad", "The webhook-id is none of a Standard Webhooks sender."),
    "timestamp_malformed": Word("Bad time", "bad", "The webhook-timestamp is no number of seconds."),
    "signature_malformed": Word("No v1 signature", "bad", "The webhook-signature holds no entry that begins with v1,."),
    "unknown_endpoint": Word(
        "Unknown endpoint", "quiet", "No endpoint has this name. Compare the address at the sender with Endpoints."
    ),
    "method": Word("Not a POST", "quiet", "Deliveries are sent by POST; a browser or a scanner was here."),
    "no_webhook_secret": Word(
        "No secret set", "bad", "The endpoint has no webhook secret, so nothing can be proven. Set it, and reload."
    ),
    "content_type": Word("Not JSON", "doubt", "The content type or encoding is none of a webhook."),
    "content_length": Word("Bad length", "doubt", "The content length is no number."),
    "too_large": Word("Too large", "doubt", "The body is larger than 256 KiB."),
    "slow_body": Word("Body too slow", "doubt", "The body did not arrive within ten seconds."),
    "disconnected": Word("Hung up", "doubt", "The sender left before its body had arrived."),
    "unavailable": Word(
        "Not stored", "bad", "The database did not take it in time. The sender was asked to come again; see Nodes."
    ),
    "unexpected": Word("Our fault", "bad", "It failed in a way that nobody foresaw; the log has the rest."),
}


def verdict_word(verdict: str) -> Word:
    """The word for a verdict; a newer release may have written one that we do not know."""
    return VERDICTS.get(verdict, Word(verdict, "quiet", ""))  # type: ignore[call-overload, no-any-return]


def refusal_word(why: str) -> Word:
    """The word for a reason to refuse a delivery."""
    return REFUSALS.get(why, Word(why.replace("_", " "), "bad", ""))
