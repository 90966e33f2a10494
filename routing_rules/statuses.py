"""What a SIP status does to a rejected call beyond its name: who tries again, and who must not.

From RFC 3261 section 21, and from what carriers document or do: Telnyx fails over on 408, 480, 503 and 504, Twilio on
503; neither does on 404, 486 or 603. Carriers differ, so the sentences say no more than holds for most.
"""

_FINAL = "is final: a carrier that keeps to RFC 3261 (section 21.6) tries no other route"
_FAILOVER = "makes many carriers try the next route, so the call may ring elsewhere, or here again"
_STAYS = "is the callee's own answer: most carriers do not fail over on it"

_CONSEQUENCES = {
    404: "says that the number does not exist: most carriers do not fail over on it, and some list the number as dead",
    408: _FAILOVER,
    480: _FAILOVER,
    486: f"{_STAYS}, and the caller hears the busy tone",
    503: f"{_FAILOVER}; it is meant for faults of ours, and a carrier may hold back further calls for a while",
    504: _FAILOVER,
    600: f"{_FINAL}, and the caller hears the busy tone",
    603: f"{_FINAL}; some redial at once all the same",
    607: f"{_FINAL}, and analytics may take it as a complaint about the caller (RFC 8197)",
    608: f"{_FINAL}; without a Call-Info header, which cannot be sent from here, it is no valid rejection by RFC 8688",
}


def consequence(status: int) -> str | None:
    """What rejecting with this status makes carriers do, as the rest of a sentence; None if nothing special."""
    return _CONSEQUENCES.get(status) or (_FINAL if status >= 600 else None)
