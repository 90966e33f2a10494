from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.database import Database
from gateway.tables import rulebook_items
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import Api, running_api

ROOT = "/api/v1"
DOCUMENT: dict[str, Any] = {
    "profiles": {"sales": {"model": "m"}},
    "calendars": {"office": {"zone": "UTC", "open": ["Mon-Fri 09:00-17:00"]}},
    "lists": {"blocked": ["+15550009999"]},
    "rules": [
        {"id": "blocked", "when": {"caller": "list:blocked"}, "then": {"reject": 603}},
        {"id": "open", "when": {"during": "office"}, "then": {"accept": "sales"}},
    ],
}
CASES = {
    "profiles": ("sales", "profile", {"model": "n", "greeting": "Hello"}, {"model": 7, "x": float("1")}),
    "calendars": ("office", "calendar", {"zone": "Europe/Berlin", "open": ["Mon-Fri 08:00-16:00"]}, {"zone": "Mars"}),
    "lists": ("blocked", "entries", ["+15550009999", "+4420*"], ["list:other"]),
}
NUMBERS = [f"+1555{number:07}" for number in range(100_000)]


@pytest.fixture
async def api(database: Database, clock: SettableClock) -> AsyncIterator[Api]:
    """The API on each database in turn, with a rulebook published."""
    async with running_api(database, clock) as running:
        published = await running.client.put(f"{ROOT}/rulebook", json=DOCUMENT, headers={"if-match": '"0"'})
        assert published.status_code == 200
        yield running


async def ask(api: Api, method: str, path: str, match: str | None = None, **sent: Any) -> Any:
    headers = sent.pop("headers", {}) | ({} if match is None else {"if-match": match})
    return await api.client.request(method, ROOT + path, headers=headers, **sent)


@pytest.mark.parametrize("section", CASES)
async def test_an_item_is_shown_replaced_and_shown_again(api: Api, section: str) -> None:
    name, field, value, _ = CASES[section]
    path = f"/{section}/{name}"
    shown = await ask(api, "GET", path)
    assert (shown.status_code, shown.headers["etag"]) == (200, '"1"')
    assert shown.json() == {"revision": 1, "edited": 1, "name": name, field: DOCUMENT[section][name]}
    put = await ask(api, "PUT", path, '"1"', json={**shown.json(), field: value})
    assert (put.status_code, put.headers["etag"], put.json()["revision"]) == (200, '"2"', 2)
    assert (await ask(api, "GET", path)).json() == {"revision": 2, "edited": 2, "name": name, field: value}
    assert (await ask(api, "GET", "/rulebook")).json()[section] == {name: value}
    assert (await ask(api, "GET", path, headers={"if-none-match": '"2"'})).status_code == 304
    (noted, *_) = (await ask(api, "GET", "/rulebook/revisions?diff=true")).json()["items"]
    assert [(change["kind"], change["change"]) for change in noted["changes"]] == [(section[:-1], "changed")]
    assert noted["changes"][0]["fields"]


@pytest.mark.parametrize("section", CASES)
async def test_an_item_that_is_there_is_changed_from_its_own_state_only(api: Api, section: str) -> None:
    name, field, value, _ = CASES[section]
    path = f"/{section}/{name}"
    assert (await ask(api, "PUT", path, json={field: value})).status_code == 428
    assert (await ask(api, "DELETE", path)).status_code == 428
    await ask(api, "PUT", path, '"1"', json={field: value})
    refused = await ask(api, "PUT", path, '"1"', json={field: DOCUMENT[section][name]})
    assert (refused.status_code, refused.headers["etag"]) == (412, '"2"')
    assert refused.json()["current"][field] == value
    assert (await ask(api, "PUT", f"/{section}/nobody", '"1"', json={field: value})).status_code == 412


@pytest.mark.parametrize("section", CASES)
async def test_an_item_is_created_by_putting_it_and_deleted_when_nothing_needs_it(api: Api, section: str) -> None:
    _, field, value, _ = CASES[section]
    created = await ask(api, "PUT", f"/{section}/new", json={field: value})
    assert (created.status_code, created.headers["etag"]) == (201, '"2"')
    assert [item["name"] for item in (await ask(api, "GET", f"/{section}")).json()["items"]] == sorted(
        ["new", CASES[section][0]]
    )
    deleted = await ask(api, "DELETE", f"/{section}/new", '"2"')
    assert (deleted.status_code, deleted.json()["revision"]) == (200, 3)
    for method, match in (("GET", None), ("DELETE", '"2"')):
        assert (await ask(api, method, f"/{section}/new", match)).status_code == 404
    assert (await ask(api, "GET", "/rulebook?revision=2")).json()[section]["new"] == value


