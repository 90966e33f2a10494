"""What tests of the gateway's nouns share."""

from tests.gateway.api_fixtures import api, sqlite
from tests.gateway.console_fixtures import console

__all__ = ["api", "console", "sqlite"]
