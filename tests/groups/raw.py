"""The group APIs in bytes, with no client library: requests, and what is in their answers.

Old, plain versions wherever there is one; ConsumerGroupHeartbeat has none and is flexible.
"""

import struct
from dataclasses import dataclass, field

from harness.wire import request_header, string

NONE, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR = 0, 14, 15, 16
MEMBER_ID_REQUIRED = 79
ELSEWHERE = frozenset({COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, 7, -1})
"""Try again, maybe at another node: nothing is known of what was asked. 7 is REQUEST_TIMED_OUT."""


class Refused(Exception):
    def __init__(self, what: str, code: int):
        super().__init__(f"{what} got error {code}")
        self.code = code


class Answer:
    """Takes an answer apart; `take` has struct's letters."""

    def __init__(self, data: bytes, flexible: bool = False):
        self.data, self.at = data, 4
        if flexible:
            self.tags()

    def take(self, layout: str):
        found = struct.unpack_from(">" + layout, self.data, self.at)
        self.at += struct.calcsize(">" + layout)
        return found[0] if len(found) == 1 else found

    def text(self) -> str | None:
        length = self.take("h")
        return None if length < 0 else self.take(f"{length}s").decode()

    def blob(self) -> bytes:
        return self.take(f"{max(self.take('i'), 0)}s")

    def count(self) -> int:
        return max(self.take("i"), 0)

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def compact(self) -> str | None:
        length = self.uvarint()
        return None if length == 0 else self.take(f"{length - 1}s").decode()

    def tags(self) -> None:
        for _ in range(self.uvarint()):
            self.uvarint()
            self.take(f"{self.uvarint()}s")


def uvarint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def compact(text: str | None) -> bytes:
    return b"\0" if text is None else uvarint(len(text.encode()) + 1) + text.encode()


def blob(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def find_coordinator(group: str) -> bytes:
    return request_header(10, 1, 1) + string(group) + b"\0"


def coordinator(data: bytes) -> str:
    """The address of the node that coordinates the group."""
    answer = Answer(data)
    _throttle, code = answer.take("ih")
    answer.text()
    answer.take("i")
    host, port = answer.text(), answer.take("i")
    if code:
        raise Refused("FindCoordinator", code)
    return f"{host}:{port}"



def subscription(*topics: str) -> bytes:
    """What a classic consumer says of itself, in version 0."""
    return struct.pack(">hi", 0, len(topics)) + b"".join(map(string, topics)) + struct.pack(">i", -1)


@dataclass
class Joined:
    code: int
    generation: int
    leader: str
    member: str
    members: list[str] = field(default_factory=list)


def join(group: str, member: str, topic: str, session_ms: int = 30_000, rebalance_ms: int = 60_000) -> bytes:
    return (request_header(11, 5, 1) + string(group) + struct.pack(">ii", session_ms, rebalance_ms) + string(member)
            + string(None) + string("consumer") + struct.pack(">i", 1) + string("range") + blob(subscription(topic)))


def joined(data: bytes) -> Joined:
    answer = Answer(data)
    _throttle, code, generation = answer.take("ihi")
    answer.text()
    found = Joined(code, generation, answer.text(), answer.text())
    for _ in range(answer.count()):
        found.members.append(answer.text())
        answer.text()
        answer.blob()
    return found


def sync(group: str, generation: int, member: str, assignments: dict[str, bytes]) -> bytes:
    listed = b"".join(string(name) + blob(data) for name, data in assignments.items())
    return (request_header(14, 3, 1) + string(group) + struct.pack(">i", generation) + string(member) + string(None)
            + struct.pack(">i", len(assignments)) + listed)


def heartbeat(group: str, generation: int, member: str) -> bytes:
    return (request_header(12, 3, 1) + string(group) + struct.pack(">i", generation) + string(member) + string(None))


def error_of(data: bytes) -> int:
    """The error of SyncGroup, Heartbeat and LeaveGroup, which follows the throttle time."""
    return Answer(data).take("ih")[1]


Partitions = dict[bytes, list[int]]
"""By topic id."""


def partitions(listed: Partitions) -> bytes:
    found = uvarint(len(listed) + 1)
    for topic, parts in listed.items():
        found += topic + uvarint(len(parts) + 1) + struct.pack(f">{len(parts)}i", *parts) + b"\0"
    return found


def consumer_heartbeat(group: str, member: str, epoch: int, topic: str | None = None,
                       owned: Partitions | None = None) -> bytes:
    """Version 1. With a topic, everything is said, as when a member joins; without, only what it owns if that
    changed."""
    joins = topic is not None
    topics = uvarint(2) + compact(topic) if joins else b"\0"
    held = partitions(owned or {}) if joins or owned is not None else b"\0"
    return (request_header(68, 1, 1) + b"\0" + compact(group) + compact(member) + struct.pack(">i", epoch)
            + compact(None) * 2 + struct.pack(">i", 60_000 if joins else -1) + topics + compact(None) * 2
            + held + b"\0")


@dataclass
class Beat:
    code: int
    message: str | None
    epoch: int
    interval_ms: int
    assigned: Partitions | None


def consumer_beat(data: bytes) -> Beat:
    answer = Answer(data, flexible=True)
    _throttle, code = answer.take("ih")
    message, _member = answer.compact(), answer.compact()
    epoch, interval, assignment = answer.take("iib")
    if assignment < 0:
        return Beat(code, message, epoch, interval, None)
    assigned = {}
    for _ in range(answer.uvarint() - 1):
        topic = answer.take("16s")
        assigned[topic] = [answer.take("i") for _ in range(answer.uvarint() - 1)]
        answer.tags()
    return Beat(code, message, epoch, interval, assigned)


def commit(group: str, generation: int, member: str, topic: str, offsets: dict[int, int], metadata: str) -> bytes:
    """`generation` is the epoch where the group's protocol is `consumer`; version 9 has no other bytes than it needs."""
    listed = b"".join(struct.pack(">iqi", partition, offset, -1) + compact(metadata) + b"\0"
                      for partition, offset in offsets.items())
    return (request_header(8, 9, 1) + b"\0" + compact(group) + struct.pack(">i", generation) + compact(member)
            + compact(None) + uvarint(2) + compact(topic) + uvarint(len(offsets) + 1) + listed + b"\0" + b"\0")


def commit_errors(data: bytes) -> dict[int, int]:
    answer, found = Answer(data, flexible=True), {}
    answer.take("i")
    for _ in range(answer.uvarint() - 1):
        answer.compact()
        for _ in range(answer.uvarint() - 1):
            partition, code = answer.take("ih")
            found[partition] = code
            answer.tags()
        answer.tags()
    return found


def fetch(group: str, topic: str, partitions) -> bytes:
    listed = struct.pack(f">i{len(partitions)}i", len(partitions), *partitions)
    return request_header(9, 5, 1) + string(group) + struct.pack(">i", 1) + string(topic) + listed


def fetched(data: bytes) -> dict[int, tuple[int, str]]:
    """Offset and metadata by partition; -1 where nothing is committed."""
    answer, found = Answer(data), {}
    answer.take("i")
    for _ in range(answer.count()):
        answer.text()
        for _ in range(answer.count()):
            partition, offset, _epoch = answer.take("iqi")
            found[partition] = (offset, answer.text() or "")
            code = answer.take("h")
            if code:
                raise Refused("OffsetFetch", code)
    code = answer.take("h")
    if code:
        raise Refused("OffsetFetch", code)
    return found
