#!/usr/bin/env python3
"""Holds a node to its --memory: silent consumers, bombs, clients that leave, and thousands of busy connections.

An ordinary producer and consumer beside them must go on, and the node's resident memory must never exceed the bound.
"""

import argparse
import os
import selectors
import shutil
import socket
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from harness.venv import enter  # noqa: E402

if __name__ == "__main__":
    enter("python")

from abuse.connections import allow_files  # noqa: E402
from abuse.workload import Workload  # noqa: E402
from broker import Broker  # noqa: E402
from harness import wire  # noqa: E402
from harness.process import LOOPBACK, end_children_on_signals  # noqa: E402

MIB = 1 << 20
# How long the ordinary client may take for one round trip: what is slow for 10 s while others wait is given up.
PATIENCE = 45.0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", type=int, default=512, metavar="MIB")
    parser.add_argument("--silent", type=int, default=200, help="consumers that read nothing")
    parser.add_argument("--bombs", type=int, default=16, help="lookups at once in a batch that unpacks to 200 MB")
    parser.add_argument("--leaving", type=int, default=300, help="producers that leave before they are answered")
    parser.add_argument("--busy", type=int, default=5_000, help="busy connections")
    parser.add_argument("--store", help="default: a directory; what memory:// stores counts, too")
    return parser.parse_args()


def compressed_batch(payload: bytes, timestamp: int) -> bytes:
    """A batch of one record in gzip."""
    body = b"\0" + wire.varint(0) + wire.varint(0) + wire.varint(-1) + wire.varint(len(payload)) + payload
    body += wire.varint(0)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    records = packer.compress(wire.varint(len(body)) + body) + packer.flush()
    checked = struct.pack(">hiqqqhii", 1, 0, timestamp, timestamp, -1, -1, -1, 1) + records
    rest = struct.pack(">ibI", 0, 2, wire.crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(rest)) + rest


def fetch_v4(topic: str, partitions: int, most: int) -> bytes:
    each = b"".join(struct.pack(">iqi", partition, 0, most) for partition in range(partitions))
    return (wire.request_header(1, 4, 1) + struct.pack(">iiiib", -1, 0, 1, most, 0)
            + struct.pack(">i", 1) + wire.string(topic) + struct.pack(">i", partitions) + each)


def lookup_v1(topic: str, timestamp: int) -> bytes:
    return (wire.request_header(2, 1, 1) + struct.pack(">ii", -1, 1) + wire.string(topic)
            + struct.pack(">iiq", 1, 0, timestamp))


def create_v2(topic: str, partitions: int) -> bytes:
    return (wire.request_header(19, 2, 1) + struct.pack(">i", 1) + wire.string(topic)
            + struct.pack(">ihiii", partitions, 1, 0, 0, 30_000) + b"\0")


