from gateway.access.roles import Role
from gateway.calls.export import COLUMNS
from tests.gateway.api_fixtures import Api, a_call, given_calls

EXPORT = "/api/v1/calls/export"


async def test_calls_are_exported_as_a_file_with_its_estimated_length(api: Api) -> None:
    given_calls(api.database, a_call("rtc_1"), a_call("rtc_2", rule="other"))
    told = await api.client.get(f"{EXPORT}?rule=other")
    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    assert told.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    assert told.headers["x-estimated-rows"] == "1"
    header, line = told.text.splitlines()
    assert header == ",".join(COLUMNS)
    assert line.startswith("rtc_2,openai,accepting,false,accept,other,")


async def test_json_lines_are_what_the_list_tells(api: Api) -> None:
    given_calls(api.database, a_call("rtc_1"))
    line = await api.client.get(f"{EXPORT}?format=jsonl")
    assert line.json() == (await api.client.get("/api/v1/calls")).json()["items"][0]


async def test_a_format_that_is_none_is_refused(api: Api) -> None:
    assert (await api.client.get(f"{EXPORT}?format=xlsx")).status_code == 422


async def test_callers_are_masked_for_keys_that_may_not_know_or_do_not_want_to(api: Api) -> None:
    given_calls(api.database, a_call("rtc_1"))
    viewer = api.as_(Role.VIEWER)
    assert "+14155550100" not in (await api.client.get(EXPORT, headers=viewer)).text
    assert "+14155550100" not in (await api.client.get(f"{EXPORT}?reveal=false")).text
    assert "+14155550100" in (await api.client.get(EXPORT)).text
    for query in ("reveal=true", "q=ann", "caller=*5550*"):
        assert (await api.client.get(f"{EXPORT}?{query}", headers=viewer)).status_code == 403
    audit = (await api.client.get("/api/v1/audit")).json()["items"]
    assert [entry["object"] for entry in audit if "reveal" in entry["action"]] == ["calls"]
