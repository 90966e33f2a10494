"""What the console needs of the gateway."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.access.guard import Guard
from gateway.actions.control import Control
from gateway.calls.feed import Feed
from gateway.clock import Clock
from gateway.console.home import Troubles
from gateway.console.replays import Replays
from gateway.database import Database
from gateway.journal import Journal
from gateway.rulebook.current import Current
from gateway.rulebook.publish import Publisher
from gateway.rulebook.trial import ReadEvent
from gateway.settings import Settings
from gateway.upstream.client import Upstream
from gateway.upstream.pulse import Pulse
from gateway.webhooks.keyring import Keyring
from gateway.webhooks.refusals import Refusals
from routing_rules import Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleContext:
    """What the console needs of the gateway."""

    settings: Settings
    database: Database
    journal: Journal
    guard: Guard
    current: Current  # the revision in force
    publisher: Publisher  # puts others in force
    replays: Replays  # of drafts, which go on beside the pages
    refer_guard: Callable[[str], str | None]  # why a transfer target is refused
    usage: Usage  # what is in use now
    control: Control  # commands calls that are under way
    clock: Clock
    troubles: Troubles  # what keeps the gateway from taking calls
    read_event: ReadEvent  # of a pasted webhook
    upstream: Upstream
    keyring: Keyring
    refusals: Refusals  # what this process refused lately
    node: str  # the name of this process
    feed: Feed  # what happens to calls
    pulse: Pulse  # how the upstreams do lately
