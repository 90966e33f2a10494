from gateway.access.keys import digest_of
from gateway.access.sessions import ENTROPY, LIFETIME, end_sessions, find_session, insert_sessions, make_session
from gateway.database import Database

NOW = 1_790_000_000_000_000
LATER = NOW + LIFETIME * 1_000_000


def test_the_secret_is_not_stored() -> None:
    session, secret = make_session(bytes(ENTROPY), key_digest=b"key", now=NOW)
    assert session.digest == digest_of(secret.encode())
    assert secret.encode() not in session.digest


def test_a_session_is_found_until_it_expires(database: Database) -> None:
    session, _ = make_session(b"1" * ENTROPY, key_digest=b"key", now=NOW)
    with database.transaction() as connection:
        insert_sessions(connection, [session])
        assert find_session(connection, session.digest, LATER - 1) == session
        assert find_session(connection, session.digest, LATER) is None


def test_an_ended_session_is_gone(database: Database) -> None:
    session, _ = make_session(b"1" * ENTROPY, key_digest=b"key", now=NOW)
    with database.transaction() as connection:
        insert_sessions(connection, [session])
        end_sessions(connection, [session.digest])
        assert find_session(connection, session.digest, NOW) is None


def test_a_new_session_takes_away_the_expired_ones(database: Database) -> None:
    old, _ = make_session(b"1" * ENTROPY, key_digest=b"key", now=NOW)
    new, _ = make_session(b"2" * ENTROPY, key_digest=b"key", now=LATER)
    with database.transaction() as connection:
        insert_sessions(connection, [old])
        insert_sessions(connection, [new])
        assert find_session(connection, old.digest, NOW) is None
        assert find_session(connection, new.digest, LATER) == new
