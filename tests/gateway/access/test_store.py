from gateway.access.audit import Author, Wanted, find_entries
from gateway.access.keys import ENTROPY, Key, make_key
from gateway.access.roles import Role
from gateway.access.store import (
    Creation,
    Moment,
    Revocation,
    create_keys,
    find_by_digest,
    find_key,
    insert_keys,
    list_keys,
    revoke_keys,
    touch_keys,
)
from gateway.database import Database

ANN = Author(id="key_ann", name="Ann", address="192.0.2.1")


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
        wishes = [(a_key(1).id, 5), ("key_0", 5), (a_key(1).id, 9)]
        revoked = revoke_keys(connection, [Revocation(key_id, at, ANN) for key_id, at in wishes])
        assert [key and key.revoked_at for key in revoked] == [5, None, 5]
        assert find_by_digest(connection, a_key(1).digest) == revoked[0]


def test_who_made_and_revoked_a_key_is_in_the_audit_log_once_and_without_its_secret(database: Database) -> None:
    key, token = make_key(bytes(ENTROPY), name="ci", role=Role.ADMIN, now=7)
    with database.transaction() as connection:
        create_keys(connection, [Creation(key, ANN)])
        revoke_keys(connection, [Revocation(key.id, 8, ANN), Revocation(key.id, 9, ANN), Revocation("key_0", 9, ANN)])
        revoked, made = (found.entry for found in find_entries(connection, Wanted(), limit=9))
    told = {"name": "ci", "role": "admin", "prefix": key.prefix, "revoked_at": None}
    assert (made.at, made.author, made.action, made.object) == (7, ANN, "key.create", f"key:{key.id}")
    assert (made.before, made.after) == (None, told)
    assert (revoked.at, revoked.action, revoked.object) == (8, "key.revoke", f"key:{key.id}")
    assert (revoked.before, revoked.after) == (told, told | {"revoked_at": "1970-01-01T00:00:00.000Z"})
    assert token not in str(made)


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
