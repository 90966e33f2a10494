import json
import re
from typing import Any

import httpx
import pytest

from gateway.access.roles import Role
from tests.gateway.console_fixtures import HOST, Console, text_of

RULEBOOK: dict[str, Any] = {
    "lists": {"blocked": ["+15550009999", "+4420*"]},
    "rules": [{"id": "blocked", "when": {"caller": "list:blocked"}, "then": {"reject": 603}}],
}


@pytest.fixture
async def editing(console: Console) -> Console:
    answer = await console.api.client.put("/api/v1/rulebook", json=RULEBOOK, headers={"if-match": '"0"'})
    assert answer.status_code == 200, answer.text
    await console.sign_in()
    return console


async def upload(console: Console, path: str, content: bytes, **fields: str) -> httpx.Response:
    """Send a file, as a browser does."""
    return await console.client.post(
        f"/lists/{path}/import",
        data=fields,
        files={"file": ("numbers.csv", content, "text/csv")},
        headers={"origin": HOST},
    )


async def look(console: Console, answer: httpx.Response) -> tuple[str, str]:
    """Where the file waits, and what the page says of it."""
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    return path, await console.see(path)


def steps(answer: httpx.Response) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What a form's work told on its way, and what came of it."""
    assert answer.headers["content-type"].startswith("application/jsonl")
    *told, last = [json.loads(line) for line in answer.text.splitlines()]
    return told, last


async def lists(console: Console) -> Any:
    answer = await console.send("/draft/publish", {"comment": ""})
    assert answer.status_code == 303, answer.text
    return (await console.api.client.get("/api/v1/rulebook")).json()["lists"]


async def test_a_file_is_looked_at_and_then_added(editing: Console) -> None:
    content = b"number\r\n+4420*\r\n+15550001111\r\n+15550001111\r\n+15550002222\r\n"
    path, seen = await look(editing, await upload(editing, "blocked", content))
    for told in ("New 2", "There already 1", "Removed, if it replaces the list 1", "Said twice 1", "Bad lines 0"):
        assert told in seen
    assert "Begins with 3 entries +4420* +15550001111 +15550002222" in seen
    assert "Nothing to publish" in await editing.see("/draft")
    assert (await editing.send(path, {"act": "add", "edited": "1"})).status_code == 303
    assert await lists(editing) == {"blocked": ["+15550009999", "+4420*", "+15550001111", "+15550002222"]}
    await editing.see(path, 404)


async def test_a_file_takes_the_place_of_a_list(editing: Console) -> None:
    path, _ = await look(editing, await upload(editing, "blocked", b"+15550001111\n"))
    assert (await editing.send(path, {"act": "replace", "edited": "1"})).status_code == 303
    assert await lists(editing) == {"blocked": ["+15550001111"]}


async def test_a_new_list_is_made_of_a_file(editing: Console) -> None:
    path, seen = await look(editing, await upload(editing, "new", b"+15550001111\n", name="vip"))
    assert "Make the list" in seen
    assert (await editing.send(path, {"act": "add", "edited": ""})).status_code == 303
    assert (await lists(editing))["vip"] == ["+15550001111"]


async def test_nothing_is_taken_of_a_file_with_bad_lines_and_they_can_be_had(editing: Console) -> None:
    path, seen = await look(editing, await upload(editing, "blocked", b"+15550001111\n=1,+2\n+1,+2\n"))
    assert "Bad lines 2" in seen
    assert "3 +1,+2 has 2 fields" in seen
    assert (await editing.send(path, {"act": "add"})).status_code == 422
    assert "Nothing to publish" in await editing.see("/draft")
    file = await editing.client.get(f"{path}/mistakes.csv")
    assert "attachment" in file.headers["content-disposition"]
    lines = file.content.decode("utf-8-sig").split("\r\n")
    assert lines[0] == "line,text,why"
    assert lines[1].startswith('2,"\'=1,+2",')
    assert re.match(r'3,"\'?\+1,\+2",', lines[2])
    assert (await editing.send(path, {"act": "cancel"})).headers["location"] == "/lists/blocked"
    await editing.see(path, 404)


@pytest.mark.parametrize(
    ("name", "fields", "file", "told"),
    [
        ("new", {"name": ""}, "numbers.csv", "must be 1 to 64"),
        ("new", {"name": "No/Slug"}, "numbers.csv", "must be 1 to 64"),
        ("blocked", {}, "", "choose a file"),
    ],
)
async def test_what_is_missing_is_told(
    editing: Console, name: str, fields: dict[str, str], file: str, told: str
) -> None:
    answer = await editing.client.post(
        f"/lists/{name}/import",
        data=fields,
        files={"file": (file, b"+1555", "text/csv")} if file else {"other": (None, b"")},
        headers={"origin": HOST},
    )
    assert answer.status_code == 422
    assert told in text_of(answer.text)


async def test_a_file_is_seen_by_nobody_else(editing: Console) -> None:
    path, _ = await look(editing, await upload(editing, "blocked", b"+15550001111\n"))
    await editing.sign_in_as(Role.ADMIN)
    await editing.see(path, 404)


async def test_a_file_that_is_none_is_refused(editing: Console) -> None:
    answer = await editing.send("/lists/blocked/import", {"file": "x"})
    assert answer.status_code == 415
    await editing.see("/lists/nobody/import", 404)


async def test_reading_and_taking_a_file_tell_how_far_they_are(editing: Console) -> None:
    editing.client.headers["accept"] = "application/jsonl, text/html"
    content = b"".join(b"+1555%07d\n" % number for number in range(12_000))
    told, last = steps(await upload(editing, "blocked", content))
    assert [step["told"] for step in told] == ["Reading the lines"] * len(told)
    assert 0 < told[0]["done"] < told[-1]["done"] == told[-1]["of"] == len(content)
    told, last = steps(await editing.send(last["go"], {"act": "add"}))
    assert [step["done"] for step in told] == [0, 1, 2]
    assert told[1]["told"] == "Checking 12\u2009001 entries, and putting them into your draft"
    assert last["go"] == "/lists/blocked"
    editing.client.cookies.set("notice", last["notice"])
    assert "List blocked is in your draft: 12 001 entries." in await editing.see(last["go"])


async def test_a_file_that_was_taken_is_not_taken_again(editing: Console) -> None:
    path, _ = await look(editing, await upload(editing, "blocked", b"+15550001111\n"))
    assert (await editing.send(path, {"act": "replace"})).status_code == 303
    editing.client.headers["accept"] = "application/jsonl, text/html"
    gone = await editing.send(path, {"act": "add"})
    assert (gone.status_code, gone.headers["content-type"]) == (404, "text/html; charset=utf-8")
