"""Connections that misbehave in time rather than in content."""

import random
import resource
import socket
import struct

from abuse.mutate import KINDS


def allow_files(wanted: int) -> int:
    """Raises this process's limit of open files, which its children inherit; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    aim = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < aim:
        resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def throw(address, data: bytes, wait: float) -> str:
    """Sends bytes on a connection of their own; says how the broker took them."""
    try:
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(wait)
            return "answered" if connection.recv(4_096) else "closed"
    except TimeoutError:
        return "silent"
    except OSError:
        return "reset"


def frames(bodies, count: int, draw: random.Random):
    """`count` bad frames with the name of what was done to each."""
    for _ in range(count):
        kind = draw.choice(KINDS)
        yield kind.__name__, kind(draw.choice(bodies), draw)


class Crowd:
    """Many connections at once, each of which has sent only part of a frame, or nothing."""

    def __init__(self, address):
        self.address = address
        self.open: list[socket.socket] = []

    def _add(self) -> socket.socket:
        connection = socket.create_connection(self.address, timeout=30)
        self.open.append(connection)
        return connection

    def idle(self, count: int) -> None:
        for _ in range(count):
            self._add()

    def partial(self, count: int, body: bytes, announced: int, draw: random.Random) -> None:
        """Half announce a long frame and send a little of it, half stop within a short one."""
        for index in range(count):
            length = announced if index % 2 else len(body)
            data = struct.pack(">i", length) + body
            self._add().sendall(data[: draw.randrange(1, len(body))])

    def trickle(self) -> None:
        """One more byte on each."""
        for connection in self.open:
            try:
                connection.send(b"\0")
            except OSError:
                pass

    def still_open(self) -> int:
        count = 0
        for connection in self.open:
            connection.setblocking(False)
            try:
                count += connection.recv(1) != b""
            except BlockingIOError:
                count += 1
            except OSError:
                pass
        return count

    def close(self) -> None:
        for connection in self.open:
            connection.close()
        self.open.clear()
