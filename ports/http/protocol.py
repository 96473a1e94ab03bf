"""uvicorn's HTTP protocol with bounds on what it buffers before any route runs. Touches the connection only."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ports.http import errors

TARGET_LIMIT_BYTES = 16 << 10
HEADERS_LIMIT_BYTES = 32 << 10
# When the server ends: the seconds that a TLS client gets to say goodbye too. One that keeps an idle connection reads
# nothing, so it never does; the event loop would wait half a minute for it.
GOODBYE_S = 1.0
# In the state of a request's scope: the client's certificate (DER) of its TLS connection, None where it showed none.
CERTIFICATE = "outport.certificate"


class _TooLarge(Exception):
    """Raised inside the parser's callbacks, which turns it into a refusal of the connection."""


class BoundedProtocol(HttpToolsProtocol):
    """httptools bounds neither the request target nor the headers: without this a client could fill the memory."""

    _head_bytes = 0
    _refusal: tuple[int, str] = (400, "this is not an HTTP/1.1 request")

    def on_message_begin(self) -> None:
        """A request begins: count its head from zero; say which certificate its client has shown."""
        self._head_bytes = 0
        super().on_message_begin()
        secured = self.transport.get_extra_info("ssl_object")
        if secured is not None:
            self.scope.setdefault("state", {})[CERTIFICATE] = secured.getpeercert(True)

    def handle_websocket_upgrade(self) -> None:
        """A web socket begins: what the request's state says holds for it too."""
        self.app_state = self.scope["state"]
        super().handle_websocket_upgrade()

    def on_url(self, url: bytes) -> None:
        """A piece of the request target has come."""
        super().on_url(url)
        if len(self.url) > TARGET_LIMIT_BYTES:
            self._refusal = (414, f"the address is longer than {TARGET_LIMIT_BYTES} bytes; send long SQL to POST /sql")
            raise _TooLarge

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header has come."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEADERS_LIMIT_BYTES:
            self._refusal = (431, f"the headers are longer than {HEADERS_LIMIT_BYTES} bytes")
            raise _TooLarge
        super().on_header(name, value)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not read, as a problem document, and close."""
        response = errors.http_problem(*self._refusal, {"connection": "close"})
        head = b"".join(b"%s: %s\r\n" % pair for pair in response.raw_headers)
        self.transport.write(b"HTTP/1.1 %d Refused\r\n%s\r\n%s" % (response.status_code, head, bytes(response.body)))
        self.transport.close()

    def shutdown(self) -> None:
        """The server ends: close now if nothing is being answered, else after the answer."""
        super().shutdown()
        silent = self.transport.is_closing() and self.transport.get_write_buffer_size() == 0
        if silent and self.transport.get_extra_info("ssl_object") is not None:
            self.loop.call_later(GOODBYE_S, self.transport.abort)
