"""One request to one answer: synchronous work on the lane's threads, bytes streamed at the client's pace.

A client that goes away cancels its query at once; an error after the first byte breaks the connection, so that half an
answer never looks whole.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from gateway import Cancelled, GatewayError, Result
from ports.http import compression
from ports.http.compression import Chunk
from ports.http.lane import Lane, fail
from ports.http.methods import is_head

# What is sent whole, with its length: larger or slower answers begin to stream.
WHOLE_BYTES = 256 << 10
WHOLE_S = 0.05
# What one change of threads brings of a stream: at a batch each, half of the time went into changing.
GATHERED_BYTES = 1 << 20
GATHERED_S = 0.05
# Few answers take longer: only theirs are worth looking whether the client is still there.
WATCHED_S = 0.05
BODY_LIMIT_BYTES = 1 << 20
_log = logging.getLogger("outport.http")


class Lifeline:
    """Holds the queries of one request, so that a client who goes away cancels them, whenever that is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._results: list[Result] = []
        self._cut = False

    def hold(self, result: Result) -> Result:
        """Tie `result` to the client: cancelled if it has gone already."""
        with self._lock:
            self._results.append(result)
            cut = self._cut
        if cut:
            result.cancel()
        return result

    def cut(self) -> None:
        """The client has gone."""
        with self._lock:
            self._cut = True
            held = tuple(self._results)
        for result in held:
            result.cancel()

    def sent(self, size: int) -> None:
        """So many bytes of an answer leave now: each query's part of them is that of its rows."""
        with self._lock:
            held = tuple(self._results)
        every = sum(one.size_bytes for one in held) or 1
        for result in held:
            result.sent(size if len(held) == 1 else size * result.size_bytes // every)

    def release(self) -> None:
        """Free every query, whatever state it is in. Blocks until they have stopped."""
        with self._lock:
            held = tuple(self._results)
        for result in held:
            result.close()


@dataclass(frozen=True)
class Answer:
    """What a route's work gives: `chunks` are made while they are read and raise GatewayErrors only.

    `media_type` is None where there is no content at all.
    """

    media_type: str | None
    chunks: Iterator[Chunk]
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Awaited:
    """What a route's work gives where its answer hangs on a row: `answer`, once `result` has it.

    Meanwhile the request holds no thread, wherever others compute that row.
    """

    result: Result
    answer: Callable[[], Answer]


Work = Callable[[Lifeline], Answer | Awaited]


async def exchange(request: Request, work: Work) -> Response:
    """Run `work` on a thread and give its answer: whole if it is small, else as a stream. Raises what `work` raises."""
    head = is_head(request)
    turn = _Turn(request.app.state.lane, work, request.headers.get("accept-encoding"), head)
    watcher = _Watcher(request.receive, turn.lifeline)
    try:
        begun = await turn.begun()
    except asyncio.CancelledError:
        turn.lifeline.cut()
        raise
    finally:
        watcher.cancel()
    if begun.ended:
        answer = begun.answer
        response = Response(b"".join(begun.head), answer.status, dict(answer.headers), answer.media_type)
        if head and "content-length" in response.headers:
            del response.headers["content-length"]  # it is known by whoever makes the content
        return response
    return _Stream(begun, turn.lifeline, request.app.state.lane)


async def body(request: Request) -> bytes:
    """The request's body. Raises as `receive` does, above BODY_LIMIT_BYTES."""
    chunks: list[bytes] = []
    await receive(request, chunks.append, BODY_LIMIT_BYTES, "a body")
    return b"".join(chunks)


async def receive(request: Request, take: Callable[[bytes], object], limit_bytes: int, what: str) -> None:
    """Hand the body of `request` on as it comes. Raises HTTPException 413 before more than the limit is; Cancelled."""
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit_bytes:
                raise HTTPException(413, f"{what} has at most {limit_bytes} bytes", {"Connection": "close"})
            take(chunk)
    except ClientDisconnect as error:
        raise Cancelled("the client has gone") from error


@dataclass(frozen=True)
class _Begun:
    """An answer of which the first chunks exist: whatever refuses a query has refused it by now."""

    answer: Answer
    head: list[Chunk]
    ended: bool


class _Turn:
    """One request's way over the threads of a lane, to the beginning of its answer."""

    def __init__(self, lane: Lane, work: Work, accepted: str | None, head: bool) -> None:
        """`accepted` is what Accept-Encoding says; `head` whether no content is wanted."""
        self.lifeline = Lifeline()
        self._lane, self._work, self._accepted, self._head = lane, work, accepted, head
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[_Begun] = self._loop.create_future()

    async def begun(self) -> _Begun:
        """The answer's beginning. Raises what the work raises."""
        self._lane.put(self._loop, self._ask)
        return await self._future

    def _ask(self) -> None:
        try:
            given = self._work(self.lifeline)
            if isinstance(given, Awaited):
                if given.result.prefetch(partial(self._lane.put, self._loop, partial(self._arrived, given))):
                    return
                self._lane.blocks()
                given = given.answer()
            elif not self._head:
                self._lane.blocks()
        except BaseException as error:
            self._fail(error)
        else:
            self._begin(given)

    def _arrived(self, awaited: Awaited) -> None:
        try:
            answer = awaited.answer()
        except BaseException as error:
            self._fail(error)
        else:
            self._begin(answer)

    def _begin(self, answer: Answer) -> None:
        try:
            begun = _Begun(answer, [], ended=True) if self._head else _begin(answer, self._accepted)
            self.lifeline.sent(sum(map(len, begun.head)))
            if begun.ended:
                self.lifeline.release()
        except BaseException as error:
            self._fail(error)
        else:
            self._lane.tell(self._loop, partial(self._give, begun))

    def _give(self, begun: _Begun) -> None:
        if not self._future.done():
            self._future.set_result(begun)
        elif not begun.ended:
            self._lane.put(self._loop, self.lifeline.release)

    def _fail(self, error: BaseException) -> None:
        self.lifeline.release()
        self._lane.tell(self._loop, partial(self._refuse, error))

    def _refuse(self, error: BaseException) -> None:
        fail(self._future, error)


def _begin(answer: Answer, accepted: str | None) -> _Begun:
    """The answer's first chunks."""
    head, ended = _gather(answer.chunks, WHOLE_BYTES, WHOLE_S)
    coding = None if answer.media_type is None else compression.choose(accepted, answer.media_type)
    if coding is None or (ended and sum(map(len, head)) < compression.SMALLEST_BYTES):
        return _Begun(answer, head, ended)
    pieces = compression.stream(chain(head, answer.chunks), coding)
    coded = replace(answer, chunks=pieces, headers={**answer.headers, "Content-Encoding": coding})
    return _Begun(coded, list(pieces) if ended else [], ended)


def _gather(chunks: Iterator[Chunk], enough_bytes: int, enough_s: float) -> tuple[list[Chunk], bool]:
    """The next chunks, until they are enough or have taken long; and whether they were the last."""
    gathered: list[Chunk] = []
    size, started = 0, time.monotonic()
    for chunk in chunks:
        gathered.append(chunk)
        size += len(chunk)
        if size > enough_bytes or time.monotonic() - started > enough_s:
            return gathered, False
    return gathered, True


async def _watch(receive: Receive, lifeline: Lifeline) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    lifeline.cut()


class _Watcher:
    """Cuts the lifeline when the client goes away: looks for it after WATCHED_S, which most answers never need."""

    def __init__(self, receive: Receive, lifeline: Lifeline) -> None:
        self._receive, self._lifeline = receive, lifeline
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCHED_S, self._start)

    def cancel(self) -> None:
        """Watch no longer."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        self._task = asyncio.create_task(_watch(self._receive, self._lifeline))


class _Stream(Response):
    """An answer in chunks; the last, empty one that ends it is sent only if all went well."""

    def __init__(self, begun: _Begun, lifeline: Lifeline, lane: Lane) -> None:
        self.status_code = begun.answer.status
        self.media_type = begun.answer.media_type
        self.background = None
        self.body = b""
        self.init_headers(dict(begun.answer.headers))
        del self.headers["content-length"]
        self._begun, self._lifeline, self._lane = begun, lifeline, lane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watcher = asyncio.create_task(_watch(receive, self._lifeline))
        following: asyncio.Task[tuple[list[Chunk], bool]] | None = None
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            chunks, ended = self._begun.head, False
            while not ended or chunks:
                # The next chunks are made while these are sent.
                following = None if ended else asyncio.create_task(self._next())
                for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunks, ended = ([], True) if following is None else await following
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except GatewayError as error:
            # Without the last chunk the client sees a broken transfer: its answer is not whole.
            _log.info("stream broken off: %s %s", error.code, error.error_id)
        finally:
            watcher.cancel()
            self._lifeline.cut()
            # Also where this task is cancelled: what was computed is freed by a thread that nobody waits for.
            self._lane.put(asyncio.get_running_loop(), self._lifeline.release)
            if following is not None:
                await asyncio.gather(following, return_exceptions=True)

    async def _next(self) -> tuple[list[Chunk], bool]:
        return await self._lane.run(self._gathered)

    def _gathered(self) -> tuple[list[Chunk], bool]:
        self._lane.blocks()
        chunks, ended = _gather(self._begun.answer.chunks, GATHERED_BYTES, GATHERED_S)
        self._lifeline.sent(sum(map(len, chunks)))
        return chunks, ended
