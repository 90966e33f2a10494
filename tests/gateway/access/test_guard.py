import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.access.audit import GATEWAY
from gateway.access.guard import BELIEVED, Caller, Guard, caller_of
from gateway.access.keys import Key
from gateway.access.roles import Permission, Role
from gateway.access.store import Revocation, find_key, revoke_keys
from gateway.database import Database
from gateway.errors import DatabaseUnavailable, RequestError
from gateway.journal import Journal
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import NOW, store_key
from tests.gateway.asking import a_request

MINUTE = 60.0


@pytest.fixture
async def journal(sqlite: Database) -> AsyncIterator[Journal]:
    journal = sqlite.journal(on_death=lambda: None)
    journal.start()
    yield journal
    await journal.stop()


@pytest.fixture
def guard(sqlite: Database, journal: Journal, clock: SettableClock) -> Guard:
    return Guard(database=sqlite, journal=journal, clock=clock, admin_key="bootstrap é")


async def admit(guard: Guard, authorization: str, permission: Permission = Permission.READ_CALLS) -> Caller:
    return await guard.admit(a_request(("Authorization", authorization)), permission)


def revoke(database: Database, key: Key) -> None:
    """As the command line does, in another process."""
    with database.transaction() as connection:
        revoke_keys(connection, [Revocation(key.id, NOW, GATEWAY)])


async def committed(journal: Journal) -> None:
    """Wait until everything queued so far is written."""
    await journal.write(lambda connection, items: list(items), None)


async def test_a_stored_key_is_admitted_by_its_token(guard: Guard, sqlite: Database) -> None:
    key, token = store_key(sqlite, Role.EDITOR, "ci")
    request = a_request(("Authorization", f"bearer  {token}"))
    caller = await guard.admit(request, Permission.PUBLISH)
    assert caller == Caller(key_id=key.id, name="ci", role=Role.EDITOR) == caller_of(request)


async def test_the_bootstrap_key_is_an_admin(guard: Guard) -> None:
    raw = "bootstrap é".encode().decode("latin-1")  # UTF-8 on the wire
    caller = await admit(guard, f"Bearer {raw}", Permission.MANAGE_KEYS)
    assert (caller.key_id, caller.role) == ("bootstrap", Role.ADMIN)


async def test_without_a_bootstrap_key_nothing_stands_in_for_it(
    sqlite: Database, journal: Journal, clock: SettableClock
) -> None:
    for unset in (None, ""):
        guard = Guard(database=sqlite, journal=journal, clock=clock, admin_key=unset)
        for token in ("None", '""', "x"):
            with pytest.raises(RequestError):
                await admit(guard, f"Bearer {token}")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic Ym9v", "gw_abc", "Token gw_abc"])
async def test_a_request_without_a_bearer_token_is_asked_for_one(guard: Guard, authorization: str) -> None:
    with pytest.raises(RequestError) as refused:
        await admit(guard, authorization)
    assert (refused.value.status, refused.value.headers["www-authenticate"]) == (401, "Bearer")


async def test_two_authorizations_are_none(guard: Guard, sqlite: Database) -> None:
    _, token = store_key(sqlite, Role.ADMIN)
    header = ("Authorization", f"Bearer {token}")
    with pytest.raises(RequestError) as refused:
        await guard.admit(a_request(header, header), Permission.READ_CALLS)
    assert refused.value.status == 401


@pytest.mark.parametrize("token", ["gw_unknown", "bootstrap", "bootstrap éx", "\xff\xfe", "x" * 5_000])
async def test_an_unknown_token_is_refused(guard: Guard, token: str) -> None:
    with pytest.raises(RequestError) as refused:
        await admit(guard, f"Bearer {token}")
    assert refused.value.status == 401
    assert refused.value.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert token not in str(refused.value)


async def test_a_caller_without_the_permission_is_told_which_is_missing(guard: Guard, sqlite: Database) -> None:
    _, token = store_key(sqlite, Role.VIEWER, "board")
    with pytest.raises(RequestError) as refused:
        await admit(guard, f"Bearer {token}", Permission.PUBLISH)
    assert (refused.value.status, refused.value.extra["permission"]) == (403, "rulebook:write")
    assert "rulebook:write" in refused.value.detail


