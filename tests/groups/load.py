"""Very many members of groups, each with a connection of its own and no client library."""

import asyncio
import struct
import time
import uuid

from groups import raw
from harness.wire import frame, string

LONGEST_SESSION_MS = 1_800_000
ABREAST = 500
"""Members that may join at once: those of a group must, or it is rebalanced again and again."""
REBALANCE_IN_PROGRESS = 27


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, bootstrap: str) -> "Connection":
        host, port = bootstrap.rsplit(":", 1)
        return cls(*await asyncio.open_connection(host, int(port), limit=1 << 14))

    async def call(self, body: bytes) -> bytes:
        self.writer.write(frame(body))
        (length,) = struct.unpack(">i", await self.reader.readexactly(4))
        return await self.reader.readexactly(length)


class Classic:
    """A member of a classic group with one partition for each member."""

    def __init__(self, connection: Connection, group: str, topic: str, number: int):
        self.connection, self.group, self.topic, self.number = connection, group, topic, number
        self.member, self.generation = "", -1
        self.settled = False

    async def join(self) -> None:
        while True:
            body = raw.join(self.group, self.member, self.topic, LONGEST_SESSION_MS)
            answer = raw.joined(await self.connection.call(body))
            self.member = answer.member or self.member
            if answer.code == raw.MEMBER_ID_REQUIRED:
                continue
            check("JoinGroup", answer.code)
            self.generation = answer.generation
            assignments = {}
            if answer.leader == answer.member:
                assignments = {member: assignment(self.topic, part) for part, member in enumerate(answer.members)}
            body = raw.sync(self.group, self.generation, self.member, assignments)
            code = raw.error_of(await self.connection.call(body))
            if code == REBALANCE_IN_PROGRESS:
                continue
            check("SyncGroup", code)
            return

    async def beat(self) -> None:
        code = raw.error_of(await self.connection.call(raw.heartbeat(self.group, self.generation, self.member)))
        self.settled = code == 0
        if code == REBALANCE_IN_PROGRESS:
            await self.join()
        else:
            check("Heartbeat", code)


class Consumer:
    """A member of a consumer group; it takes and gives up partitions as it is told."""

    def __init__(self, connection: Connection, group: str, topic: str, number: int):
        self.connection, self.group, self.topic, self.number = connection, group, topic, number
        self.member, self.epoch = str(uuid.uuid4()), 0
        self.changed: raw.Partitions | None = None
        self.owned: raw.Partitions = {}

    @property
    def settled(self) -> bool:
        return self.changed is None and sum(map(len, self.owned.values())) == 1

    async def join(self) -> None:
        await self._beat(raw.consumer_heartbeat(self.group, self.member, 0, self.topic))

    async def beat(self) -> None:
        body = raw.consumer_heartbeat(self.group, self.member, self.epoch, owned=self.changed)
        self.changed = None
        await self._beat(body)

    async def _beat(self, body: bytes) -> None:
        answer = raw.consumer_beat(await self.connection.call(body))
        check(f"ConsumerGroupHeartbeat ({answer.message})", answer.code)
        self.epoch = answer.epoch
        if answer.assigned is not None:
            self.owned = self.changed = answer.assigned


MEMBERS = {"classic": Classic, "consumer": Consumer}


def check(what: str, code: int) -> None:
    if code:
        raise raw.Refused(what, code)


def assignment(topic: str, partition: int) -> bytes:
    """What a classic consumer is given, in version 0."""
    return struct.pack(">hi", 0, 1) + string(topic) + struct.pack(">iii", 1, partition, -1)


class Crowd:
    """All members. Each is told to heartbeat from when it has joined."""

    def __init__(self, bootstrap: str, protocol: str, topic: str, groups: int, size: int):
        self.bootstrap, self.protocol, self.topic = bootstrap, protocol, topic
        self.groups, self.size = groups, size
        self.connections: list[Connection] = []
        self.members: list[list] = []

    async def connect(self) -> None:
        for _ in range(self.groups):
            self.connections += await asyncio.gather(*(Connection.open(self.bootstrap) for _ in range(self.size)))

    async def join(self, say) -> None:
        """All groups, a few at a time, and keeps those that have joined alive meanwhile."""
        kind, prefix = MEMBERS[self.protocol], f"{self.protocol}-{uuid.uuid4().hex[:6]}"
        step, beaten = max(1, ABREAST // self.size), time.monotonic()
        for first in range(0, self.groups, step):
            fresh = [
                [kind(self.connections[group * self.size + number], f"{prefix}-{group}", self.topic, number)
                 for number in range(self.size)]
                for group in range(first, min(first + step, self.groups))
            ]
            await asyncio.gather(*(member.join() for group in fresh for member in group))
            self.members += fresh
            if self.protocol == "consumer" and time.monotonic() > beaten + 10:
                await self.beat()
                beaten = time.monotonic()
        rounds = 0
        while not all(member.settled for group in self.members for member in group):
            await self.beat()
            rounds += 1
            if rounds > 50:
                raise TimeoutError("the groups do not settle")
            # Consumer groups compute anew once a second at most.
            await asyncio.sleep(0.5)
        say(f"{self.groups} {self.protocol} groups settled after {rounds} further rounds of heartbeats")

    async def beat(self) -> int:
        """One heartbeat of each member, as many at once as there are members; returns their number."""
        await asyncio.gather(*(member.beat() for group in self.members for member in group))
        return self.groups * self.size

    def close(self) -> None:
        for connection in self.connections:
            connection.writer.close()
