"""The composition root: everything that runs, put together once, in the order in which it starts.

`Gateway` owns the parts and their lifespan; `create_app` is the list of doors. There are no module-level engines,
clients or clocks anywhere else.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.guard import Guard
from gateway.actions import outbox
from gateway.actions.control import Control
from gateway.actions.leases import LeaseClock
from gateway.actions.worker import Worker
from gateway.api.routes import ApiContext, api_routes, publisher_of, read_ringing
from gateway.calls.encryption import put_first
from gateway.calls.feed import Feed as LiveFeed
from gateway.calls.indexer import Indexer
from gateway.calls.numbers import country
from gateway.calls.pseudonyms import Pseudonyms
from gateway.calls.retention import Retention
from gateway.calls.usage import LONGEST_SESSION, LiveUsage
from gateway.calls.watches import release_watches, watch_the_unwatched
from gateway.clock import Clock, to_datetime
from gateway.collector import settle
from gateway.console.context import ConsoleContext
from gateway.console.replays import Replays
from gateway.console.routes import console_routes
from gateway.database import Database
from gateway.endpoint import SecretStr
from gateway.health import Proof, health_routes
from gateway.metrics import Metrics
from gateway.monitor.capacity import Capacity
from gateway.monitor.conducting import Conducting
from gateway.monitor.listening import Listening
from gateway.monitor.observer import Observer
from gateway.monitor.stragglers import Stragglers
from gateway.monitor.watch import Patience
from gateway.monitor.watcher import Watcher
from gateway.profiles.shutdowns import days_left
from gateway.rulebook.current import Current
from gateway.rulebook.overrides import find_live
from gateway.rulebook.refer_guard import ReferGuard
from gateway.rulebook.replay import Replay
from gateway.rulebook.reverting import Reverting
from gateway.rulebook.store import pin_starter
from gateway.rulebook.watch import Watch, take_newest
from gateway.settings import Settings
from gateway.subscribers.courier import Courier
from gateway.subscribers.feed import Feed
from gateway.upstream.client import Upstream
from gateway.upstream.pulse import Pulse
from gateway.upstream.sideband import Sidebands
from gateway.webhooks.entries import file_all
from gateway.webhooks.intake import Intake
from gateway.webhooks.keyring import Keyring
from gateway.webhooks.refusals import Refusals
from gateway.webhooks.rotation import Rotation
from gateway.webhooks.routes import WEBHOOKS, WebhookDoor

# How long a stopping gateway waits for requests to the upstream that are under way.
PATIENCE = 5.0

# Several times what a statement may take on PostgreSQL, and what the largest batch takes anywhere.
LONGEST_TRANSACTION = 15.0

log = structlog.get_logger(__name__)


class Gateway:
    """The parts of one running gateway."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        on_death: Callable[[], None],
        load: Callable[[], Settings] | None = None,  # reads the configuration anew, for secrets that change
        patience: Patience | None = None,  # of the watcher; for tests in haste
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.node = f"{socket.gethostname()}:{os.getpid()}:{token_hex(3)}"
        self.metrics = Metrics()
        self.database = Database(settings.database_url, settings.encryption_keys)
        self.live = LiveFeed(self.database)
        self.journal = self.database.journal(on_death=on_death, gauge=self._committed)
        self.current = Current()
        self.usage = LiveUsage(clock)
        self.refer_guard = ReferGuard(settings.refer_allow)
        self.upstream = Upstream(settings.endpoints)
        self.pulse = Pulse(settings.endpoints, clock)
        self._leases = LeaseClock(clock)
        self._observer = Observer(self.metrics, self.usage, self.pulse, clock)
        self.worker = self._make_worker()
        self.control = Control(
            database=self.database, journal=self.journal, worker=self.worker, refer_guard=self.refer_guard, clock=clock
        )
        self.watcher = self._observer.watcher = self._make_watcher(patience or Patience())
        self.stragglers = self._make_stragglers()
        self.intake = self._make_intake()
        self.refusals = Refusals()
        self.guard = Guard(
            database=self.database, journal=self.journal, clock=clock, admin_key=_text(settings.admin_key)
        )
        self.keyring = Keyring(settings.endpoints)
        self.rotation = Rotation(
            settings=settings,
            load=load,
            keyring=self.keyring,
            upstream=self.upstream,
            journal=self.journal,
            clock=clock,
        )
        self.pseudonyms = Pseudonyms(_text(settings.privacy_key))
        self.retention = Retention(
            settings=settings, database=self.database, journal=self.journal, pseudonyms=self.pseudonyms, clock=clock
        )
        self.feed = Feed(subscribers=settings.subscribers, database=self.database, journal=self.journal, clock=clock)
        self.courier = Courier(subscribers=settings.subscribers, journal=self.journal, clock=clock)
        self._let_metrics_ask()
        self._proof = Proof(self.journal, clock)
        self._rounds: list[asyncio.Task[None]] = []
        self._on_death = on_death
        self._loop: asyncio.AbstractEventLoop | None = None
        self.publisher = publisher_of(self.api_context())
        replay = Replay(database=self.database, current=self.current, refer_guard=self.refer_guard)
        self.replays = Replays(database=self.database, replay=replay)
        self.reverting = Reverting(database=self.database, publisher=self.publisher, clock=clock)
        self.started = False

    # --- the parts ----------------------------------------------------------------------------------------------------

    def _make_worker(self) -> Worker:
        return Worker(
            node=self.node,
            journal=self.journal,
            upstream=self.upstream,
            refer_guard=self.refer_guard,
            attempt_timeout=self.settings.upstream_timeout,
            decision_deadline=self.settings.decision_deadline,
            watched=self.settings.watched,
            leases=self._leases,
            clock=self.clock,
            observer=self._observer,
        )

    def _make_watcher(self, patience: Patience) -> Watcher:
        conducting = Conducting(
            database=self.database,
            control=self.control,
            refer_guard=self.refer_guard,
            patience=patience,
            clock=self.clock,
            moved=self._observer.watched,
        )
        listening = Listening(
            sidebands=Sidebands(self.settings.endpoints, self.upstream.authorization),
            journal=self.journal,
            control=self.control,
            conducting=conducting,
            patience=patience,
            clock=self.clock,
            settled=self._observer.watched,
        )
        return Watcher(
            node=self.node,
            surfaces={name: endpoint.surface for name, endpoint in self.settings.endpoints.items()},
            database=self.database,
            journal=self.journal,
            listening=listening,
            patience=patience,
            leases=self._leases,
            clock=self.clock,
        )

    def _make_stragglers(self) -> Stragglers:
        return Stragglers(
            database=self.database,
            journal=self.journal,
            watched=self.settings.watched,
            refer_guard=self.refer_guard,
            leases=self._leases,
            clock=self.clock,
            settled=self._observer.advanced,
        )

    def _make_intake(self) -> Intake:
        return Intake(
            settings=self.settings,
            journal=self.journal,
            current=self.current,
            worker=self.worker,
            usage=self.usage,
            metrics=self.metrics,
            clock=self.clock,
            enters=self.database.is_sqlite,
        )

    def _let_metrics_ask(self) -> None:
        self.metrics.watch_actions(lambda: self.worker.in_hand)
        self.metrics.watch_calls(lambda: self.watcher.in_hand)
        self.metrics.watch_overrides(lambda: len(self.current.overrides.at(self.clock.now()).live))
        self.metrics.watch_shutdowns(self._shutdown_days)

    # --- lifespan -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open everything, oldest work first: schema, rules, then what an earlier process left behind."""
        self._loop = asyncio.get_running_loop()
        self._leases.set(await asyncio.to_thread(self._prepare))
        self.journal.start()
        self.worker.start()
        if self.settings.sideband:
            self.watcher.start()
        watch = Watch(database=self.database, current=self.current, clock=self.clock)
        indexer = Indexer(database=self.database, journal=self.journal)
        capacity = Capacity(
            database=self.database,
            usage=self.usage,
            current=self.current,
            clock=self.clock,
            watched=self.settings.sideband,
        )
        await capacity.look()  # limits hold from the first call on
        await self.reverting.look()  # what ran out meanwhile decides no call
        self._rounds = [
            asyncio.create_task(watch.run()),
            asyncio.create_task(capacity.run()),
            asyncio.create_task(self.reverting.run()),
            asyncio.create_task(self._guard_writer()),
            asyncio.create_task(self.stragglers.run()),
            asyncio.create_task(self.rotation.run()),
            asyncio.create_task(self.retention.run()),
            asyncio.create_task(self.live.run()),
            asyncio.create_task(self.courier.run()),
            asyncio.create_task(indexer.run()),
            asyncio.create_task(self.feed.run()),
        ]
        settle()
        self.started = True

    def reload(self) -> None:
        """Read the configuration's secrets again, as SIGHUP asks. May be called from any thread, and at any time."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.rotation.call)

    async def _guard_writer(self) -> None:
        """Leave when a transaction hangs: a database that swallows everything lets no time-out of its own run."""
        await self.journal.hanging(LONGEST_TRANSACTION)
        log.critical("the journal's writer hangs in a transaction", seconds=round(self.journal.busy))
        self._on_death()

    def _prepare(self) -> int:
        country("+14155550100")  # loads the numbering plans, so that the first call does not wait for them
        self.database.take()
        self.database.upgrade()
        with self.database.transaction() as connection:  # of its own, for which nodes that start beside this one wait
            put_first(connection, self.clock.now())
        with self.database.transaction() as connection:
            pin_starter(connection)
            take_newest(connection, self.current, self.clock.now())
            self.current.override(find_live(connection, self.clock.now()))
            if self.database.is_sqlite:
                file_all(connection)
                outbox.release_all(connection)
                release_watches(connection)
            since = self.clock.now() - int(LONGEST_SESSION * 1e6)
            watch_the_unwatched(connection, since, self.settings.watched)
            return outbox.database_now(connection)

    def begin_stop(self) -> None:
        """End what would keep the server from stopping: open streams. For the server's `on_stopping`."""
        self.live.close()

    def _committed(self, *, entries: int, seconds: float, waiting: int) -> None:
        """What the journal's thread calls after each commit."""
        self.metrics.journal_committed(entries=entries, seconds=seconds, waiting=waiting)
        self.live.wake()

    async def stop(self) -> None:
        """Finish what is under way, then close everything in the opposite order."""
        self.started = False
        for task in self._rounds:
            task.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)
        await self.replays.stop()
        await asyncio.gather(self.worker.stop(PATIENCE), self.intake.stop(PATIENCE))  # each may wait for the other
        await self.courier.close()
        await self.watcher.stop()
        await self.upstream.close()
        await self.rotation.note()
        await self.journal.stop()
        await asyncio.to_thread(self.database.close)  # it waits for reads, and whoever they wait for may need the loop

    def _shutdown_days(self) -> dict[tuple[str, str], int]:
        return days_left(self.current.compiled.rulebook.profiles, to_datetime(self.clock.now()).date())

    def api_context(self) -> ApiContext:
        """What the API needs of this gateway."""
        return ApiContext(**self._shared(), feed=self.live)

    def console_context(self) -> ConsoleContext:
        """What the console needs of this gateway."""
        own: dict[str, Any] = {
            "publisher": self.publisher,
            "replays": self.replays,
            "troubles": self.troubles,
            "refusals": self.refusals,
            "node": self.node,
            "read_event": read_ringing,
            "feed": self.live,
            "pulse": self.pulse,
        }
        return ConsoleContext(**self._shared(), **own)

    def _shared(self) -> dict[str, Any]:
        """What both need."""
        names = ("settings", "database", "journal", "guard", "current", "refer_guard", "usage", "clock")
        return {name: getattr(self, name) for name in (*names, "upstream", "keyring", "control")}

    def concerns(self) -> dict[str, str]:
        """What someone should look at although calls are taken, by part."""
        return {**self.current.concerns(self.clock.now()), **self.reverting.concerns()}

    async def troubles(self) -> dict[str, str]:
        """What keeps this gateway from taking calls, by part; empty when it is ready."""
        troubles = {}
        if not self.started:
            troubles["start"] = "starting or stopping"
        if not self.journal.alive:
            troubles["journal"] = "the writer is not running"
        elif self.journal.failing:
            troubles["database"] = "the latest write failed"
        elif why := await self._proof.trouble():
            troubles["database"] = why
        return troubles


def _text(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def create_app(gateway: Gateway) -> ASGIApp:
    """All doors of `gateway`, which starts and stops with the application.

    Deliveries have a door of their own in front of the framework, whose routing and middleware would cost a ringing
    call more than verifying and deciding it.
    """
    door = WebhookDoor(
        intake=gateway.intake,
        keyring=gateway.keyring,
        clock=gateway.clock,
        on_answer=gateway.metrics.delivery_answered,
        refusals=gateway.refusals,
    )
    others = other_doors(gateway)

    async def doors(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(WEBHOOKS):
            await door(scope, receive, send)
        else:
            await others(scope, receive, send)

    return doors


def other_doors(gateway: Gateway) -> Starlette:
    """Everything but deliveries, and the lifespan."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            await gateway.start()
            yield
        finally:
            await gateway.stop()

    app = Starlette(
        routes=[
            *health_routes(gateway.troubles, gateway.concerns, gateway.metrics),
            *api_routes(gateway.api_context()),
            *console_routes(gateway.console_context()),
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # what is not there is 404, and nothing else
    return app
