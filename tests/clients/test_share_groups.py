"""Share groups (KIP-932) with Kafka's share consumer: who gets records, what becomes of them, and who survives what."""

import time
import uuid

import pytest
from confluent_kafka import Producer
from groups.share_member import ShareMember
from harness.process import wait_until

pytestmark = pytest.mark.needs("kafka")
LOCK_SECONDS = 15
"""The least that Kafka lets a group set."""
DELIVERIES = 5
"""How often a record is delivered at most, by default."""


class Course:
    """A topic of one partition, and a group that begins with its first record."""

    def __init__(self, bootstrap, make_topic, directory):
        self.bootstrap, self.directory = bootstrap, directory
        self.topic = make_topic("shared")
        self.group = f"share-{uuid.uuid4().hex[:8]}"
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        self.members: list[ShareMember] = []

    def join(self, name: str, **more) -> ShareMember:
        settings = {"share.auto.offset.reset": "earliest", **more.pop("settings", {})}
        member = ShareMember(name, self.directory, bootstrap=self.bootstrap, group=self.group, topics=[self.topic],
                             settings=settings, **more)
        self.members.append(member)
        return member

    def produce(self, *values: str) -> None:
        for value in values:
            self.producer.produce(self.topic, value, partition=0)
        assert self.producer.flush(60) == 0

    def at(self, *offsets: int) -> list[tuple[str, int, int]]:
        return [(self.topic, 0, offset) for offset in offsets]


@pytest.fixture
def course(bootstrap, make_topic, tmp_path):
    made = Course(bootstrap, make_topic, tmp_path)
    yield made
    for member in made.members:
        if member.process.alive():
            member.crash()


def given(member: ShareMember, expected: list[tuple[int, int]], timeout: float = 60) -> None:
    """Waits until the member was given these offsets, delivered so many times; then forgets them."""

    def enough():
        member.process.check_alive()
        return len(member.delivered()) >= len(expected)

    wait_until(enough, f"{member.name} to get {expected}", timeout)
    assert member.delivered() == expected
    member.forget()


def test_each_record_is_one_member_s(course):
    members = [course.join(name, at_once=5) for name in ("one", "two", "three")]
    sent: list[str] = []

    def read() -> list[str]:
        for member in members:
            member.process.check_alive()
        return [value for member in members for value in member.values()]

    def all_take_part() -> bool:
        more = [f"value {len(sent) + number}" for number in range(20)]
        sent.extend(more)
        course.produce(*more)
        return all(member.values() for member in members)

    wait_until(all_take_part, "every member to get records")
    wait_until(lambda: len(read()) >= len(sent), "all records to be read")
    assert sorted(read()) == sorted(sent)
    assert {deliveries for member in members for _offset, deliveries in member.delivered()} == {1}
    for member in members:
        member.leave()
    assert not [event for member in members for event in member.events("late")]
    later = course.join("later")
    course.produce("the end")
    given(later, [(len(sent), 1)])


def test_records_are_accepted_released_and_rejected(course):
    course.produce("accepted", "released", "rejected")
    member = course.join("member", explicit=True)
    given(member, [(0, 1), (1, 1), (2, 1)])
    assert member.acknowledge("accept", course.at(0)) == []
    assert member.acknowledge("release", course.at(1)) == []
    assert member.acknowledge("reject", course.at(2)) == []
    for delivery in range(2, DELIVERIES + 1):
        given(member, [(1, delivery)])
        assert member.acknowledge("release", course.at(1)) == []
    course.produce("the end")
    given(member, [(3, 1)])
    assert member.acknowledge("accept", course.at(3)) == []
    member.leave()


def test_records_of_a_member_that_leaves_or_crashes_are_another_s(course):
    course.produce("a", "b", "c")
    leaves = course.join("leaves", explicit=True)
    given(leaves, [(0, 1), (1, 1), (2, 1)])
    assert leaves.acknowledge("accept", course.at(1)) == []
    leaves.leave()
    crashes = course.join("crashes", explicit=True)
    given(crashes, [(0, 2), (2, 2)])
    crashes.crash()
    stays = course.join("stays", explicit=True)
    given(stays, [(0, 3), (2, 3)])
    assert stays.acknowledge("accept", course.at(0, 2)) == []
    stays.leave()


def test_what_is_settled_outlives_the_broker(course, target):
    if not target.restart:
        pytest.skip("this broker cannot be restarted")
    course.produce("accepted", "released", "rejected", "in hand", "in hand")
    holder = course.join("holder", explicit=True)
    given(holder, [(offset, 1) for offset in range(5)])
    assert holder.acknowledge("accept", course.at(0)) == []
    assert holder.acknowledge("release", course.at(1)) == []
    assert holder.acknowledge("reject", course.at(2)) == []
    target.restart()
    holder.crash()
    course.produce("new")
    member = course.join("member")
    wait_until(lambda: len(member.delivered()) >= 4, "what is left to be delivered")
    assert sorted(member.delivered()) == [(1, 2), (3, 1), (4, 1), (5, 1)]
    course.produce("the end")
    wait_until(lambda: len(member.delivered()) >= 5, "the last record")
    assert sorted(member.delivered())[4:] == [(6, 1)]
    member.leave()


def test_a_record_is_its_member_s_until_the_lock_ends_or_is_renewed(course):
    course.produce("slow")
    settings = {"share.record.lock.duration.ms": str(LOCK_SECONDS * 1000)}
    slow, other = [course.join("slow", explicit=True, settings=settings), None]
    given(slow, [(0, 1)])
    began = time.monotonic()
    other = course.join("other", explicit=True)
    time.sleep(max(0.0, began + LOCK_SECONDS * 2 / 3 - time.monotonic()))
    renewed = time.monotonic()
    assert slow.acknowledge("renew", course.at(0)) == []
    given(slow, [(0, 1)])
    wait_until(other.delivered, "the other member to get the record", timeout=4 * LOCK_SECONDS)
    [(offset, deliveries)] = other.delivered()
    # A fetch that the first member's client sends by itself may be given the record before, and keep it for as long.
    assert offset == 0 and deliveries in (2, 3)
    assert time.monotonic() - renewed > (deliveries - 1) * LOCK_SECONDS - 0.5
    assert "INVALID_RECORD_STATE" in str(slow.acknowledge("accept", course.at(0))) or slow.events("late")
    assert other.acknowledge("accept", course.at(0)) == []
    other.leave()
