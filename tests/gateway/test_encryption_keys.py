"""How keys are listed, and that no mistake in the list tells any of them."""

from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest

from gateway.encryption_keys import PLAIN, read_encryption_keys, write_encryption_key
from gateway.errors import ConfigurationError
from gateway.settings import load_settings, secrets_of

BITS = bytes(range(222, 254))
WRITTEN = b64encode(BITS).decode()


def test_keys_are_read_in_base64_or_hexadecimal_and_keep_their_order() -> None:
    text = f"plain, 2026-11:{WRITTEN} old:{bytes(32).hex()},\nweb:{urlsafe_b64encode(BITS[::-1]).decode()}"
    keys = read_encryption_keys(text)
    assert [key.name for key in keys] == [PLAIN, "2026-11", "old", "web"]
    assert [key.bits for key in keys[1:]] == [BITS, bytes(32), BITS[::-1]]
    assert WRITTEN not in repr(keys)
    assert read_encryption_keys(write_encryption_key("2026-11", BITS)) == keys[1:2]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no key"),
        (WRITTEN, "not written as NAME:KEY"),
        (f"a b:{WRITTEN}", "key 1 is not written"),
        (f"a:{WRITTEN[:-4]}", "not 32 bytes"),
        (f"a:{WRITTEN[:-1]}ü", "not 32 bytes"),
        (f"a:{WRITTEN},plain", "only stand first"),
        (f"plain:{WRITTEN}", "not written"),
        (f"a:{WRITTEN},a:{bytes(32).hex()}", "twice"),
        (f"a:{WRITTEN},b:{BITS.hex()}", "twice"),
    ],
)
def test_a_malformed_list_is_refused_without_telling_it(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        read_encryption_keys(text)
    assert WRITTEN[:12] not in str(caught.value)


@pytest.mark.parametrize("name", ["", PLAIN, "a b", "a:b", "x" * 33])
def test_no_key_has_a_name_that_cannot_be_read(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a key"):
        write_encryption_key(name, BITS)


def test_the_configuration_shows_names_and_hides_keys(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"new:{WRITTEN}\nold:{bytes(32).hex()}\n")
    settings = load_settings({}, {"GATEWAY_ENCRYPTION_KEYS_FILE": str(tmp_path / "keys")}, tmp_path)
    (row,) = [row for row in settings.describe() if row.name == "GATEWAY_ENCRYPTION_KEYS"]
    assert row.value == "new, old"
    assert {WRITTEN, bytes(32).hex()} <= set(secrets_of(settings))
    assert WRITTEN not in repr(settings)
    (tmp_path / "gateway.toml").write_text(f'encryption_keys = "a:{WRITTEN}"\n')
    with pytest.raises(ConfigurationError, match="secrets do not belong"):
        load_settings({}, {}, tmp_path)
