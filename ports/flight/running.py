"""The streams that are open, by the flight that they belong to: ended when their client has gone or cancels.

Touches the calls' contexts and the gateway's results, no socket.
"""

from __future__ import annotations

import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow.flight as fl

from gateway import Cancelled, Result, Siblings

POLL_S = 0.05
REMEMBERED = 10_000
_TOPIC = "flight cancelled"


class Call:
    """One open stream: the call that it belongs to, and the query that it reads now."""

    def __init__(self, context: fl.ServerCallContext) -> None:
        self.context = context
        self._result: Result | None = None
        self._stopped = False

    def reads(self, result: Result) -> None:
        """It reads `result` from now on."""
        self._result = result
        if self._stopped:
            result.cancel()

    def cancel(self) -> None:
        """Stop the query that is read now, and any after it."""
        self._stopped = True
        if self._result is not None:
            self._result.cancel()


class Running:
    """Every open stream of this process. Thread-safe.

    gRPC tells nobody that a client has gone, so one thread asks while streams are open. A flight that was cancelled
    stays so: its tickets hold no state, so that it is remembered here, for the last REMEMBERED of them.
    """

    def __init__(self) -> None:
        self._calls: dict[Call, bytes] = {}
        self._cancelled: OrderedDict[bytes, float] = OrderedDict()
        # A context dies with its call: it is asked only under the lock, and a stream leaves before its call ends.
        self._lock = threading.Lock()
        self._left = threading.Condition(self._lock)
        self._some = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._siblings = Siblings()

    def shared(self, siblings: Siblings) -> None:
        """Cancel what is cancelled at another process of the same deployment, and tell the others what is here."""
        self._siblings = siblings
        siblings.on(_TOPIC, self._heard)

    @contextmanager
    def over(self, context: fl.ServerCallContext, flight: bytes) -> Iterator[Call]:
        """Inside, the query of the call is stopped when its client goes or its flight is cancelled.

        Raises Cancelled if that was before.
        """
        call = Call(context)
        with self._lock:
            if flight in self._cancelled:
                raise Cancelled("this query was cancelled by its client")
            self._calls[call] = flight
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outport-flight-watch", daemon=True)
                self._thread.start()
        self._some.set()
        try:
            yield call
        finally:
            with self._lock:
                del self._calls[call]
                self._left.notify_all()

    def ended(self, patience_s: float) -> bool:
        """Wait until no stream is open, `patience_s` seconds at most; whether there was one."""
        with self._lock:
            some = bool(self._calls)
            self._left.wait_for(lambda: not self._calls, patience_s)
        return some

    def cancel(self, flight: bytes, until: float) -> None:
        """Stop every stream of `flight`, and refuse it until its tickets end, at the epoch second `until`."""
        self._siblings.tell(_TOPIC, struct.pack("!d", until) + flight)
        self._cancel(flight, until)

    def _heard(self, body: bytes) -> bytes:
        self._cancel(body[8:], struct.unpack_from("!d", body)[0])
        return b""

    def _cancel(self, flight: bytes, until: float) -> None:
        with self._lock:
            self._cancelled[flight] = until
            self._cancelled.move_to_end(flight)
            now = time.time()
            while len(self._cancelled) > REMEMBERED or next(iter(self._cancelled.values())) < now:
                self._cancelled.popitem(last=False)
            for call, known in self._calls.items():
                if known == flight:
                    call.cancel()

    def cancelled(self, flight: bytes) -> bool:
        """Whether `flight` was cancelled."""
        with self._lock:
            return flight in self._cancelled

    def stop(self) -> None:
        """Cancel every query and end the thread."""
        with self._lock:
            self._stopped.set()
            self._some.set()
            for call in self._calls:
                call.cancel()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(POLL_S):
            with self._lock:
                for call in self._calls:
                    if call.context.is_cancelled():
                        call.cancel()
                if not self._calls and not self._stopped.is_set():
                    self._some.clear()
            self._some.wait()
