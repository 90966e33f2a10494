"""Rendering: templates to pages, and how values look on them.

Everything is escaped. What a caller's side claims (names, headers) goes through `claimed` besides: its control and
bidirectional characters are shown as what they are rather than obeyed, and it cannot turn the line around it.
"""

import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlencode

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from gateway.calls.masking import HIDDEN, mask_number
from gateway.clock import Clock, to_datetime, to_rfc3339
from gateway.console.assets import Assets
from gateway.console.navigation import NAVIGATION
from gateway.console.visit import Visit
from gateway.console.wording import REASONS, decision_word, event_text, state_word
from gateway.rulebook.current import Current
from gateway.rulebook.pending import Pending

TEMPLATES: Final = Path(__file__).parent / "templates"

# Unicode categories that no reader sees, and that may lie to them: controls, formats (bidi among them), surrogates,
# private use and line separators.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})

# Characters of a claim that a page shows: a header can have thousands.
LONGEST_CLAIM: Final = 2_000


class Renderer:
    """The templates, ready."""

    def __init__(self, assets: Assets, current: Current, clock: Clock) -> None:
        self._current = current
        self._clock = clock
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= {
            "claimed": claimed,
            "when": _when,
            "local_hour": _local_hour,
            "elapsed": elapsed,
            "thousands": thousands,
            "command": command,
            "masked": mask_number,
            "share": share,
            "json": pretty_json,
            "state": state_word,
            "decision": decision_word,
            "event": event_text,
            "reason": lambda reason: REASONS.get(str(reason), str(reason)),
        }
        self._templates.globals |= {"asset": assets.url, "navigation": NAVIGATION, "url": url, "hidden": HIDDEN}

    def render(self, template: str, visit: Visit, context: Mapping[str, Any], pending: Pending | None = None) -> bytes:
        """A page, which tells of the overrides in force and of the revision that waits for confirmation."""
        shell = {
            "visit": visit,
            "now": (now := self._clock.now()),
            "overrides": self._current.overrides.at(now).live if visit.caller else (),
            "pending": pending,
            "notice": unquote(visit.notice) if visit.notice else None,
        }
        return self._templates.get_template(template).render({**shell, **context}).encode()


def claimed(text: str | None, *, lines: bool = False) -> Markup:
    """What a caller's side says, harmless and visible; with `lines` its line breaks are left to be."""
    shown = Markup("").join(sign if lines and sign == "\n" else _visible(sign) for sign in (text or "")[:LONGEST_CLAIM])
    cut = Markup('<span class="unseen">…</span>') if text and len(text) > LONGEST_CLAIM else ""
    return Markup('<bdi class="claimed">{}{}</bdi>').format(shown, cut)


def _visible(sign: str) -> str | Markup:
    if unicodedata.category(sign) in _UNSEEN:
        return Markup('<span class="unseen" title="a character that nobody sees">U+{:04X}</span>').format(ord(sign))
    return escape(sign)


@pass_context
def _when(context: Context, micros: int | None, form: str = "auto") -> Markup:
    """A stored time in the viewer's zone, with UTC when pointed at.

    `auto` leaves off the date of today, `time` has milliseconds, `full` has everything.
    """
    if micros is None:
        return Markup('<span class="nothing">–</span>')
    zone = context["visit"].zone
    moment = to_datetime(micros).astimezone(zone)
    today = to_datetime(context["now"]).astimezone(zone).date()
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        to_rfc3339(micros),
        f"{to_datetime(micros):%Y-%m-%d %H:%M:%S}.{micros % 1_000_000 // 1_000:03} UTC",
        _told(moment, form, is_today=moment.date() == today),
    )


@pass_context
def _local_hour(context: Context, micros: int) -> str:
    """A time as the viewer's date fields write it."""
    return f"{to_datetime(micros).astimezone(context['visit'].zone):%Y-%m-%dT%H:%M}"


def _told(moment: datetime, form: str, *, is_today: bool) -> str:
    if form == "time":
        return f"{moment:%H:%M:%S}.{moment.microsecond // 1_000:03}"
    if form == "auto" and is_today:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%-d %b %Y, %H:%M:%S}" if form == "full" else f"{moment:%-d %b %Y, %H:%M}"


def elapsed(micros: int | None) -> str:
    """A duration, as precise as it matters: 7 ms, 2.4 s, 3 min 5 s, 2 h 7 min, 4 d."""
    if micros is None:
        return "–"
    milliseconds = micros / 1_000
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
    seconds = milliseconds / 1_000
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3_600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds < 86_400:
        return f"{seconds // 3_600:.0f} h {seconds % 3_600 // 60:.0f} min"
    return f"{seconds // 86_400:.0f} d"


def thousands(number: int) -> str:
    """A count with thin gaps."""
    return f"{number:,}".replace(",", "\u2009")


def share(part: int, whole: int) -> str:
    """A part of a whole in percent, without pretending to precision."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    return "< 1 %" if percent < 1 else f"{percent:.0f} %"


def command(words: Sequence[object]) -> str:
    """A line for the shell; what is None or empty is left out with its option."""
    return shlex.join(str(word) for word in words)


def pretty_json(value: Any) -> str:
    """A value as JSON for people."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def url(path: str, **parameters: object) -> str:
    """An address with those parameters that say something."""
    said = {name: value for name, value in parameters.items() if value not in (None, "", False)}
    return f"{path}?{urlencode(said)}" if said else path
