import re
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from gateway.access.keys import ENTROPY, SHOWN, digest_of, make_key
from gateway.access.roles import Role


@given(st.binary(min_size=ENTROPY, max_size=ENTROPY))
def test_a_token_carries_its_256_bits_in_characters_that_need_no_escaping(random: bytes) -> None:
    key, token = make_key(random, name="ci", role=Role.EDITOR, now=1)
    assert re.fullmatch(r"gw_[A-Za-z0-9_-]{43}", token)
    assert re.fullmatch(r"key_[0-9a-f]{16}", key.id)


def test_a_key_keeps_the_digest_and_the_first_characters_of_its_token_only() -> None:
    key, token = make_key(bytes(range(ENTROPY)), name="ci", role=Role.EDITOR, now=7)
    assert key.digest == sha256(token.encode()).digest() == digest_of(token.encode())
    assert key.prefix == token[:SHOWN]
    assert token not in repr(key)
    assert (key.name, key.role, key.created_at, key.last_used_at, key.revoked_at) == ("ci", Role.EDITOR, 7, None, None)


def test_other_bits_make_another_key() -> None:
    one, _ = make_key(bytes(ENTROPY), name="a", role=Role.VIEWER, now=1)
    other, _ = make_key(bytes(ENTROPY - 1) + b"\1", name="a", role=Role.VIEWER, now=1)
    assert one.id != other.id
    assert one.digest != other.digest
