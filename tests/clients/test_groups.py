"""Groups, the same course for every client: sharing, leaving, commits and their metadata, a restart of the broker."""

import uuid
from dataclasses import dataclass

import pytest
from conftest import require
from confluent_kafka import Producer
from groups.committing import kept
from groups.families import TOOL
from groups.member import Member, settled
from harness.process import wait_until

PARTITIONS = 4
A_PARTITION = 10
"""Records that each partition gets at a time."""


@dataclass(frozen=True)
class Flavour:
    family: str
    protocol: str = "classic"
    assignor: str | None = None
    static: bool = False
    pattern: bool = False

    def __str__(self) -> str:
        marks = ["static"] * self.static + ["pattern"] * self.pattern
        return "-".join([self.family, self.protocol, *filter(None, [self.assignor]), *marks])


DYNAMIC = [
    Flavour("java", "classic", "range"),
    Flavour("java", "classic", "cooperative"),
    Flavour("java", "classic", "range", pattern=True),
    Flavour("java", "consumer", "uniform"),
    Flavour("java", "consumer", "range"),
    Flavour("java", "consumer", pattern=True),
    Flavour("librdkafka", "classic", "range"),
    Flavour("librdkafka", "classic", "cooperative"),
    Flavour("librdkafka", "consumer"),
    Flavour("librdkafka", "consumer", "range", pattern=True),
    Flavour("kafka-python", "classic", "range"),
    Flavour("kafka-python-3", "classic", "roundrobin"),
    Flavour("aiokafka", "classic", "roundrobin"),
    Flavour("kafkajs"),
    Flavour("franz-go", "classic", "cooperative"),
    Flavour("franz-go", "classic", "range"),
    Flavour("franz-go", "consumer"),
]
STATIC = [
    Flavour("java", "classic", "range", static=True),
    Flavour("java", "classic", "cooperative", static=True),
    Flavour("java", "consumer", "uniform", static=True),
    Flavour("librdkafka", "classic", "range", static=True),
    Flavour("librdkafka", "consumer", static=True),
    Flavour("franz-go", "classic", "cooperative", static=True),
    Flavour("aiokafka", "classic", "range", static=True),
]


class Course:
    """A topic, a group on it, and what has been produced so far."""

    def __init__(self, bootstrap, make_topic, directory):
        self.bootstrap, self.directory = bootstrap, directory
        self.mark = uuid.uuid4().hex[:8]
        self.topic = make_topic(f"groups-{self.mark}", partitions=PARTITIONS)
        self.group = f"group-{self.mark}"
        self.pairs = {(self.topic, number) for number in range(PARTITIONS)}
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
        self.rounds = 0
        self.members: list[Member] = []

    def join(self, flavour: Flavour, name: str, **more) -> Member:
        subscribed = {"pattern": f"^groups-{self.mark}.*"} if flavour.pattern else {"topics": [self.topic]}
        instance = f"instance-{name}" if flavour.static else None
        member = Member(flavour.family, name, self.directory, bootstrap=self.bootstrap, group=self.group,
                        protocol=flavour.protocol, assignor=flavour.assignor, instance=instance, **subscribed, **more)
        self.members.append(member)
        return member

    def produce(self) -> set[str]:
        """As many records to each partition; returns their values."""
        self.rounds += 1
        values = set()
        for _topic, partition in self.pairs:
            for number in range(A_PARTITION):
                value = f"{self.rounds}-{partition}-{number}"
                self.producer.produce(self.topic, value, partition=partition)
                values.add(value)
        assert self.producer.flush(60) == 0
        return values

    def read(self, values: set[str], *members: Member) -> None:
        def missing() -> set[str]:
            return values - {value for member in members for value in member.values()}

        wait_until(lambda: [member.process.check_alive() for member in members] and not missing(),
                   f"{len(values)} records to be read by {[member.name for member in members]}")

    def kept(self) -> dict:
        """What is committed, as the broker says it and no client. confluent-kafka sends the NUL after its metadata."""
        found = kept(self.bootstrap, self.group, self.topic, range(PARTITIONS))
        return {(self.topic, part): (offset, metadata.rstrip("\0")) for part, (offset, metadata) in found.items()}


