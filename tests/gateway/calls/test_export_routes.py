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
