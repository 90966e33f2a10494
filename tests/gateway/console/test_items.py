from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gateway.console.opening_week import Bar, Day, next_change, week_of
from routing_rules import read_document
from tests.gateway.console_fixtures import Console, text_of

RULEBOOK: dict[str, Any] = {
    "profiles": {"sales": {"model": "gpt-realtime-2.1", "instructions": "Sell."}},
    "calendars": {"office": {"zone": "Europe/Berlin", "open": ["Mon-Fri 09:00-17:30"], "closed_on": ["2026-12-24"]}},
    "lists": {"blocked": ["+15550009999"]},
    "rules": [{"id": "open", "when": {"during": "office", "caller": "list:blocked"}, "then": {"accept": "sales"}}],
}


@pytest.fixture
async def editing(console: Console) -> Console:
    answer = await console.api.client.put("/api/v1/rulebook", json=RULEBOOK, headers={"if-match": '"0"'})
    assert answer.status_code == 200, answer.text
    await console.sign_in()
    return console


async def published(console: Console) -> Any:
    answer = await console.send("/draft/publish", {"comment": ""})
    assert answer.status_code == 303, answer.text
    return (await console.api.client.get("/api/v1/rulebook")).json()


async def test_entries_are_pasted_into_a_list(editing: Console) -> None:
    assert "+15550009999" in await editing.see("/lists/blocked")
    await editing.send("/lists/blocked", {"value": "+15550009999\r\n+4420*\r\n+4420*\r\n\r\n"})
    assert (await published(editing))["lists"] == {"blocked": ["+15550009999", "+4420*"]}


async def test_a_calendar_is_edited_day_by_day(editing: Console) -> None:
    fields = {
        "zone": "Europe/London",
        "holidays": "GB-ENG",
        "open.Mon": "9-12, 13:00-17:30",
        "open.Sat": "all day",
        "closed_on": ["2026-12-24", ""],
        "special.from": ["2026-12-23T18:00", ""],
        "special.until": ["2026-12-23T20:00", ""],
        "special.open": ["open", "closed"],
    }
    shown = await editing.send("/calendars/office/week", {**fields, "week": "2026-10-20"})
    assert "Sun 25 Oct: the clocks go back" in text_of(shown.text)
    mistyped = text_of((await editing.send("/calendars/office/week", {**fields, "open.Mon": "9-25"})).text)
    assert "Mon: times run from 00:00 to 23:59" in mistyped  # where the weeks would be
    assert "Nothing to publish" in await editing.see("/draft")
    await editing.send("/calendars/office", fields)
    assert (await published(editing))["calendars"]["office"] == {
        "zone": "Europe/London",
        "open": ["Mon 09:00-12:00", "Mon 13:00-17:30", "Sat 00:00-24:00"],
        "closed_on": ["2026-12-24"],
        "holidays": "GB-ENG",
        "overrides": [{"from": "2026-12-23T18:00:00", "until": "2026-12-23T20:00:00", "open": True}],
    }


async def test_a_profile_is_edited_as_json_and_made_anew(editing: Console) -> None:
    await editing.send("/profiles/new", {"name": "night", "value": '{"model": "gpt-realtime-2.1"}'})
    assert "night" in (await published(editing))["profiles"]


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [
        ("/profiles/sales", {"value": "{"}, "not JSON"),
        ("/profiles/sales", {"value": '{"instructons": "x"}'}, "instructons"),
        ("/calendars/office", {"zone": "Europe/Berlin", "open.Tue": "nine to five"}, "write times such as"),
        ("/calendars/office", {"zone": "Mars/Crater", "open.Tue": "9-17"}, "Mars/Crater"),
        (
            "/calendars/office",
            {"zone": "Europe/Berlin", "open.Tue": "9-17", "holidays": "XX"},
            "no holidays are known",
        ),
        ("/calendars/office", {"zone": "Europe/Berlin", "closed_on": "24 Dec"}, "24 Dec"),
        ("/lists/blocked", {"value": "+49 (("}, "+49 (("),
        ("/lists/new", {"name": "blocked", "value": ""}, "is taken"),
        ("/lists/new", {"name": "", "value": ""}, "needs a name, by which rules speak of it"),
        ("/lists/new", {"name": "a/b", "value": ""}, "must have no slash"),
    ],
)
async def test_mistakes_are_told_and_nothing_is_lost(
    editing: Console, path: str, fields: dict[str, str], told: str
) -> None:
    answer = await editing.send(path, fields)
    assert answer.status_code == 422
    assert told in answer.text
    assert "Nothing to publish" in await editing.see("/draft")


async def test_what_rules_need_cannot_be_published_away(editing: Console) -> None:
    answer = await editing.send("/lists/blocked", {"delete": "yes"})
    if answer.status_code == 303:
        assert (await editing.send("/draft/publish", {"comment": ""})).status_code == 409
    else:
        assert answer.status_code == 422


@pytest.mark.parametrize("section", ["profiles", "calendars", "lists"])
async def test_each_section_has_its_table_and_says_who_uses_it(editing: Console, section: str) -> None:
    (name,) = RULEBOOK[section]
    assert name in await editing.see(f"/{section}")
    assert "Used by 1 rule open" in await editing.see(f"/{section}/{name}")
    await editing.see(f"/{section}/nobody", 404)


def test_a_week_shows_hours_closed_days_and_the_change_of_the_clocks() -> None:
    calendar = read_document({**RULEBOOK, "rules": []}).calendars["office"]
    days = week_of(calendar, date(2026, 10, 23), 4)
    assert [day.bars for day in days] == [(Bar(9, 17.5),), (), (), (Bar(9, 17.5),)]
    assert [day.clocks for day in days] == ["", "", "the clocks go back", ""]
    assert week_of(calendar, date(2026, 12, 24), 1)[0] == Day(date(2026, 12, 24), (), "", "one of its closed days")
    change = next_change(calendar, date(2026, 10, 26))
    assert change is not None
    assert (change.day, change.clocks) == (date(2027, 3, 28), "the clocks go forward")
    assert next_change(replace(calendar, zone="UTC"), date(2026, 10, 26)) is None


@pytest.mark.parametrize(
    ("code", "day", "why"),
    [
        ("DE-BE", date(2026, 10, 3), "Tag der Deutschen Einheit (DE-BE)"),
        ("DE-BE", date(2026, 3, 8), "Frauentag (DE-BE)"),
        ("DE-BY", date(2026, 3, 8), ""),
        ("GB-ENG", date(2026, 12, 26), "Boxing Day (GB-ENG)"),
        ("DE-BE", date(2026, 12, 24), "one of its closed days"),
        ("XX", date(2026, 10, 3), ""),
        (None, date(2026, 10, 3), ""),
    ],
)
def test_a_closed_day_says_why(code: str | None, day: date, why: str) -> None:
    office = replace(read_document({**RULEBOOK, "rules": []}).calendars["office"], holidays=code)
    assert week_of(office, day, 1)[0].why == why


async def test_profiles_without_instructions_are_listed(console: Console) -> None:
    profiles = {"bare": {"model": "gpt-realtime-2.1"}, "heir": {"extends": "bare"}}
    document = {"profiles": profiles, "rules": [{"id": "all", "then": {"accept": "heir"}}]}
    answer = await console.api.client.put("/api/v1/rulebook", json=document, headers={"if-match": '"0"'})
    assert answer.status_code == 200, answer.text
    await console.sign_in()
    assert "heir – extends bare" in await console.see("/profiles")
