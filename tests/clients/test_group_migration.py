"""A classic group of Kafka's consumers becomes a consumer group member by member, and a classic group again."""

import pytest
from groups.member import settled
from harness.process import wait_until
from test_groups import A_PARTITION, Flavour, course  # noqa: F401

pytestmark = pytest.mark.needs("kafka")
OLD = {"range": Flavour("java", "classic", "range"), "cooperative": Flavour("java", "classic", "cooperative")}
NEW = Flavour("java", "consumer")


def group_type(admin, group: str) -> str:
    found = admin.list_consumer_groups(request_timeout=30).result(30).valid
    return next(each.type.name for each in found if each.group_id == group)


@pytest.mark.parametrize("assignor", OLD)
def test_rolling_from_classic_to_consumer_and_back(admin, course, assignor):  # noqa: F811
    old, read_before = OLD[assignor], 0
    members = [course.join(old, f"old-{number}") for number in range(2)]

    def read_on() -> None:
        """Another round is read, from where the last was committed, and committed in its turn."""
        nonlocal read_before
        values = course.produce()
        course.read(values, *members)
        for member in members:
            member.commit(f"round {course.rounds}")
        end = A_PARTITION * course.rounds
        assert course.kept() == dict.fromkeys(course.pairs, (end, f"round {course.rounds}"))
        for member in members:
            for offsets in member.offsets().values():
                assert offsets[0] >= read_before, f"{member.name} read again what was committed"
                assert offsets == list(range(offsets[0], end)), f"{member.name} left something out"
            member.forget()
        read_before = end

    def replace(leaves, flavour: Flavour, name: str) -> None:
        """A rolling restart's step: one is stopped, and comes back with the other protocol."""
        members.remove(leaves)
        leaves.leave()
        settled(members, course.pairs)
        members.append(course.join(flavour, name))
        settled(members, course.pairs)
        read_on()

    settled(members, course.pairs)
    read_on()
    assert group_type(admin, course.group) == "CLASSIC"
    replace(members[0], NEW, "new-0")
    assert group_type(admin, course.group) == "CONSUMER"
    replace(members[0], NEW, "new-1")
    assert group_type(admin, course.group) == "CONSUMER"
    replace(members[0], old, "again-0")
    assert group_type(admin, course.group) == "CONSUMER"
    replace(members[0], old, "again-1")
    wait_until(lambda: group_type(admin, course.group) == "CLASSIC", "the last of the new protocol to be gone")
    read_on()
