import asyncio

from gateway.calls.indexer import Indexer
from gateway.calls.search import find_watermark
from tests.gateway.api_fixtures import Api, a_call, given_calls


async def test_calls_are_indexed_soon_after_they_arrive(api: Api) -> None:
    ids = given_calls(api.database, *(a_call(f"rtc_{n}") for n in range(5)))
    task = asyncio.create_task(Indexer(database=api.database, journal=api.journal).run())
    try:
        async with asyncio.timeout(5):
            while await api.database.read(find_watermark) < max(ids.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_step_takes_a_bounded_number_of_calls(api: Api) -> None:
    given_calls(api.database, *(a_call(f"rtc_{n}") for n in range(130)))
    indexer = Indexer(database=api.database, journal=api.journal)
    assert [await indexer.step() for _ in range(3)] == [100, 30, 0]
