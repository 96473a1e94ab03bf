"""A file in memory that a writer fills and a stream drains. Touches nothing else."""

from __future__ import annotations


class Sink:
    """A file that keeps what was written since it was last drained."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> int:
        """Keep `data`; Arrow hands over buffers that it may use again."""
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """The writer has ended."""
        self.closed = True

    def drained(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._written)
        self._written.clear()
        return data
