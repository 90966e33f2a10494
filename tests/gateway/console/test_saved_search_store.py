from gateway.console.saved_search_store import SavedSearch, find_searches, forget_searches, save_searches
from gateway.database import Database


def a_search(owner: str, name: str, *, shared: bool = False, state: str = "failed") -> SavedSearch:
    filters = {"state": state}
    return SavedSearch(owner=owner, owner_name=owner, name=name, shared=shared, filters=filters, saved_at=1)


def test_searches_are_ones_own_or_shared(database: Database) -> None:
    ours, other = a_search("kim", "mine"), a_search("kim", "all", shared=True)
    with database.transaction() as connection:
        save_searches(connection, [ours, other, a_search("sam", "mine")])
        assert find_searches(connection, "kim") == [other, ours]
        assert find_searches(connection, "lou") == [other]
        save_searches(connection, [changed := a_search("kim", "mine", state="ended")])
        assert find_searches(connection, "kim") == [other, changed]
        assert forget_searches(connection, [("kim", "mine"), ("lou", "all")]) == [True, False]
        assert find_searches(connection, "kim") == [other]
