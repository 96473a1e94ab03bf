"""One thread does the work that only computes; what waits gets threads of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ports.http.lane import Lane


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane(4)
    yield made
    made.close()


def test_what_only_computes_is_done_by_one_thread_in_its_order(lane: Lane) -> None:
    done: list[tuple[int, int]] = []

    async def ask() -> list[int]:
        async def one(number: int) -> int:
            def work() -> int:
                done.append((number, threading.get_ident()))
                return number * number

            return await lane.run(work)

        return await asyncio.gather(*(one(number) for number in range(200)))

    assert asyncio.run(ask()) == [number * number for number in range(200)]
    assert [number for number, _ in done] == list(range(200))


def test_who_asked_waits_for_no_answer_that_never_comes(lane: Lane) -> None:
    def exhausted() -> None:
        next(iter(()))

    async def ask() -> None:
        await asyncio.wait_for(lane.run(exhausted), 10)

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(ask())


def test_an_error_is_told_to_who_asked(lane: Lane) -> None:
    def broken() -> None:
        raise LookupError("no such thing")

    async def ask() -> list[object]:
        return await asyncio.gather(lane.run(broken), lane.run(lambda: 7), return_exceptions=True)

    error, answer = asyncio.run(ask())
    assert isinstance(error, LookupError)
    assert answer == 7


@pytest.mark.parametrize("says_so", [True, False])
def test_nobody_waits_behind_a_piece_that_blocks(lane: Lane, says_so: bool) -> None:
    gate = threading.Event()

    def blocked() -> str:
        if says_so:
            lane.blocks()
        assert gate.wait(60)
        return "late"

    async def ask() -> tuple[list[int], str]:
        first = asyncio.create_task(lane.run(blocked))
        await asyncio.sleep(0)
        numbers = await asyncio.gather(*(lane.run(lambda number=number: number) for number in range(50)))
        gate.set()
        return numbers, await first

    assert asyncio.run(ask()) == (list(range(50)), "late")


def test_there_are_never_more_threads_than_allowed(lane: Lane) -> None:
    gate, running, most = threading.Semaphore(0), 0, 0
    lock = threading.Lock()

    def blocked() -> None:
        nonlocal running, most
        lane.blocks()
        with lock:
            running += 1
            most = max(most, running)
        assert gate.acquire(timeout=60)
        with lock:
            running -= 1

    async def ask() -> None:
        asked = [asyncio.create_task(lane.run(blocked)) for _ in range(12)]
        while running < 4:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        gate.release(12)
        await asyncio.gather(*asked)

    asyncio.run(ask())
    assert most == 4


def test_work_whose_asker_has_gone_is_done_and_its_answer_dropped(lane: Lane) -> None:
    gate, done = threading.Event(), threading.Event()

    def blocked() -> None:
        lane.blocks()
        assert gate.wait(60)
        done.set()

    async def ask() -> int:
        first = asyncio.create_task(lane.run(blocked))
        await asyncio.sleep(0)
        first.cancel()
        gate.set()
        return await lane.run(lambda: 1 if done.wait(60) else 0)

    assert asyncio.run(ask()) == 1
