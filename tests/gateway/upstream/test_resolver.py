"""Names are asked for once, kept for a while, and kept on when the name server is silent."""

import asyncio
import socket

import pytest

from gateway.upstream.resolver import AddressInfo, Resolver


def address(ip: str) -> AddressInfo:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443))


class NameServer:
    """Answers as it is told, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: list[AddressInfo] | OSError = [address("192.0.2.1")]
        self.speaks = asyncio.Event()
        self.speaks.set()

    async def lookup(self, host: str, port: int) -> list[AddressInfo]:
        self.asked += 1
        await self.speaks.wait()
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


async def test_an_answer_is_remembered_while_it_is_fresh() -> None:
    server = NameServer()
    resolver = Resolver(server.lookup)
    assert await resolver.resolve("api.example.com", 443) == await resolver.resolve("api.example.com", 443)
    assert server.asked == 1


async def test_all_who_ask_at_the_same_time_share_one_question() -> None:
    server = NameServer()
    server.speaks.clear()
    resolver = Resolver(server.lookup)
    waiting = [asyncio.ensure_future(resolver.resolve("api.example.com", 443)) for _ in range(50)]
    await asyncio.sleep(0)
    server.speaks.set()
    assert all(found == [address("192.0.2.1")] for found in await asyncio.gather(*waiting))
    assert server.asked == 1


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    server = NameServer()
    server.speaks.clear()
    resolver = Resolver(server.lookup)
    hasty, patient = (asyncio.ensure_future(resolver.resolve("api.example.com", 443)) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    server.speaks.set()
    assert await patient == [address("192.0.2.1")]


async def test_an_old_answer_is_asked_for_again() -> None:
    server = NameServer()
    resolver = Resolver(server.lookup, fresh=0.0)
    await resolver.resolve("api.example.com", 443)
    server.answer = [address("192.0.2.2")]
    assert await resolver.resolve("api.example.com", 443) == [address("192.0.2.2")]


async def test_an_answer_at_whose_addresses_nobody_is_there_is_asked_for_again() -> None:
    server = NameServer()
    resolver = Resolver(server.lookup)
    await resolver.resolve("api.example.com", 443)
    resolver.doubt("api.example.com", 443)
    server.answer = [address("192.0.2.2")]
    assert await resolver.resolve("api.example.com", 443) == [address("192.0.2.2")]


async def test_the_last_answer_serves_while_the_name_server_fails() -> None:
    server = NameServer()
    resolver = Resolver(server.lookup, fresh=0.0)
    await resolver.resolve("api.example.com", 443)
    server.answer = OSError("temporary failure in name resolution")
    assert await resolver.resolve("api.example.com", 443) == [address("192.0.2.1")]


async def test_the_last_answer_serves_while_the_name_server_is_silent() -> None:
    server = NameServer()
    resolver = Resolver(server.lookup, fresh=0.0, patience=0.01)
    await resolver.resolve("api.example.com", 443)
    server.speaks.clear()
    assert await resolver.resolve("api.example.com", 443) == [address("192.0.2.1")]
    resolver.close()


async def test_a_name_that_never_resolved_is_an_error_with_the_resolvers_words() -> None:
    server = NameServer()
    server.answer = OSError("no such name")
    with pytest.raises(OSError, match="no such name"):
        await Resolver(server.lookup).resolve("api.example.com", 443)