@pytest.fixture
def course(bootstrap, make_topic, tmp_path):
    made = Course(bootstrap, make_topic, tmp_path)
    yield made
    for member in made.members:
        if member.process.alive():
            member.crash()


@pytest.mark.parametrize("flavour", DYNAMIC, ids=str)
def test_members_come_and_go_and_commits_stay(course, target, flavour):
    require(TOOL[flavour.family])
    stays, goes = course.join(flavour, "stays"), course.join(flavour, "goes")
    settled([stays, goes], course.pairs)
    first = course.produce()
    course.read(first, stays, goes)
    for member in (stays, goes):
        member.commit(f"by {member.name}")
    held = {pair: (A_PARTITION, f"by {member.name}") for member in (stays, goes) for pair in member.owned}
    assert course.kept() == held
    for member in (stays, goes):
        assert member.fetch() == {pair: held[pair] for pair in member.owned}

    goes.leave()
    settled([stays], course.pairs)
    stays.forget()
    second = course.produce()
    course.read(second, stays)
    assert stays.offsets() == {pair: list(range(A_PARTITION, 2 * A_PARTITION)) for pair in course.pairs}
    stays.commit("second")
    held = {pair: (2 * A_PARTITION, "second") for pair in course.pairs}
    assert course.kept() == held

    if target.restart:
        target.restart()
    third = course.produce()
    course.read(third, stays)
    stays.forget()
    stays.seek()
    course.read(third, stays)
    assert {pair: found[0] for pair, found in stays.offsets().items()} == dict.fromkeys(course.pairs, 2 * A_PARTITION)
    assert stays.fetch() == held
    stays.leave()

    last = course.join(flavour, "last")
    course.read(third, last)
    assert not first & set(last.values()) and not second & set(last.values())
    assert last.fetch() == held
    last.leave()


@pytest.mark.parametrize("flavour", STATIC, ids=str)
def test_a_static_member_comes_back_unnoticed(course, flavour):
    require(TOOL[flavour.family])
    patient = {"session_ms": 45_000, "rebalance_ms": 60_000}
    stays, returns = (course.join(flavour, name, **patient) for name in ("stays", "returns"))
    settled([stays, returns], course.pairs)
    course.read(course.produce(), stays, returns)
    for member in (stays, returns):
        member.commit()
    before, changes = (set(stays.owned), set(returns.owned)), len(stays.events("owned"))
    if flavour.protocol == "consumer":
        # It says that it will be back. Without that, nobody may take its instance id until its session has ended.
        returns.leave()
    else:
        returns.crash()
    again = course.join(flavour, "returns", **patient)
    settled([stays, again], course.pairs)
    assert (stays.owned, again.owned) == before
    second = course.produce()
    course.read(second, stays, again)
    assert {offset for found in again.offsets().values() for offset in found} == set(range(A_PARTITION, 2 * A_PARTITION))
    assert len(stays.events("owned")) == changes


def test_clients_of_all_kinds_share_a_group(course):
    families = ("java", "librdkafka", "kafka-python", "aiokafka", "franz-go")
    for family in families:
        require(TOOL[family])
    members = [course.join(Flavour(family, "classic", "range"), family) for family in families[:PARTITIONS]]
    settled(members, course.pairs)
    first = course.produce()
    course.read(first, *members)
    for member in members:
        member.commit(member.family)
    assert {offset for offset, _metadata in course.kept().values()} == {A_PARTITION}
    members.append(course.join(Flavour(families[-1], "classic", "range"), families[-1]))
    members.pop(0).leave()
    settled(members, course.pairs)
    second = course.produce()
    course.read(second, *members)
    assert not first & set(members[-1].values())
