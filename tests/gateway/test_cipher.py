"""What is sealed is opened by its key, in its place, and by nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cipher import MAGIC, MARK, Cipher, make_cipher, tag_of_bytes, tag_of_text
from gateway.encryption_keys import EncryptionKey
from gateway.errors import CannotDecrypt
from tests.gateway.sealing import NEW, NONE, OLD, a_key

names = st.text(max_size=20)
keys = st.binary(min_size=32, max_size=32).map(lambda bits: a_key("k", bits))
plain_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(lambda text: text[:1] != MARK)
plain_bytes = st.binary(max_size=60).filter(lambda value: not value.startswith(MAGIC))


@settings(max_examples=25)
@given(keys, names, names, plain_text, plain_bytes)
def test_what_was_sealed_is_opened_in_its_place(
    key: EncryptionKey, label: str, row: str, text: str, value: bytes
) -> None:
    cipher = Cipher([key])
    sealed, cell = cipher.seal_text(label, row, text), cipher.seal(label, row, value)
    assert (cipher.open_text(label, row, sealed), cipher.open(label, row, cell)) == (text, value)
    assert tag_of_text(sealed) == tag_of_bytes(cell) == cipher.first
    assert sealed != cipher.seal_text(label, row, text)  # nonces differ
    assert len(value) < 4 or value not in cell


@settings(max_examples=25)
@given(keys, names, names, names, plain_bytes, st.data())
def test_what_was_moved_or_changed_is_not_opened(
    key: EncryptionKey, label: str, row: str, other: str, value: bytes, data: st.DataObject
) -> None:
    cipher = Cipher([key])
    cell = cipher.seal(label, row, value)
    if other != row:
        with pytest.raises(CannotDecrypt, match="does not belong"):
            cipher.open(label, other, cell)
    if other != label:
        with pytest.raises(CannotDecrypt):
            cipher.open(other, row, cell)
    place = data.draw(st.integers(len(MAGIC), len(cell) - 1))
    with pytest.raises(CannotDecrypt):
        cipher.open(label, row, cell[:place] + bytes([cell[place] ^ 1]) + cell[place + 1 :])
    with pytest.raises(CannotDecrypt):
        cipher.open(label, row, cell[:place])


@settings(max_examples=10)
@given(plain_text)
def test_another_key_opens_nothing_and_is_told_so(text: str) -> None:
    with pytest.raises(CannotDecrypt, match="lacks"):
        Cipher([NEW]).open_text("calls.error", "rtc_1", Cipher([OLD]).seal_text("calls.error", "rtc_1", text))
    with pytest.raises(CannotDecrypt, match="damaged"):
        Cipher([NEW]).open_text("calls.error", "rtc_1", MARK + "!")


def test_every_key_of_the_list_opens_and_the_first_seals() -> None:
    old, both, none = Cipher([OLD]), Cipher([NEW, OLD]), Cipher([NONE, OLD])
    cell = old.seal("a", "1", b"x")
    assert both.open("a", "1", cell) == none.open("a", "1", cell) == b"x"
    assert tag_of_bytes(both.seal("a", "1", b"x")) == both.first != old.first
    assert (none.seal("a", "1", b"x"), none.seal_text("a", "1", "x"), none.token("a", "x")) == (b"x", "x", "x")
    assert (none.seals, none.first, none.names) == (False, "", {old.first: "old"})
    assert both.open("a", "1", b"as it is") == b"as it is"
    assert both.open_text("a", "1", "as it is") == "as it is"
    assert make_cipher([]) is make_cipher([NONE]) is None


def test_a_token_is_the_same_for_the_same_number_in_the_same_column_under_the_same_key() -> None:
    cipher, both = Cipher([NEW]), Cipher([NEW, OLD])
    token = cipher.token("calls.caller", "+14155550100")
    assert token == both.token("calls.caller", "+14155550100")
    assert token not in (cipher.token("calls.called", "+14155550100"), cipher.token("calls.caller", "+14155550101"))
    assert cipher.token("calls.caller", "") == ""
    forms = both.forms("calls.caller", "+14155550100")
    assert set(forms) == {both.first, Cipher([OLD]).first, ""}
    assert (forms[both.first], forms[""]) == (token, "+14155550100")
    assert both.forms("calls.caller", "") == {"": ""}
    assert cipher.gram("caller:+14") != Cipher([OLD]).gram("caller:+14")
