"""Content codings of an answer: gzip and zstd, when asked for (RFC 9110, 8.4 and 12.5.3). Pure, streamed.

What is compressed leaves with every piece that comes in, so that the first byte is not held back; the mark that ends a
stream is written only at its end, so that a stream that is cut is no whole one in any coding.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

import pyarrow as pa

from ports.http.accept import ranges
from ports.http.sink import Sink

Chunk = bytes | memoryview
Coding = Literal["zstd", "gzip"]

# Below this a coding's own frame and headers outweigh what it saves.
SMALLEST_BYTES = 1000
# Level 1 compresses CSV at 230 MB/s a core; the default of 6 at a fifth of that, for a tenth less of bytes.
_GZIP_LEVEL = 1
_GZIP_WINDOW = 31  # 15 bits of window, and 16 for the gzip frame. Source: zlib manual, deflateInit2
_COMPRESSIBLE = re.compile(
    r"text/|application/(json|x-ndjson|vnd\.apache\.arrow\.stream)|application/.*\+json|image/svg"
)


def choose(accept_encoding: str | None, media_type: str) -> Coding | None:
    """The coding of an answer, None for none: the best of those that are named; zstd before gzip where both are alike.

    `*` names nothing: who writes it says nothing of what can be read.
    """
    if not accept_encoding or not _COMPRESSIBLE.match(media_type):
        return None
    weights = {one.value.removeprefix("x-"): one.weight for one in ranges(accept_encoding)}
    best: Coding | None = None
    best_weight = weights.get("identity", 0.0)
    for coding in _CODERS:
        if weights.get(coding, 0.0) > best_weight:
            best, best_weight = coding, weights[coding]
    return best


def stream(chunks: Iterable[Chunk], coding: Coding) -> Iterator[bytes]:
    """`chunks` in `coding`; each piece can be read when it comes."""
    coder = _CODERS[coding]()
    for chunk in chunks:
        if piece := coder.add(chunk):
            yield piece
    yield coder.end()


class _Coder(Protocol):
    def add(self, chunk: Chunk) -> bytes: ...

    def end(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._deflate = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)

    def add(self, chunk: Chunk) -> bytes:
        return self._deflate.compress(chunk) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._deflate.flush()


class _Zstd:
    """Arrow's own codec, at its default level, which is 1."""

    def __init__(self) -> None:
        self._sink = Sink()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._sink, "w"), "zstd")

    def add(self, chunk: Chunk) -> bytes:
        self._stream.write(chunk)
        self._stream.flush()
        return self._sink.drained()

    def end(self) -> bytes:
        self._stream.close()
        return self._sink.drained()


# In the order of preference: zstd takes a quarter of gzip's time and gives fewer bytes.
_CODERS: dict[Coding, Callable[[], _Coder]] = {"zstd": _Zstd, "gzip": _Gzip}
