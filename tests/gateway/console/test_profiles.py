"""The pages of profiles: what a browser would send of the form is what there was."""

from html.parser import HTMLParser
from typing import Any

import pytest

from gateway.console.profile_form import profile_of
from tests.gateway.console_fixtures import Console, text_of
from tests.gateway.profiles.right import RIGHT
from tests.gateway.profiles.wrong import model

BASE = model(instructions="You answer for Example Ltd.", audio={"output": {"voice": "marin"}})
PROFILES = {"base": BASE} | {f"p{index}": profile for index, (profile, _) in enumerate(RIGHT.values())}


class FormReader(HTMLParser):
    """The fields that a browser would send of a page's form, as HTML tells it to read them."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._area: str | None = None
        self._text = ""
        self._select = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = dict(attributes)
        name = said.get("name") or ""
        if tag == "input" and name and (said.get("type") != "checkbox" or "checked" in said):
            self._add(name, said.get("value") or "")
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in said:
            self._add(self._select, said.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None:
            self._add(self._area, self._text.removeprefix("\n"))
            self._area = None
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def _add(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


def fields_in(html: str) -> dict[str, list[str]]:
    reader = FormReader()
    reader.feed(html[html.index('id="profile-form"') :])
    return reader.fields


@pytest.fixture
async def editing(console: Console) -> Console:
    document = {
        "profiles": PROFILES,
        "lists": {"vip": ["+4930*"]},
        "rules": [{"id": "all", "then": {"accept": "p0"}}],
    }
    answer = await console.api.client.put("/api/v1/rulebook", json=document, headers={"if-match": '"0"'})
    assert answer.status_code == 200, answer.text
    await console.sign_in()
    return console


async def profiles(console: Console) -> Any:
    return (await console.api.client.get("/api/v1/rulebook")).json()["profiles"]


async def test_a_form_that_is_sent_back_changes_nothing(editing: Console) -> None:
    for name, profile in (await profiles(editing)).items():
        fields = fields_in((await editing.client.get(f"/profiles/{name}")).text)
        assert profile_of(fields, profile) == (profile, {}), name


async def test_a_profile_is_edited_as_a_form(editing: Console) -> None:
    fields = fields_in((await editing.client.get("/profiles/base")).text)
    wrong = await editing.send("/profiles/base", {**fields, "p.audio.output.speed": "9"})
    assert wrong.status_code == 422
    assert "must be at most 1.5, not 9" in text_of(wrong.text)
    assert fields_in(wrong.text)["p.audio.output.speed"] == ["9"]
    typed = {
        "p.audio.output.speed": "1.1",
        "p.transfers.0#": "desk",
        "p.transfers.0": "tel:+494066969301",
        "p.gateway_tools": ["transfer_call"],
        "p!": '{"mood": 1}',
    }
    assert (await editing.send("/profiles/base", {**fields, **typed})).status_code == 422  # `mood` is unknown
    assert (await editing.send("/profiles/base", {**fields, **typed, "p!": ""})).status_code == 303
    assert (await editing.send("/draft/publish", {"comment": ""})).status_code == 303
    assert (await profiles(editing))["base"] == {
        **BASE,
        "audio": {"output": {"voice": "marin", "speed": 1.1}},
        "transfers": {"desk": "tel:+494066969301"},
        "gateway_tools": ["transfer_call"],
    }


async def test_the_form_becomes_json_and_back_without_being_saved(editing: Console) -> None:
    fields = fields_in((await editing.client.get("/profiles/base")).text)
    typed = {**fields, "p.greeting": "Hello!"}
    as_json = fields_in((await editing.send("/profiles/base/form", {**typed, "act": "json"})).text)
    assert '"greeting": "Hello!"' in as_json["value"][0]
    again = fields_in((await editing.send("/profiles/base/form", {**as_json, "act": "form"})).text)
    assert again["p.greeting"] == ["Hello!"]
    broken = await editing.send("/profiles/base/form", {"value": "{", "act": "form"})
    assert broken.status_code == 422
    assert "not JSON" in broken.text
    more = await editing.send("/profiles/new/form", {**fields, "name": "night", "act": "add:p.tools:function"})
    assert fields_in(more.text)["p.tools.0?"] == ["function"]
    assert fields_in(more.text)["name"] == ["night"]
    assert "Nothing to publish" in await editing.see("/draft")
    assert "Used by 1 rule all" in await editing.see("/profiles/p0?as=json")
    assert "extends base" in await editing.see("/profiles")


async def test_an_edit_of_what_somebody_changed_meanwhile_is_a_conflict(editing: Console) -> None:
    fields = fields_in((await editing.client.get("/profiles/base")).text)
    theirs = {"profile": {**BASE, "note": "Ask Kim"}}
    answer = await editing.api.client.put("/api/v1/profiles/base", json=theirs, headers={"if-match": '"1"'})
    assert answer.status_code == 200, answer.text
    assert (await editing.send("/profiles/base", {**fields, "p.greeting": "Hello!"})).status_code == 303
    assert "Ask Kim" in await editing.see("/draft")
    assert (await editing.send("/draft/publish", {"comment": ""})).status_code != 303