async def test_what_was_being_read_while_a_key_was_revoked_here_is_not_believed(guard: Guard, sqlite: Database) -> None:
    key, token = store_key(sqlite, Role.ADMIN)
    early = asyncio.create_task(admit(guard, f"Bearer {token}"))
    await asyncio.sleep(0)
    guard.forget(key)
    await early
    revoke(sqlite, key)
    with pytest.raises(RequestError):
        await admit(guard, f"Bearer {token}")


async def test_a_key_revoked_elsewhere_is_refused_a_second_later(
    guard: Guard, sqlite: Database, clock: SettableClock
) -> None:
    key, token = store_key(sqlite, Role.ADMIN)
    await admit(guard, f"Bearer {token}")
    revoke(sqlite, key)
    clock.pass_(BELIEVED * 0.9)
    await admit(guard, f"Bearer {token}")
    clock.pass_(BELIEVED * 0.1)
    with pytest.raises(RequestError) as refused:
        await admit(guard, f"Bearer {token}")
    assert refused.value.status == 401


async def test_a_key_revoked_here_is_refused_at_once(guard: Guard, sqlite: Database) -> None:
    key, token = store_key(sqlite, Role.ADMIN)
    await admit(guard, f"Bearer {token}")
    revoke(sqlite, key)
    guard.forget(key)
    with pytest.raises(RequestError):
        await admit(guard, f"Bearer {token}")


async def test_a_key_made_elsewhere_is_admitted_a_second_later(
    guard: Guard, sqlite: Database, clock: SettableClock
) -> None:
    key, token = store_key(sqlite, Role.ADMIN)
    with sqlite.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM api_keys")
    with pytest.raises(RequestError):
        await admit(guard, f"Bearer {token}")
    store_key(sqlite, Role.ADMIN, key=key)
    clock.pass_(BELIEVED)
    await admit(guard, f"Bearer {token}")


async def test_a_busy_key_is_read_once_a_second(guard: Guard, sqlite: Database, clock: SettableClock) -> None:
    _, token = store_key(sqlite, Role.ADMIN)
    await admit(guard, f"Bearer {token}")
    sqlite.reader.dispose()
    with sqlite.writer.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE api_keys RENAME TO hidden")
    for _ in range(100):
        await admit(guard, f"Bearer {token}")
    clock.pass_(BELIEVED)
    with pytest.raises(DatabaseUnavailable):
        await admit(guard, f"Bearer {token}")


async def test_a_flood_of_guesses_does_not_fill_the_memory(
    sqlite: Database, journal: Journal, clock: SettableClock
) -> None:
    guard = Guard(database=sqlite, journal=journal, clock=clock, admin_key=None, remembered=5)
    _, token = store_key(sqlite, Role.ADMIN)
    for guess in range(20):
        with pytest.raises(RequestError):
            await admit(guard, f"Bearer gw_{guess}")
    assert len(guard._known) <= 5
    await admit(guard, f"Bearer {token}")


async def test_the_use_of_a_key_is_noted_once_a_minute(
    guard: Guard, sqlite: Database, journal: Journal, clock: SettableClock
) -> None:
    key, token = store_key(sqlite, Role.ADMIN)

    async def last_used() -> int | None:
        await admit(guard, f"Bearer {token}")
        await committed(journal)
        found = await sqlite.read(find_key, key.id)
        assert found is not None
        return found.last_used_at

    first = clock.now()
    assert await last_used() == first
    clock.pass_(MINUTE - 1)
    assert await last_used() == first
    clock.pass_(1)
    assert await last_used() == first + 60_000_000


async def test_a_use_that_cannot_be_noted_does_not_keep_the_caller_out(sqlite: Database, clock: SettableClock) -> None:
    never_started = sqlite.journal(on_death=lambda: None)
    guard = Guard(database=sqlite, journal=never_started, clock=clock, admin_key=None)
    _, token = store_key(sqlite, Role.ADMIN)
    assert (await admit(guard, f"Bearer {token}")).role is Role.ADMIN


async def test_a_note_that_fails_in_the_writer_does_not_matter_either(
    guard: Guard, sqlite: Database, journal: Journal
) -> None:
    _, token = store_key(sqlite, Role.ADMIN)
    with sqlite.writer.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no BEFORE UPDATE ON api_keys BEGIN SELECT RAISE(ABORT, 'no notes'); END"
        )
    await admit(guard, f"Bearer {token}")
    await committed(journal)
    await admit(guard, f"Bearer {token}")
