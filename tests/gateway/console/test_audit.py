from gateway.access.audit import Author, Entry, record
from gateway.console.audit import Difference, differences
from tests.gateway.api_fixtures import NOW
from tests.gateway.console_fixtures import Console

KIM = Author(id="key_1", name="Kim <script>", address="192.0.2.1")


def entry(**changes: object) -> Entry:
    fields = {"at": NOW, "author": KIM, "action": "rulebook.publish", "object": "rulebook", **changes}
    return Entry(**fields)  # type: ignore[arg-type]


def test_only_what_changed_is_told_field_by_field() -> None:
    done = entry(before={"then": {"reject": 603}, "note": "a"}, after={"then": {"reject": 486}, "note": "a"})
    assert differences(done) == [Difference("then.reject", 603, 486)]


def test_what_is_new_or_gone_is_told_whole() -> None:
    assert differences(entry(after={"name": "x"})) == [Difference("name", None, "x")]
    assert differences(entry(before={"name": "x"})) == [Difference("name", "x", None)]
    assert differences(entry()) == []


def test_nothing_changed_is_told_as_it_is() -> None:
    assert differences(entry(before={"a": {}}, after={"a": {}})) == [Difference("a", {}, {})]


async def test_an_admin_finds_who_did_what(console: Console) -> None:
    await console.sign_in()
    with console.api.database.transaction() as connection:
        record(connection, entry(before={"n": 1}, after={"n": 2}), entry(action="key.create", object="key:key_9"))
    seen = await console.see("/audit?action=rulebook.publish")
    assert "Kim <script> key_1 · 192.0.2.1 rulebook.publish rulebook 1 field Field Was Is n 1 2" in seen
    assert "key:key_9" not in seen
    assert "No entry is like that" in await console.see("/audit?object=call:rtc_1")
    await console.see("/audit?action=nonsense", 422)
