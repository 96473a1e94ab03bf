"""One request to one answer: synchronous work on the limiter's threads, bytes streamed at the client's pace.

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

import anyio
import anyio.to_thread
from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from gateway import Cancelled, GatewayError, Result
from ports.http import compression
from ports.http.compression import Chunk
from ports.http.methods import is_head

# What is sent whole, with its length: larger or slower answers begin to stream.
WHOLE_BYTES = 256 << 10
WHOLE_S = 0.05
# What one change of threads brings of a stream: at a batch each, half of the time went into changing.
GATHERED_BYTES = 1 << 20
GATHERED_S = 0.05
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


Work = Callable[[Lifeline], Answer]


async def exchange(request: Request, work: Work) -> Response:
    """Run `work` on a thread and give its answer: whole if it is small, else as a stream. Raises what `work` raises."""
    limiter: anyio.CapacityLimiter = request.app.state.limiter
    accepted = request.headers.get("accept-encoding")
    lifeline = Lifeline()
    watcher = asyncio.create_task(_watch(request.receive, lifeline))
    try:
        begin = partial(_heading, work, lifeline) if is_head(request) else partial(_begin, work, lifeline, accepted)
        begun = await anyio.to_thread.run_sync(begin, limiter=limiter)
    finally:
        watcher.cancel()
    if begun.ended:
        answer = begun.answer
        response = Response(b"".join(begun.head), answer.status, dict(answer.headers), answer.media_type)
        if is_head(request) and "content-length" in response.headers:
            del response.headers["content-length"]  # it is known by whoever makes the content
        return response
    return _Stream(begun, lifeline, limiter)


async def body(request: Request) -> bytes:
    """The request's body. Raises HTTPException 413 above BODY_LIMIT_BYTES, before more of it is read; Cancelled."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > BODY_LIMIT_BYTES:
                raise HTTPException(413, f"a body has at most {BODY_LIMIT_BYTES} bytes", {"Connection": "close"})
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise Cancelled("the client has gone") from error
    return b"".join(chunks)


@dataclass(frozen=True)
class _Begun:
    """An answer of which the first chunks exist: whatever refuses a query has refused it by now."""

    answer: Answer
    head: list[Chunk]
    ended: bool


def _heading(work: Work, lifeline: Lifeline) -> _Begun:
    """The answer without its content, none of which is made."""
    try:
        return _Begun(work(lifeline), [], ended=True)
    finally:
        lifeline.release()


def _begin(work: Work, lifeline: Lifeline, accepted: str | None) -> _Begun:
    """The answer's first chunks; `accepted` is what Accept-Encoding says."""
    try:
        answer = work(lifeline)
        head, ended = _gather(answer.chunks, WHOLE_BYTES, WHOLE_S)
    except BaseException:
        lifeline.release()
        raise
    if ended:
        lifeline.release()
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


class _Stream(Response):
    """An answer in chunks; the last, empty one that ends it is sent only if all went well."""

    def __init__(self, begun: _Begun, lifeline: Lifeline, limiter: anyio.CapacityLimiter) -> None:
        self.status_code = begun.answer.status
        self.media_type = begun.answer.media_type
        self.background = None
        self.body = b""
        self.init_headers(dict(begun.answer.headers))
        del self.headers["content-length"]
        self._begun, self._lifeline, self._limiter = begun, lifeline, limiter

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
            with anyio.CancelScope(shield=True):
                if following is not None:
                    await asyncio.gather(following, return_exceptions=True)
                await anyio.to_thread.run_sync(self._lifeline.release, limiter=self._limiter)

    async def _next(self) -> tuple[list[Chunk], bool]:
        work = partial(_gather, self._begun.answer.chunks, GATHERED_BYTES, GATHERED_S)
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)
