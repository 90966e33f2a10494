"""What tests of the gateway's nouns share."""

from tests.gateway.api_fixtures import api, sqlite

__all__ = ["api", "sqlite"]
