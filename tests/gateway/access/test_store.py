from gateway.access.keys import ENTROPY, Key, make_key
from gateway.access.roles import Role
from gateway.access.store import Moment, find_by_digest, find_key, insert_keys, list_keys, revoke_keys, touch_keys
from gateway.database import Database


def a_key(number: int, now: int = 1_000) -> Key:
    key, _ = make_key(number.to_bytes(ENTROPY, "big"), name=f"key {number}", role=Role.EDITOR, now=now)
    return key


def test_a_key_is_found_by_its_id_and_by_its_tokens_digest(database: Database) -> None:
    with database.transaction() as connection:
        insert_keys(connection, [a_key(1), a_key(2)])
        assert find_key(connection, a_key(1).id) == a_key(1)
        assert find_by_digest(connection, a_key(2).digest) == a_key(2)
        assert find_key(connection, "key_0") is None
        assert find_by_digest(connection, b"") is None


def test_the_first_revocation_stands(database: Database) -> None:
    with database.transaction() as connection:
        insert_keys(connection, [a_key(1)])
        revoked = revoke_keys(connection, [Moment(a_key(1).id, 5), Moment("key_0", 5), Moment(a_key(1).id, 9)])
        assert [key and key.revoked_at for key in revoked] == [5, None, 5]
        assert find_by_digest(connection, a_key(1).digest) == revoked[0]


def test_the_last_use_only_moves_forward(database: Database) -> None:
    with database.transaction() as connection:
        insert_keys(connection, [a_key(1), a_key(2)])
        touch_keys(connection, [Moment(a_key(1).id, 7), Moment(a_key(1).id, 9), Moment(a_key(1).id, 8)])
        assert [key.last_used_at for key in list_keys(connection, limit=9)] == [
            {a_key(1).id: 9}.get(key.id) for key in list_keys(connection, limit=9)
        ]


def test_pages_of_keys_are_the_whole_list_the_newest_first(database: Database) -> None:
    keys = [a_key(number, now=1_000 + number // 3) for number in range(7)]
    with database.transaction() as connection:
        insert_keys(connection, keys)
        found: list[Key] = []
        after = None
        while page := list_keys(connection, limit=2, after=after):
            found += page
            after = (page[-1].created_at, page[-1].id)
    assert found == sorted(keys, key=lambda key: (key.created_at, key.id), reverse=True)