@pytest.mark.parametrize("section", CASES)
async def test_what_rules_need_is_not_deleted_and_the_rules_are_named(api: Api, section: str) -> None:
    name, *_ = CASES[section]
    refused = await ask(api, "DELETE", f"/{section}/{name}", '"1"')
    assert refused.status_code == 422
    (told,) = refused.json()["errors"]
    assert (told["pointer"], told["code"]) == ("", f"missing_{section[:-1]}")
    assert ("rule 'blocked'" if section == "lists" else "rule 'open'") in told["detail"]
    assert (await ask(api, "GET", f"/{section}/{name}")).status_code == 200


@pytest.mark.parametrize("section", ["calendars", "lists"])
async def test_a_mistake_is_told_with_its_place_in_the_body(api: Api, section: str) -> None:
    name, field, _, bad = CASES[section]
    refused = await ask(api, "PUT", f"/{section}/{name}", '"1"', json={field: bad})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == {"calendars": "/calendar/zone", "lists": "/entries/0"}[section]


@pytest.mark.parametrize("section", CASES)
async def test_a_body_holds_the_item_and_nothing_unknown(api: Api, section: str) -> None:
    name, field, value, _ = CASES[section]
    for body, pointer in (({}, f"/{field}"), ([], f"/{field}"), ({field: value, "colour": 1}, "/colour")):
        refused = await ask(api, "PUT", f"/{section}/{name}", '"1"', json=body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await ask(api, "PUT", f"/{section}/No Name", json={field: value})).status_code == 422


async def test_pages_are_the_whole_list_and_no_page_of_another(api: Api) -> None:
    changes = [{"op": "put", "path": f"/lists/l{number}", "value": NUMBERS[:number]} for number in range(4)]
    assert (await ask(api, "POST", "/rulebook/changes", json={"changes": changes})).status_code == 200
    first = (await ask(api, "GET", "/lists?limit=3")).json()
    rest = (await ask(api, "GET", f"/lists?limit=3&cursor={first['next']}")).json()
    found = [(item["name"], item["count"]) for item in first["items"] + rest["items"]]
    assert found == [("blocked", 1), ("l0", 0), ("l1", 1), ("l2", 2), ("l3", 3)]
    assert (await ask(api, "GET", f"/profiles?cursor={first['next']}")).status_code == 422


# --- CSV --------------------------------------------------------------------------------------------------------------

CSV = {"content-type": "text/csv"}


async def test_a_list_of_100_000_numbers_comes_and_goes_as_csv(api: Api) -> None:
    text = "number\r\n" + "".join(f"{number}\r\n" for number in NUMBERS)
    put = await ask(api, "PUT", "/lists/blocked", '"1"', content=text, headers=CSV)
    assert put.status_code == 200, put.text
    shown = await ask(api, "GET", "/lists/blocked", headers={"accept": "text/csv"})
    assert (shown.headers["content-type"].partition(";")[0], shown.headers["etag"]) == ("text/csv", '"2"')
    assert shown.text == text
    assert (await ask(api, "GET", "/lists/blocked")).json()["entries"] == NUMBERS
    assert (await ask(api, "GET", "/lists")).json()["items"][0]["count"] == 100_000
    unchanged = await ask(api, "GET", "/lists/blocked", headers={"accept": "text/csv", "if-none-match": '"2"'})
    assert unchanged.status_code == 304
    one_less = await ask(api, "PUT", "/lists/blocked", '"2"', json={"entries": [*NUMBERS[:500], *NUMBERS[501:]]})
    assert one_less.status_code == 200
    with api.database.transaction() as connection:
        written = select(func.count(), func.sum(func.length(rulebook_items.c.content)))
        rows, size = connection.execute(written.where(rulebook_items.c.valid_from == 3)).one()
    assert rows <= 3
    assert size < 100_000
    (noted, *_) = (await ask(api, "GET", "/rulebook/revisions?diff=true")).json()["items"]
    assert noted["changes"][0]["fields"] == [{"pointer": "", "before": NUMBERS[500], "after": None}]


async def test_of_a_file_with_bad_lines_nothing_is_taken_and_every_line_is_told(api: Api) -> None:
    refused = await ask(api, "PUT", "/lists/blocked", '"1"', content="+1555\nlist:x\n+1,+2\n", headers=CSV)
    assert (refused.status_code, [error["line"] for error in refused.json()["errors"]]) == (422, [2, 3])
    assert (await ask(api, "GET", "/lists/blocked")).json()["entries"] == ["+15550009999"]
