"""A profile: a named accept configuration, part for the upstream and part for ourselves."""

from collections.abc import Mapping
from typing import Any, Final

# What the gateway reads of a profile; all other keys are the upstream's session, sent as they are.
GATEWAY_KEYS: Final = frozenset({"note", "greeting", "max_seconds", "silence", "metadata"})


def session_of(profile: Mapping[str, Any], *, instructions: str | None = None) -> dict[str, Any]:
    """The session object to send upstream, with a rule's own `instructions` in place of the profile's if given."""
    session = {key: value for key, value in profile.items() if key not in GATEWAY_KEYS}
    if instructions is not None:
        session["instructions"] = instructions
        if isinstance(live := session.get("live"), Mapping):  # for the other surface, where the rule's word holds too
            session["live"] = {**live, "instructions": instructions}
    return session
