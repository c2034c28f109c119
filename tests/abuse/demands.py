"""Requests that are well formed and ask for too much: each of the functions in `KINDS` sends one kind of them."""

import itertools
import socket
import struct
import threading
import time

from groups.raw import compact, uvarint
from harness import wire

SET = 0
TOPIC_RESOURCE = 2


class Broker:
    """Where the requests go, and how many of them: 1 is what takes a short run some seconds."""

    def __init__(self, address, http, scale: float = 1.0):
        self.address, self.http, self.scale = address, http, scale
        self.names = itertools.count()

    def many(self, count: int) -> int:
        return max(1, int(count * self.scale))

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=60)

    def ask(self, *bodies: bytes) -> list[int]:
        """Sends each and takes its answer; the answers' lengths, -1 where the connection was closed instead."""
        taken, connection = [], self.connect()
        for body in bodies:
            try:
                taken.append(len(wire.exchange(connection, body)))
            except OSError:
                taken.append(-1)
                connection.close()
                connection = self.connect()
        connection.close()
        return taken


def strings(names) -> bytes:
    listed = [wire.string(name) for name in names]
    return struct.pack(">i", len(listed)) + b"".join(listed)


def metadata(names, creates: bool) -> bytes:
    """Version 4."""
    return wire.request_header(3, 4, 1, "abuse") + strings(names) + struct.pack(">?", creates)


def created_on_demand(broker: Broker) -> str:
    """Metadata that has thousands of topics created, half of which collide with each other."""
    bodies = []
    for _ in range(broker.many(2)):
        number = next(broker.names)
        names = [f"abuse{mark}{number}{mark}{each}" for each in range(broker.many(2_000)) for mark in "._"]
        bodies.append(metadata(names, True))
    taken = broker.ask(*bodies)
    return f"{len(bodies)} requests, answers of {taken} bytes"


def short_names(broker: Broker) -> str:
    """Metadata and Fetch of as many bytes as a request may have, full of the shortest names there are."""
    count = (15 << 20) // 3
    listed = struct.pack(">i", count) + b"\0\1x" * count
    named = wire.request_header(3, 4, 1, "abuse") + listed + b"\0"
    count = (15 << 20) // 7
    listed = struct.pack(">i", count) + (b"\0\1x" + struct.pack(">i", 0)) * count
    fetched = wire.request_header(1, 4, 1, "abuse") + struct.pack(">iiiib", -1, 0, 1, 1, 0) + listed
    taken = broker.ask(*[named, fetched] * broker.many(2))
    return f"{len(taken)} requests, answers of {taken} bytes"


def join(group: str, protocols, session_ms: int, member: str = "") -> bytes:
    """JoinGroup version 2."""
    listed = b"".join(wire.string(name) + struct.pack(">i", 0) for name in protocols)
    return (wire.request_header(11, 2, 1, "abuse") + wire.string(group) + struct.pack(">ii", session_ms, session_ms)
            + wire.string(member) + wire.string("consumer") + struct.pack(">i", len(protocols)) + listed)


def protocol_names(broker: Broker) -> str:
    """JoinGroup with tens of thousands of assignors, all different or all the same."""
    different = [f"assignor-{each}" for each in range(broker.many(50_000))]
    same = ["range"] * broker.many(50_000)
    taken = [broker.ask(join(f"abuse-{next(broker.names)}", names, 6_000))
             for names in (different, same) for _ in range(3)]
    return f"{len(taken)} requests, answers of {[each for (each,) in taken]} bytes"


def silent_members(broker: Broker) -> str:
    """A group whose members join, say nothing more and time out together."""
    body = wire.frame(join(f"abuse-{next(broker.names)}", ["range"], 6_000))
    connections = []
    for _ in range(broker.many(1_000)):
        connections.append(broker.connect())
        connections[-1].sendall(body)
    time.sleep(8)
    answered = look(connections, has_answer)
    return f"{len(connections)} members, {answered} of them answered within 8 s"


