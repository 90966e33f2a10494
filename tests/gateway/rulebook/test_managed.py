"""A rulebook that is managed elsewhere: shown as such, and changed here only by force."""

from typing import Any

import pytest

from tests.gateway.api_fixtures import Api

V1 = "/api/v1"
OWNER = "git:acme/routing"
OWNED: dict[str, Any] = {
    "managed_by": OWNER,
    "profiles": {"sales": {"model": "m"}},
    "lists": {"vips": ["+14155550100"]},
    "rules": [{"id": "a", "when": {"caller": "list:vips"}, "then": {"accept": "sales"}}],
}


@pytest.fixture
async def owned(api: Api) -> Api:
    """A gateway whose rulebook was published from files, as revision 1."""
    published = await put(api, OWNED, 0)
    assert published.status_code == 200
    return api


async def put(api: Api, document: dict[str, Any], base: int, **query: str) -> Any:
    return await api.client.put(f"{V1}/rulebook", json=document, headers={"if-match": f'"{base}"'}, params=query)


async def test_the_owner_is_shown_with_the_rulebook_and_with_each_item(owned: Api) -> None:
    assert (await owned.client.get(f"{V1}/rulebook")).json()["managed_by"] == OWNER
    for path in ("/rules/a", "/profiles/sales", "/lists/vips"):
        assert (await owned.client.get(f"{V1}{path}")).json()["managed_by"] == OWNER
    for path in ("/rules", "/profiles", "/lists"):
        assert [item["managed_by"] for item in (await owned.client.get(f"{V1}{path}")).json()["items"]] == [OWNER]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/rules/a", {"then": {"reject": 486}}),
        ("POST", "/rules", {"id": "b", "then": {"reject": 486}}),
        ("DELETE", "/rules/a", None),
        ("PUT", "/profiles/sales", {"profile": {"model": "n"}}),
        ("PUT", "/lists/vips", {"entries": []}),
        ("POST", "/rulebook/changes", {"changes": [{"op": "delete", "path": "/rules/a"}]}),
    ],
)
async def test_single_items_are_changed_by_force_only(owned: Api, method: str, path: str, body: Any) -> None:
    async def ask(**query: str) -> Any:
        headers = {} if method == "POST" and path == "/rules" else {"if-match": '"1"'}
        return await owned.client.request(method, f"{V1}{path}", json=body, headers=headers, params=query)

    refused = await ask()
    assert (refused.status_code, refused.json()["managed_by"]) == (409, OWNER)
    assert "force" in refused.json()["detail"]
    if path == "/rulebook/changes":
        body |= {"force": True, "reason": "fire"}
        forced = await ask()
    else:
        forced = await ask(force="true", reason="fire")
    assert forced.status_code in (200, 201), forced.text
    (newest, _) = (await owned.client.get(f"{V1}/rulebook/revisions")).json()["items"]
    assert newest["forced_for"] == "fire"
    assert (await owned.client.get(f"{V1}/rulebook")).json()["managed_by"] == OWNER


async def test_what_was_read_can_be_sent_back(owned: Api) -> None:
    for path in ("/rules/a", "/profiles/sales"):
        shown = await owned.client.get(f"{V1}{path}")
        headers = {"if-match": shown.headers["etag"]}
        again = await owned.client.put(
            f"{V1}{path}", json=shown.json(), headers=headers, params={"force": "true", "reason": "x"}
        )
        assert (again.status_code, again.json()["revision"]) == (200, 1), again.text


async def test_a_document_that_names_the_owner_is_published(owned: Api) -> None:
    assert (await put(owned, {**OWNED, "default": {"reject": 480}}, 1)).status_code == 200


@pytest.mark.parametrize("managed_by", [None, "console"])
async def test_a_rulebook_is_taken_from_its_owner_by_force_only(owned: Api, managed_by: str | None) -> None:
    document = {**OWNED, "managed_by": managed_by} if managed_by else {"rules": OWNED["rules"][:0]}
    refused = await put(owned, document, 1)
    assert (refused.status_code, refused.json()["managed_by"]) == (409, OWNER)
    assert (await put(owned, document, 1, force="true", reason="moving")).status_code == 200
    restored = await owned.client.post(f"{V1}/rulebook/revisions/1/restore", headers={"if-match": '"2"'})
    assert restored.status_code == (409 if managed_by else 200)


@pytest.mark.parametrize("managed_by", ["", " ", 7, "a\nb", "x" * 201, None])
async def test_an_owner_is_a_short_text(api: Api, managed_by: Any) -> None:
    refused = await put(api, {"managed_by": managed_by}, 0)
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/managed_by"]
