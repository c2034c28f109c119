"""Each of the proxy's modes, against a store that counts what it is asked."""

import http.client
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chaos.store_proxy import StoreProxy, serve_in_background  # noqa: E402
from harness.process import LOOPBACK, free_ports, wait_until  # noqa: E402


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    arrived: list[bytes] = []
    connections: list[socket.socket] = []

    def setup(self) -> None:
        super().setup()
        Handler.connections.append(self.connection)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        Handler.arrived.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"3\r\nebb\r\n4\r\nflow\r\n0\r\n\r\n")

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()

    def log_message(self, *_arguments) -> None:
        pass


@pytest.fixture
def proxy():
    Handler.arrived, Handler.connections = [], []
    store = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    (port,) = free_ports(1)
    proxy = StoreProxy(LOOPBACK, port, store.server_address, "a seed", latency=False)
    serve_in_background([proxy])
    yield proxy
    store.shutdown()
    store.server_close()


def ask(proxy, method="PUT", body=b"slot", connection=None, timeout=0.5):
    connection = connection or http.client.HTTPConnection(LOOPBACK, proxy.port, timeout=timeout)
    connection.request(method, "/bucket/key", body if method == "PUT" else None)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_one_connection_carries_every_kind_of_answer(proxy):
    connection = http.client.HTTPConnection(LOOPBACK, proxy.port, timeout=5)
    for _ in range(2):
        assert ask(proxy, connection=connection) == (200, b"slot")
        assert ask(proxy, "GET", connection=connection) == (200, b"ebbflow")
        assert ask(proxy, "HEAD", connection=connection) == (200, b"")
        assert ask(proxy, body=b"x" * 3_000_000, connection=connection)[1] == b"x" * 3_000_000


@pytest.mark.parametrize(("mode", "arrives"), [("drop", False), ("deaf", True)])
def test_silence(proxy, mode, arrives):
    proxy.mode = mode
    with pytest.raises(socket.timeout):
        ask(proxy)
    assert bool(Handler.arrived) == arrives
    proxy.mode = "pass"
    assert ask(proxy)[0] == 200


def test_a_stalled_put_arrives_late_though_its_client_has_gone(proxy):
    proxy.mode = "stall"
    with pytest.raises(socket.timeout):
        ask(proxy, body=b"late")
    assert not Handler.arrived
    proxy.mode = "pass"
    wait_until(lambda: Handler.arrived == [b"late"], "the late PUT", timeout=5)


def test_resets_come_before_and_after(proxy):
    proxy.mode = "reset"
    for _ in range(40):
        with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
            ask(proxy)
    assert 5 < len(Handler.arrived) < 35


def test_a_full_store_takes_no_put_and_still_reads(proxy):
    proxy.mode = "full"
    status, text = ask(proxy)
    assert (status, b"XMinioStorageFull" in text, Handler.arrived) == (507, True, [])
    assert ask(proxy, "GET") == (200, b"ebbflow")


def test_who_may_only_read_is_told_so(proxy):
    connection = http.client.HTTPConnection(LOOPBACK, proxy.port, timeout=5)
    proxy.mode = "denied"
    for _ in range(2):
        status, text = ask(proxy, connection=connection)
        assert (status, b"AccessDenied" in text, Handler.arrived) == (403, True, [])
        assert ask(proxy, "GET", connection=connection) == (200, b"ebbflow")
    proxy.mode = "pass"
    assert ask(proxy, connection=connection) == (200, b"slot")


def test_a_link_carries_only_so_much_and_who_sends_notices(proxy):
    proxy.link.rate = 8_000_000
    connection = socket.create_connection((LOOPBACK, proxy.port), timeout=10)
    body, begun = b"x" * 8_000_000, time.monotonic()
    connection.sendall(b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
    for at in range(0, len(body), 100_000):
        connection.sendall(body[at:at + 100_000])
        if at == 7_000_000:
            assert time.monotonic() - begun > 0.2, "no buffer takes all of it"
    assert connection.recv(12) == b"HTTP/1.1 200"
    assert 0.9 < time.monotonic() - begun < 3
    connection.close()


def test_a_link_is_shared(proxy):
    proxy.link.rate = 1_000_000
    begun = time.monotonic()
    threads = [threading.Thread(target=ask, args=(proxy, "PUT", b"x" * 300_000, None, 10)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Handler.arrived) == 3
    assert 0.8 < time.monotonic() - begun < 3


def test_a_link_that_is_down_answers_nobody(proxy):
    proxy.link.down = True
    for method in ("GET", "PUT"):
        with pytest.raises(socket.timeout):
            ask(proxy, method)
    assert not Handler.arrived
    proxy.link.down = False
    assert ask(proxy)[0] == 200


def test_latency_is_that_of_s3(proxy):
    proxy.latency = True
    connection = http.client.HTTPConnection(LOOPBACK, proxy.port, timeout=5)
    begun = time.monotonic()
    for _ in range(10):
        ask(proxy, connection=connection)
    assert time.monotonic() - begun > 0.25


def test_a_store_that_goes_takes_idle_connections_along(proxy):
    connection = http.client.HTTPConnection(LOOPBACK, proxy.port, timeout=5)
    ask(proxy, connection=connection)
    for socket_of_the_store in list(Handler.connections):
        socket_of_the_store.shutdown(socket.SHUT_RDWR)
    assert connection.sock.recv(1) == b""
