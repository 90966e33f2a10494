"""B2: B1 that remembers its calls by SQLAlchemy's async ORM on aiosqlite: one commit per webhook, one per outcome.

    BENCHMARK_DATABASE=calls.db uvicorn tests.benchmarks.webhooks.baseline_orm:app --no-access-log

Careful here means: WAL, the full durability that is SQLite's default, no connections that lock each other out, and no
answer before the commit. A repeated delivery is recognised by the unique `webhook_id`.
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Request, Response
from openai import OpenAIError
from sqlalchemy import JSON, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.benchmarks.webhooks.baseline_fastapi import client, number, session_for

log = logging.getLogger(__name__)
# One connection, since SQLite has one writer: a sixth faster here than the default pool, whose connections wait for it.
engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['BENCHMARK_DATABASE']}", pool_size=1, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON}  # noqa: RUF012  as SQLAlchemy's documentation writes it


class Call(Base):
    __tablename__ = "calls"

    call_id: Mapped[str] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(unique=True)
    called: Mapped[str]
    caller: Mapped[str]
    headers: Mapped[dict[str, Any]]
    state: Mapped[str]
    error: Mapped[str | None]
    received_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with engine.connect() as connection:
        await connection.execute(text("PRAGMA journal_mode=WAL"))
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/openai")
async def receive(request: Request, background: BackgroundTasks) -> Response:
    try:
        event = client.webhooks.unwrap(await request.body(), request.headers)
    except ValueError:  # what the SDK raises for missing headers, bad signatures and bad JSON
        return Response(status_code=400)
    if event.type != "realtime.call.incoming":
        return Response()
    called = number(event, "diversion", "to")
    call = Call(
        call_id=event.data.call_id,
        webhook_id=request.headers["webhook-id"],
        called=called,
        caller=number(event, "from"),
        headers={header.name: header.value for header in event.data.sip_headers},
        state="accepting",
        received_at=datetime.now(UTC),
    )
    try:
        async with sessions.begin() as session:
            session.add(call)
    except IntegrityError:
        return Response()  # seen before
    background.add_task(answer, event.data.call_id, session_for(called))
    return Response()


async def answer(call_id: str, session: dict[str, Any]) -> None:
    state, error = "accepted", None
    try:
        await client.realtime.calls.accept(call_id, type="realtime", **session)
    except OpenAIError as failure:
        log.exception("could not accept %s", call_id)
        state, error = "failed", str(failure)
    async with sessions.begin() as database:
        outcome = {"state": state, "error": error, "settled_at": datetime.now(UTC)}
        await database.execute(update(Call).where(Call.call_id == call_id).values(outcome))
