"""A run of the whole suite with personal columns encrypted: `GATEWAY_TEST_ENCRYPTION=1 pytest`.

Every database that a test opens without keys of its own has one then, and so has every gateway and command that is
given `ENVIRONMENT`. Tests that write or read sealed columns by hand, look for parts of words, or bring their own keys
are marked `needs_plain` and skipped: docs/privacy.md tells what works otherwise.
"""

import os
from typing import Final

import pytest

from gateway.database import Database
from gateway.encryption_keys import write_encryption_key
from tests.gateway.sealing import a_key

IS_ON: Final = bool(os.environ.get("GATEWAY_TEST_ENCRYPTION"))
KEY: Final = a_key("suite")

# What a gateway of this run is configured with, beside what its test wants.
ENVIRONMENT: Final = {"GATEWAY_ENCRYPTION_KEYS": write_encryption_key(KEY.name, KEY.bits)} if IS_ON else {}


def encrypt_by_default() -> None:
    """Let every database that is opened without keys encrypt from now on, in this process."""
    Database.__init__.__defaults__ = ((KEY,),)


needs_plain: Final = pytest.mark.skipif(
    IS_ON, reason="reads or writes sealed columns by hand, seeks parts of words, or has its own keys"
)
