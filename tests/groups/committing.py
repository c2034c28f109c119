"""A member of a live group that commits one offset after the other, whatever becomes of the group's node."""

import socket
import struct
import threading
import time
import uuid
from collections import deque

from groups import raw
from harness.wire import exchange, frame, read_exactly

PARTITIONS = (0, 1)
IN_FLIGHT = 4
"""Commits that are on their way at once."""
BEAT_SECONDS = 0.5
PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.02


class Committing(threading.Thread):
    """The only member of its group. Whenever it has lost its coordinator, it first asks the next one what is
    committed, which must be everything that was acknowledged, and nothing that was not sent."""

    def __init__(self, bootstraps, group: str, protocol: str, topic: str):
        super().__init__(daemon=True, name=group)
        self.bootstraps, self.group, self.protocol, self.topic = list(bootstraps), group, protocol, topic
        self.member, self.generation = "", 0
        self.connection: socket.socket | None = None
        self.waiting: deque = deque()
        self.sent = self.acked = self.found = -1
        self.acks = self.checks = self.beats = self.survived = 0
        self.longest_silence = 0.0
        self.answered = time.monotonic()
        self.problems: list[str] = []
        self.retries: dict[int, int] = {}
        self.stopping = threading.Event()

    # The course

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                try:
                    self.connect()
                    self.begin()
                    self.commit_on()
                except (OSError, struct.error):
                    self.lost()
                except raw.Refused as refused:
                    if refused.code not in raw.ELSEWHERE:
                        self.problems.append(f"{self.group}: {refused}")
                        return
                    self.retries[refused.code] = self.retries.get(refused.code, 0) + 1
                    self.lost()
        except Exception as failed:
            self.problems.append(f"{self.group}: {failed!r}")
            raise

    def lost(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None
        self.waiting.clear()
        self.stopping.wait(PAUSE_SECONDS)

    def connect(self) -> None:
        address = find(self.bootstraps, self.group)
        host, port = address.rsplit(":", 1)
        self.connection = socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, body: bytes) -> bytes:
        self.connection.sendall(frame(body))
        return self.receive()

    def receive(self) -> bytes:
        (length,) = struct.unpack(">i", read_exactly(self.connection, 4))
        return read_exactly(self.connection, length)

    # Membership

    def begin(self) -> None:
        if not self.generation:
            (self.join_classic if self.protocol == "classic" else self.join_consumer)()
        else:
            self.beat()
            self.survived += 1
        self.check()

    def join_classic(self) -> None:
        answer = raw.joined(self.call(raw.join(self.group, self.member, self.topic)))
        if answer.code == raw.MEMBER_ID_REQUIRED:
            self.member = answer.member
            answer = raw.joined(self.call(raw.join(self.group, self.member, self.topic)))
        refuse("JoinGroup", answer.code)
        body = raw.sync(self.group, answer.generation, answer.member, {answer.member: b""})
        refuse("SyncGroup", raw.error_of(self.call(body)))
        self.member, self.generation = answer.member, answer.generation

    def join_consumer(self) -> None:
        self.member = self.member or str(uuid.uuid4())
        answer = raw.consumer_beat(self.call(raw.consumer_heartbeat(self.group, self.member, 0, self.topic)))
        refuse("ConsumerGroupHeartbeat", answer.code)
        self.generation = answer.epoch

    def beat(self) -> None:
        """Says that it is there. Anything but the same generation is a rebalance, and nothing asks for one."""
        if self.protocol == "classic":
            refuse("Heartbeat", raw.error_of(self.call(raw.heartbeat(self.group, self.generation, self.member))))
        else:
            answer = raw.consumer_beat(self.call(raw.consumer_heartbeat(self.group, self.member, self.generation)))
            refuse("ConsumerGroupHeartbeat", answer.code)
            if answer.epoch != self.generation:
                self.problems.append(f"{self.group}: epoch {self.generation} has become {answer.epoch}")
                self.generation = answer.epoch
        self.beats += 1
        self.heard()

    def heard(self) -> None:
        now = time.monotonic()
        self.longest_silence = max(self.longest_silence, now - self.answered)
        self.answered = now

    # Commits

    def commit_on(self) -> None:
        beaten = time.monotonic()
        while not self.stopping.is_set():
            if time.monotonic() > beaten + BEAT_SECONDS:
                while self.waiting:
                    self.acknowledge()
                self.beat()
                beaten = time.monotonic()
            while len(self.waiting) < IN_FLIGHT:
                offset = self.sent + 1
                body = raw.commit(self.group, self.generation, self.member, self.topic,
                                  dict.fromkeys(PARTITIONS, offset), f"m{offset}")
                self.sent = offset
                self.waiting.append(offset)
                self.connection.sendall(frame(body))
            self.acknowledge()

    def acknowledge(self) -> None:
        codes = set(raw.commit_errors(self.receive()).values())
        offset = self.waiting.popleft()
        for code in codes:
            refuse("OffsetCommit", code)
        self.acked = offset
        self.acks += 1
        self.heard()

    def check(self) -> None:
        """What is committed. Both partitions were always committed together."""
        acked, sent = self.acked, self.sent
        found = raw.fetched(self.call(raw.fetch(self.group, self.topic, PARTITIONS)))
        self.checks += 1
        where = f"{self.group}, check {self.checks}: {found}, acknowledged {acked}, sent {sent}, found before {self.found}"
        offsets = {offset for offset, _metadata in found.values()}
        offset = min(offsets)
        if len(offsets) != 1:
            self.problems.append(f"half a commit: {where}")
        if offset < acked:
            self.problems.append(f"lost: {where}")
        if offset < self.found:
            self.problems.append(f"went back: {where}")
        if max(offsets) > sent:
            self.problems.append(f"never sent: {where}")
        if any(offset >= 0 and metadata != f"m{offset}" for offset, metadata in found.values()):
            self.problems.append(f"another commit's metadata: {where}")
        self.found = offset

    def stop(self) -> None:
        self.stopping.set()
        self.join(2 * PATIENCE_SECONDS)
        if self.is_alive():
            self.problems.append(f"{self.group}: hangs")


def refuse(what: str, code: int) -> None:
    if code:
        raise raw.Refused(what, code)


def ask_once(address: str, body: bytes, patience: float = PATIENCE_SECONDS) -> bytes:
    """Asks over a connection of its own."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=1) as connection:
        connection.settimeout(patience)
        return exchange(connection, body)


def find(bootstraps, group: str) -> str:
    """The address of the group's coordinator, asked of any node that answers."""
    for bootstrap in bootstraps:
        try:
            return raw.coordinator(ask_once(bootstrap, raw.find_coordinator(group)))
        except (OSError, raw.Refused):
            continue
    raise ConnectionError(f"nobody tells where {group} is")


def kept(bootstrap: str, group: str, topic: str, partitions) -> dict[int, tuple[int, str]]:
    """The offset and the metadata that are committed, where anything is."""
    answer = ask_once(find(bootstrap.split(","), group), raw.fetch(group, topic, partitions))
    return {part: found for part, found in raw.fetched(answer).items() if found[0] >= 0}