class Check:
    """A node, and what is done to it."""

    def __init__(self, chosen: argparse.Namespace, node: Broker):
        self.chosen, self.node = chosen, node
        self.address = (LOOPBACK, node.port)
        self.now = int(time.time() * 1_000)
        self.large = wire.record_batch([os.urandom(900_000)], self.now)

    def connect(self, timeout: float = 120.0, small: bool = False) -> socket.socket:
        connection = socket.socket()
        if small:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(timeout)
        connection.connect(self.address)
        return connection

    def ask(self, body: bytes) -> bytes:
        with self.connect() as connection:
            return wire.exchange(connection, body)

    def told(self, what: str, begun: float) -> None:
        process = self.node.process
        process.check_alive()
        print(f"{what}: {process.resident_bytes() / MIB:.0f} MiB resident, {process.peak_bytes() / MIB:.0f} at most so far, "
              f"{time.monotonic() - begun:.1f} s", flush=True)

    def silent(self) -> None:
        """Consumers that ask for all there is, and read nothing."""
        begun = time.monotonic()
        self.ask(create_v2("silent", 4))
        with self.connect() as connection:
            for index in range(100):
                wire.exchange(connection, wire.produce_v3("silent", index % 4, self.large))
        crowd = [self.connect(small=True) for _ in range(self.chosen.silent)]
        for connection in crowd:
            connection.sendall(wire.frame(fetch_v4("silent", 4, 55 * MIB)) * 3)
        time.sleep(2)
        self.told(f"{self.chosen.silent} silent consumers", begun)
        answer = b""
        while len(answer) < len(self.large):
            assert time.monotonic() - begun < 3 * PATIENCE, "somebody who reads gets nothing"
            answer = self.ask(fetch_v4("silent", 4, 55 * MIB))
        self.told("and one that reads", begun)
        for connection in crowd:
            connection.close()

    def bombs(self) -> None:
        """Lookups by time in a batch that unpacks to 200 MB."""
        begun = time.monotonic()
        self.ask(create_v2("bomb", 1))
        self.ask(wire.produce_v3("bomb", 0, compressed_batch(bytes(200 * MIB), self.now)))
        crowd = [self.connect() for _ in range(self.chosen.bombs)]
        for connection in crowd:
            connection.sendall(wire.frame(lookup_v1("bomb", 1)))
        slowest = 0.0
        waiting = list(crowd)
        while waiting and time.monotonic() - begun < PATIENCE:
            asked = time.monotonic()
            wire.api_versions(*self.address, timeout=PATIENCE)
            slowest = max(slowest, time.monotonic() - asked)
            selector = selectors.DefaultSelector()
            for connection in waiting:
                selector.register(connection, selectors.EVENT_READ)
            answered = {key.fileobj for key, _ in selector.select(0.02)}
            selector.close()
            waiting = [connection for connection in waiting if connection not in answered]
        for connection in crowd:
            connection.close()
        self.told(f"{self.chosen.bombs} bombs, others answered within {slowest:.2f} s", begun)

    def leaving(self) -> None:
        """Producers that send a large request and leave."""
        begun = time.monotonic()
        self.ask(create_v2("left", 1))
        data = wire.frame(wire.produce_v3("left", 0, self.large, timeout_ms=1_000))
        for _ in range(self.chosen.leaving):
            with self.connect() as connection:
                connection.sendall(data)
        self.told(f"{self.chosen.leaving} producers that left", begun)

    def busy(self) -> None:
        """Connections that all have something under way: small and large produces, fetches, half requests."""
        begun = time.monotonic()
        count = min(self.chosen.busy, allow_files(self.chosen.busy + 1_000) - 500)
        self.ask(create_v2("busy", 16))
        medium = [wire.frame(wire.produce_v3("busy", partition, wire.record_batch([os.urandom(20_000)], self.now)))
                  for partition in range(16)]
        small = [wire.frame(wire.produce_v3("busy", partition, wire.record_batch([b"x" * 200], self.now)))
                 for partition in range(16)]
        fetch = wire.frame(fetch_v4("busy", 16, MIB))
        crowd = []
        for index in range(count):
            connection = self.connect(small=True)
            connection.setblocking(False)
            crowd.append(connection)
            part = index % 16
            data = [small[part] * 20, medium[part], medium[part] + fetch, fetch, medium[part][:12_000]][index % 5]
            self.send(connection, data)
        for round_ in range(2):
            for index, connection in enumerate(crowd):
                self.send(connection, (small[index % 16] if index % 5 < 2 else b""))
        time.sleep(3)
        self.told(f"{count} busy connections", begun)
        for connection in crowd:
            connection.close()

    @staticmethod
    def send(connection: socket.socket, data: bytes) -> None:
        try:
            connection.send(data)
        except OSError:
            pass


def main() -> int:
    chosen = parse()
    end_children_on_signals()
    allow_files(chosen.busy + 1_000)
    directory = Path(tempfile.mkdtemp(prefix="tidelog-memory-"))
    node = Broker(chosen.store or f"file://{directory}/data", ("--memory", f"{chosen.memory}MiB"), directory=directory)
    with node:
        check = Check(chosen, node)
        workload = Workload(node.bootstrap)
        workload.start()
        at = workload.check(more_than=0)
        for act in (check.silent, check.bombs, check.leaving, check.busy):
            act()
            at = workload.check(more_than=at)
        workload.end()
        node.process.check_alive()
        peak, page = node.process.peak_bytes(), node.metrics()
    over = peak > chosen.memory * MIB
    missing = [part for part in ("requests", "queries", "answers", "unpacking", "tail", "cache")
               if f'tidelog_memory_bytes{{part="{part}"}}' not in page]
    slow = workload.slowest > PATIENCE
    print(f"the ordinary client made {workload.done} round trips, the slowest took {workload.slowest:.1f} s")
    if not (over or slow or missing):
        shutil.rmtree(directory, ignore_errors=True)
    problems = [f"{peak / MIB:.0f} MiB resident"] * over + ["the ordinary client waited too long"] * slow
    problems += [f"/metrics has no {part}" for part in missing]
    print(f"memory: {'FAILED, ' + ', '.join(problems) if problems else f'ok, {peak / MIB:.0f} of {chosen.memory} MiB at most'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
