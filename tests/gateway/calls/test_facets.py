"""Facets are counts over the newest calls of a search."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from gateway.calls.facets import NAMES, find_facets
from gateway.calls.wanted import Wanted, passes
from gateway.database import Database
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import given_calls
from tests.gateway.calls.histories import a_history, all_pages, wishes


@needs_plain
@pytest.mark.parametrize(("most", "window"), [(1_000, 1_000), (7, 1_000), (1_000, 20)])
def test_facets_count_the_newest_calls_that_are_wanted(database: Database, most: int, window: int) -> None:
    given_calls(database, *a_history())
    everything = all_pages(database, Wanted(), limit=500)

    @given(wishes)
    @settings(
        max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
    )
    def law(wanted: Wanted) -> None:
        with database.reader.connect() as connection:
            facets = find_facets(connection, wanted, most=most, window=window)
        found = [call for call in everything if passes(call, wanted)]
        counted = found[: facets.calls]
        assert facets.more or len(counted) == len(found)
        assert facets.calls <= most + 1
        for name in NAMES:
            column = "kind" if name == "decision" else name
            assert facets.counts[name] == Counter(getattr(call, column) for call in counted)

    law()