def look(connections: list[socket.socket], found) -> int:
    """How many of the connections this holds for; they are closed then."""
    count = sum(map(found, connections))
    for connection in connections:
        connection.close()
    return count


def has_answer(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except OSError:
        return False


def share_fetch(group: str, member: str, epoch: int, topics) -> bytes:
    """Version 1."""
    listed = b"".join(topic + uvarint(len(parts) + 1)
                      + b"".join(struct.pack(">i", part) + uvarint(1) + b"\0" for part in parts) + b"\0"
                      for topic, parts in topics)
    return (wire.request_header(78, 1, 1, "abuse") + b"\0" + compact(group) + compact(member)
            + struct.pack(">iiiiii", epoch, 100, 1, 1 << 20, 500, 500) + uvarint(len(topics) + 1) + listed
            + uvarint(1) + b"\0")


def share_fetches(broker: Broker) -> str:
    """ShareFetch of partitions that do not exist, and of such as no member was assigned."""
    member = "AAAAAAAAAAAAAAAAAAAAAA"
    unknown = [(bytes([each]) * 16, range(2_500)) for each in range(1, 5)]
    asked = []
    for _ in range(broker.many(20)):
        group = f"abuse-{next(broker.names)}"
        asked += [share_fetch(group, member, epoch, unknown) for epoch in (0, 1, -1)]
    taken = broker.ask(*asked)
    return f"{len(taken)} requests, answers of {max(taken)} bytes at most, {taken.count(-1)} closed"


def long_strings(broker: Broker) -> str:
    """Strings of more than 32,767 bytes where a compact length can say so."""
    taken = []
    for length in (32_768, 40_000, 1 << 20):
        name = "x" * length
        taken += broker.ask(
            wire.request_header(10, 4, 1, "abuse") + b"\0" + b"\0" + uvarint(2) + compact(name) + b"\0",
            wire.request_header(3, 9, 1, "abuse") + b"\0" + uvarint(2) + compact(name) + b"\0" + b"\1\0\0\0",
            share_fetch(name, "member", 0, []),
        )
    assert set(taken) == {-1}, f"a string that is too long was answered: {taken}"
    return f"{len(taken)} requests, all of them closed"


def half_sent_pages(broker: Broker) -> str:
    """HTTP requests at the metrics port that never end."""
    connections, refused = [], 0
    for _ in range(broker.many(2_000)):
        try:
            connection = socket.create_connection(broker.http, timeout=10)
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-")
            connections.append(connection)
        except OSError:
            refused += 1
    time.sleep(2)
    gone = look(connections, is_closed)
    return f"{len(connections)} connections, {gone} closed within 2 s, {refused} refused"


def is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def set_retention(topic: str, value: int) -> bytes:
    """IncrementalAlterConfigs version 0."""
    return (wire.request_header(44, 0, 1, "abuse") + struct.pack(">ib", 1, TOPIC_RESOURCE) + wire.string(topic)
            + struct.pack(">i", 1) + wire.string("retention.ms") + struct.pack(">b", SET) + wire.string(str(value))
            + b"\0")


def toggled_settings(broker: Broker) -> str:
    """A topic's setting, changed back and forth by several clients without a pause."""
    topic = f"abuse-{next(broker.names)}"
    broker.ask(wire.create_topic_v2(topic))
    bodies = [set_retention(topic, 1_000_000 + each % 2) for each in range(broker.many(200))]
    taken = []
    clients = [threading.Thread(target=lambda: taken.append(broker.ask(*bodies))) for _ in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert len(taken) == len(clients), "a client failed"
    return f"{len(clients) * len(bodies)} changes, {sum(each.count(-1) for each in taken)} closed"


KINDS = (created_on_demand, short_names, protocol_names, silent_members, share_fetches, long_strings,
         half_sent_pages, toggled_settings)
