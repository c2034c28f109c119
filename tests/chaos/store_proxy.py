"""One node's way to the store: an HTTP proxy that is told how to misbehave.

Modes, looked at for every request, and again when its answer has come:
pass    forwards
drop    never forwards a request, never answers
deaf    forwards, and never answers
stall   forwards once another mode is set, even for a client that has gone: a late PUT
reset   resets the connection, before or after forwarding
full    answers every PUT as MinIO does when its disks are full
denied  answers every write as S3 does for credentials that may only read
A request is forwarded only when all of it has arrived, so a client that freezes half-way through a body
holds no lock of the store's. Proxies may share a `Link`, which is down, or carries only so many bytes of bodies
a second to the store.
"""

import asyncio
import random
import socket
import threading
import time

MODES = ("drop", "deaf", "stall", "reset")
FULL = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>XMinioStorageFull</Code><Message>Storage backend has reached its minimum free drive threshold. \
Please delete a few objects to proceed.</Message></Error>"""
DENIED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>"""
WRITES = (b"PUT", b"POST", b"DELETE")
# The most that is read of a body at once, and that the kernel holds of it: what is slow must look slow to who sends.
PIECE = 1 << 16
# Median and standard deviation of the logarithm: a PUT takes 60 ms, 200 ms at the 99th percentile.
PUT_LATENCY = (0.060, 0.518)
GET_LATENCY = (0.020, 0.472)


class Link:
    """What several proxies have in common on their way to the store."""

    def __init__(self):
        self.down = False
        self.rate: float | None = None
        """Bytes per second of all bodies together, the fastest that they may be."""
        self.free_at = 0.0

    async def carry(self, count: int) -> None:
        if self.rate:
            self.free_at = max(self.free_at, time.monotonic()) + count / self.rate
            await asyncio.sleep(self.free_at - time.monotonic())


class _Upstream(asyncio.StreamReaderProtocol):
    """A connection to the store. Its end ends the client's, at once unless a request is on its way."""

    def __init__(self, answers: asyncio.StreamWriter):
        self.reader = asyncio.StreamReader()
        super().__init__(self.reader)
        self.answers = answers
        self.idle, self.ended = True, False

    async def connect(self, address: tuple[str, int]) -> asyncio.StreamWriter:
        loop = asyncio.get_running_loop()
        transport, _protocol = await loop.create_connection(lambda: self, *address)
        return asyncio.StreamWriter(transport, self, self.reader, loop)

    def eof_received(self) -> bool:
        self.ended = True
        if self.idle:
            self.answers.close()
        return bool(super().eof_received())

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.eof_received()


class StoreProxy:
    def __init__(self, host: str, port: int, upstream: tuple[str, int], seed: str, latency: bool,
                 link: Link | None = None):
        self.host, self.port, self.upstream = host, port, upstream
        self.link = link or Link()
        self.draw, self.latency = random.Random(seed), latency
        self.mode = "pass"
        self.serving: set[asyncio.Task | None] = set()
        """Kept here because the loop itself forgets tasks that wait."""

    async def listen(self) -> None:
        listener = socket.create_server((self.host, self.port), backlog=100)
        # Connections have it from the listener.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
        await asyncio.start_server(self._serve, sock=listener)

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        store: asyncio.StreamWriter | None = None
        self.serving.add(asyncio.current_task())
        try:
            # Opened at once: a store that is down refuses its clients, and so does this.
            upstream = _Upstream(answers)
            store = await upstream.connect(self.upstream)
            while not upstream.ended:
                upstream.idle = True
                method, request = await self._request(client)
                upstream.idle = False
                answer = await self._exchange(method, request, upstream.reader, store)
                if answer is None:
                    await client.read()
                    return
                answers.write(answer)
                await answers.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
            answers.transport.abort()
        finally:
            self.serving.discard(asyncio.current_task())
            answers.close()
            if store:
                store.close()

    async def _request(self, stream: asyncio.StreamReader) -> tuple[bytes, bytes]:
        head = await stream.readuntil(b"\r\n\r\n")
        return head.split(b" ", 1)[0], head + await _body(head, stream, self.link)

    async def _exchange(self, method: bytes, request: bytes, replies: asyncio.StreamReader,
                        store: asyncio.StreamWriter) -> bytes | None:
        """The store's answer, None if the client shall wait for ever, or OSError to reset it."""
        if self.latency:
            median, spread = PUT_LATENCY if method == b"PUT" else GET_LATENCY
            await asyncio.sleep(median * self.draw.lognormvariate(0, spread))
        while self.mode == "stall":
            await asyncio.sleep(0.02)
        if self.mode == "drop" or self.link.down:
            return None
        if self.mode == "full" and method == b"PUT":
            return _error(b"507 Insufficient Storage", FULL)
        if self.mode == "denied" and method in WRITES:
            return _error(b"403 Forbidden", DENIED)
        if self.mode == "reset" and self.draw.random() < 0.5:
            raise ConnectionResetError
        store.write(request)
        await store.drain()
        answer = await _answer(method, replies)
        if self.mode == "reset":
            raise ConnectionResetError
        return None if self.mode in ("drop", "deaf") or self.link.down else answer


def _error(status: bytes, text: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b" % (status, len(text), text)


async def _answer(method: bytes, stream: asyncio.StreamReader) -> bytes:
    head = await stream.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if status < 200:
        return await _answer(method, stream)
    if method == b"HEAD" or status in (204, 304):
        return head
    return head + await _body(head, stream)


async def _body(head: bytes, stream: asyncio.StreamReader, link: Link | None = None) -> bytes:
    headers = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in headers.get(b"transfer-encoding", b""):
        parts = []
        while True:
            size = await stream.readuntil(b"\r\n")
            count = int(size.split(b";")[0], 16)
            parts += [size, await stream.readexactly(count + 2)]
            if not count:
                return b"".join(parts)
    left, parts = int(headers.get(b"content-length", b"0")), []
    while left:
        part = await stream.read(min(left, PIECE))
        if not part:
            raise EOFError
        if link:
            await link.carry(len(part))
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def serve_in_background(proxies: list[StoreProxy]) -> None:
    """Starts the proxies on a thread of their own; it ends with the program."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    for proxy in proxies:
        asyncio.run_coroutine_threadsafe(proxy.listen(), loop).result(10)
