"""The few Kafka bytes the harness speaks itself, with no client library."""

import socket
import struct


def frame(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def request_header(key: int, version: int, correlation: int, client: str = "tests") -> bytes:
    """Request header version 1: what every non-flexible request starts with."""
    name = client.encode()
    return struct.pack(">hhih", key, version, correlation, len(name)) + name


def read_exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("connection closed in the middle of an answer")
        data += part
    return data


def receive(connection: socket.socket) -> bytes:
    (length,) = struct.unpack(">i", read_exactly(connection, 4))
    return read_exactly(connection, length)


def exchange(connection: socket.socket, body: bytes) -> bytes:
    connection.sendall(frame(body))
    return receive(connection)


def api_versions(host: str, port: int, timeout: float = 5.0) -> dict[int, tuple[int, int]]:
    """The served range of every API, or `OSError` while nobody answers."""
    with socket.create_connection((host, port), timeout=timeout) as connection:
        connection.settimeout(timeout)
        answer = exchange(connection, request_header(18, 0, 1))
    _correlation, error, count = struct.unpack_from(">ihi", answer)
    if error:
        raise ConnectionError(f"ApiVersions answered error {error}")
    entries = struct.iter_unpack(">hhh", answer[10:10 + 6 * count])
    return {key: (low, high) for key, low, high in entries}


def serves(bootstrap: str, timeout: float = 5.0) -> bool:
    host, port = bootstrap.rsplit(":", 1)
    try:
        return bool(api_versions(host, int(port), timeout))
    except (OSError, struct.error):
        return False


def leaders(bootstrap: str, topic: str, timeout: float = 5.0) -> tuple[dict[int, str], dict[int, str | None]]:
    """What Metadata version 1 says: the nodes' addresses by id, the leaders' by partition."""
    host, port = bootstrap.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=timeout) as connection:
        answer = exchange(connection, request_header(3, 1, 1) + struct.pack(">i", 1) + string(topic))
    at = 4

    def take(layout: str) -> tuple:
        nonlocal at
        found = struct.unpack_from(">" + layout, answer, at)
        at += struct.calcsize(">" + layout)
        return found

    def text() -> str:
        (length,) = take("h")
        return take(f"{max(length, 0)}s")[0].decode()

    nodes = {}
    for _ in range(take("i")[0]):
        (node,) = take("i")
        name = text()
        nodes[node] = f"{name}:{take('i')[0]}"
        text()
    take("i")
    found: dict[int, str | None] = {}
    for _ in range(take("i")[0]):
        take("h")
        text()
        take("?")
        for _ in range(take("i")[0]):
            _error, partition, leader = take("hii")
            found[partition] = nodes.get(leader)
            for _ in range(2):
                take(f"{take('i')[0]}i")
    return nodes, found


def string(text: str | None) -> bytes:
    if text is None:
        return struct.pack(">h", -1)
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def _crc32c_table() -> list[int]:
    table = []
    for index in range(256):
        for _ in range(8):
            index = (index >> 1) ^ (0x82F63B78 if index & 1 else 0)
        table.append(index)
    return table


_TABLE = _crc32c_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(value: int) -> bytes:
    """A zigzag varint, as records use."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def record_batch(values: list[bytes], timestamp: int, producer=(-1, -1, -1),
                 keys: list[bytes] | None = None) -> bytes:
    """An uncompressed batch of format 2; `producer` is its id, epoch and first sequence."""
    records = b""
    for delta, value in enumerate(values):
        key = varint(len(keys[delta])) + keys[delta] if keys else varint(-1)
        body = b"\0" + varint(0) + varint(delta) + key + varint(len(value)) + value + varint(0)
        records += varint(len(body)) + body
    checked = struct.pack(">hiqqqhii", 0, len(values) - 1, timestamp, timestamp, *producer,
                          len(values)) + records
    rest = struct.pack(">ibI", 0, 2, crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(rest)) + rest


def produce_v3(topic: str, partition: int, batch: bytes, acks: int = -1, correlation: int = 1,
               transactional_id: str | None = None, timeout_ms: int = 30_000) -> bytes:
    return (
        request_header(0, 3, correlation) + string(transactional_id)
        + struct.pack(">hii", acks, timeout_ms, 1) + string(topic)
        + struct.pack(">iii", 1, partition, len(batch)) + batch
    )


def produced_v3(answer: bytes, topic: str) -> tuple[int, int]:
    """The error and the offset of the one partition in an answer to `produce_v3`."""
    at = 4 + 4 + 2 + len(topic.encode()) + 4
    _partition, error, offset = struct.unpack_from(">ihq", answer, at)
    return error, offset


def create_topic_v2(topic: str, partitions: int = 1, correlation: int = 1, timeout_ms: int = 30_000) -> bytes:
    return (
        request_header(19, 2, correlation) + struct.pack(">i", 1) + string(topic)
        + struct.pack(">ihii", partitions, 1, 0, 0) + struct.pack(">i?", timeout_ms, False)
    )


def created_v2(answer: bytes) -> int:
    """The error of the one topic in an answer to `create_topic_v2`."""
    (length,) = struct.unpack_from(">h", answer, 4 + 4 + 4)
    (error,) = struct.unpack_from(">h", answer, 4 + 4 + 4 + 2 + length)
    return error


def produce_once(bootstrap: str, topic: str, value: bytes, timestamp: int, timeout: float) -> int:
    """Produces one record to partition 0 over a connection of its own; returns its offset."""
    host, port = bootstrap.rsplit(":", 1)
    body = produce_v3(topic, 0, record_batch([value], timestamp))
    with socket.create_connection((host, int(port)), timeout=timeout) as connection:
        error, offset = produced_v3(exchange(connection, body), topic)
    if error:
        raise ConnectionError(f"Produce answered error {error}")
    return offset
