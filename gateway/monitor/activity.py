"""What is learned of one conversation: happenings on the sideband go in; sums and remarks for the timeline come out.

Pure. A timeline is read by people, so it gets what someone would ask about (trouble, tools, keys, limits) and not what
comes with every sentence: turns, seconds and tokens are sums. However much happens, a call adds `MOST_REMARKS` lines.

Keys of the telephone that mean nothing to the profile are counted and not kept: they may be a PIN or a card number.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from gateway.calls.remark import Line, Remark
from gateway.upstream.sideband_wire import (
    LIVE_TROUBLES,
    Answered,
    CallerSpeaks,
    Closed,
    Happening,
    Heard,
    Limited,
    ModelSpeaks,
    Pressed,
    ToolCalled,
    Trouble,
    Used,
)

# A day's work of a chatty model with its tools; a call that has more is a loop, and its sums tell so.
MOST_REMARKS: Final = 200

# Keys pressed within this many seconds of each other are one entry.
ONE_ENTRY: Final = 3.0

# Used-up limits are reported with every response; one line a minute tells it.
LIMITS_TOLD_EVERY: Final = 60.0


class Activity:
    """One call's conversation so far; begins with the sums of earlier watchers.

    Times are seconds on the monotonic clock (`at`) and µs since the epoch (`now`).
    """

    def __init__(self, sums: Mapping[str, Any] | None = None, *, known_keys: Collection[str] = ()) -> None:
        self.sums: dict[str, Any] = dict(sums or {})
        self.quiet_since: float | None = None  # when somebody last ceased to speak
        self._known_keys = frozenset(known_keys)
        self._caller_since: float | None = None
        self._model_since: float | None = None
        self._asked_at: float | None = None  # when the caller last ceased to speak, unless the model has replied
        self._entry: list[float] = []  # when the keys of the entry under way were pressed
        self._limits_told_at = float("-inf")

    def take(self, happening: Happening, at: float, now: int) -> list[Line]:
        """Take note of a happening; what the timeline should say of it."""
        match happening:
            case CallerSpeaks(begins=begins):
                self._caller(begins, at)
            case ModelSpeaks(begins=begins, cut=cut):
                self._model(begins, cut, at)
            case Answered():
                return self._answered(happening, now)
            case Heard(tokens=tokens, seconds=seconds):
                self._add("transcription_tokens", tokens)
                self._add("transcription_seconds", round(seconds, 3))
            case ToolCalled():
                self._add("tools", 1)
            case Pressed(key=key):
                return self._pressed(key, at, now)
            case Trouble(code=code, message=message):
                self._add("errors", 1)
                return self._remark(Remark.TROUBLE, now, code=code, message=message)
            case Limited(remaining=remaining):
                return self._limited(remaining, at, now)
            case Used(seconds=seconds):
                self.sums["audio_seconds"] = round(seconds, 3)
            case Closed():
                return self._closed(happening, now)
        return []

    def settle(self, at: float, now: int) -> list[Line]:
        """What the timeline should say of what has come to its end by itself: an entry of keys."""
        if not self._entry or at - self._entry[-1] < ONE_ENTRY:
            return []
        count = len(self._entry)
        self._entry.clear()
        return self._remark(Remark.PRESSED, now, keys="•" * min(count, 32))

    def finish(self, at: float, now: int) -> list[Line]:
        """The conversation is over: close what is open."""
        self._caller(False, at)
        self._model(False, False, at)
        return self.settle(at + ONE_ENTRY, now)

    def remark(self, kind: Remark, now: int, **detail: Any) -> list[Line]:
        """A line of someone else's for the timeline, within the same bounds."""
        return self._remark(kind, now, **detail)

    def usage(self) -> str | None:
        """The sums, as they are stored; None while there are none."""
        return msgspec.json.encode(self.sums).decode() if self.sums else None

    def _caller(self, begins: bool, at: float) -> None:
        if begins:
            self._caller_since = at
            self._add("turns", 1)
        elif self._caller_since is not None:
            self._add("caller_seconds", round(at - self._caller_since, 3))
            self._caller_since, self._asked_at = None, at
        self.quiet_since = at

    def _model(self, begins: bool, cut: bool, at: float) -> None:
        if begins:
            self._model_since = at
            if self._asked_at is not None:
                self._reply(at - self._asked_at)
                self._asked_at = None
        elif self._model_since is not None:
            self._add("model_seconds", round(at - self._model_since, 3))
            self._model_since = None
        if cut:
            self._add("interruptions", 1)
        self.quiet_since = at

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks now."""
        return self._caller_since is not None or self._model_since is not None

    @property
    def model_speaks(self) -> bool:
        """Whether the model's voice is heard now."""
        return self._model_since is not None

    def _reply(self, seconds: float) -> None:
        """The mean time between the caller's last word and the model's first."""
        replies = self.sums.get("replies", 0)
        mean = self.sums.get("mean_reply_ms", 0)
        self.sums["replies"] = replies + 1
        self.sums["mean_reply_ms"] = round((mean * replies + seconds * 1e3) / (replies + 1))

    def _answered(self, response: Answered, now: int) -> list[Line]:
        self._add("responses", 1)
        for name, count in response.tokens.items():
            self._add(name, count)
        if response.status != "failed":
            return []
        self._add("errors", 1)
        code = response.code or "unknown"
        kind = Remark.RATE_LIMITED if "rate_limit" in code or "quota" in code else Remark.TROUBLE
        return self._remark(kind, now, code=code, message="a response of the model failed")

    def _pressed(self, key: str, at: float, now: int) -> list[Line]:
        self._add("keys", 1)
        lines = self.settle(at, now)
        if key in self._known_keys and not self._entry:
            return lines + self._remark(Remark.PRESSED, now, keys=key)
        self._entry.append(at)
        return lines

    def _limited(self, remaining: Mapping[str, tuple[int, float]], at: float, now: int) -> list[Line]:
        used_up = {name: seconds for name, (left, seconds) in remaining.items() if left <= 0}
        if not used_up or at - self._limits_told_at < LIMITS_TOLD_EVERY:
            return []
        self._limits_told_at = at
        return self._remark(Remark.RATE_LIMITED, now, reset_seconds=used_up)

    def _closed(self, closed: Closed, now: int) -> list[Line]:
        if closed.seconds is not None:
            self.sums["audio_seconds"] = round(closed.seconds, 3)
        if closed.reason not in LIVE_TROUBLES:
            return []
        self._add("errors", 1)
        return self._remark(Remark.TROUBLE, now, code=closed.reason, message="the session was closed")

    def _add(self, name: str, count: float) -> None:
        if count:
            self.sums[name] = round(self.sums.get(name, 0) + count, 3)

    def _remark(self, kind: Remark, now: int, **detail: Any) -> list[Line]:
        remarks = self.sums["remarks"] = self.sums.get("remarks", 0) + 1
        if remarks > MOST_REMARKS:
            return []
        return [Line(at=now, kind=kind, detail=msgspec.json.encode(detail).decode() if detail else None)]
