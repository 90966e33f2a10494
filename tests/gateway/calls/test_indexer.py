import asyncio

from gateway.calls import search, transcripts
from gateway.calls.indexer import STEP, Indexer
from tests.gateway.api_fixtures import Api, a_call, given_calls
from tests.gateway.calls.histories import given_words


async def test_calls_and_words_are_indexed_soon_after_they_arrive(api: Api) -> None:
    ids = given_calls(api.database, *(a_call(f"rtc_{n}") for n in range(5)))
    given_words(api.database, ids["rtc_1"], "Hello", "Good day")
    task = asyncio.create_task(Indexer(database=api.database, journal=api.journal).run())
    try:
        async with asyncio.timeout(5):
            while (  # noqa: ASYNC110
                await api.database.read(search.INDEX.watermark) < max(ids.values())
                or await api.database.read(transcripts.INDEX.watermark) < 2
            ):
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_step_takes_a_bounded_number_of_calls(api: Api) -> None:
    given_calls(api.database, *(a_call(f"rtc_{n}") for n in range(STEP + 5)))
    indexer = Indexer(database=api.database, journal=api.journal)
    assert await indexer.step() is True
    assert await api.database.read(search.INDEX.watermark) == STEP
    assert await indexer.step() is False
    assert await api.database.read(search.INDEX.watermark) == STEP + 5


async def test_a_step_takes_a_bounded_number_of_words(api: Api) -> None:
    ids = given_calls(api.database, a_call("rtc_1"))
    given_words(api.database, ids["rtc_1"], "x" * 5_000, "y" * 3_000, "z" * 1_000, "a")
    indexer = Indexer(database=api.database, journal=api.journal)
    reached = []
    for _ in range(4):
        more = await indexer.step()
        reached.append((await api.database.read(transcripts.INDEX.watermark), more))
    assert reached == [(1, True), (3, True), (4, False), (4, False)]
