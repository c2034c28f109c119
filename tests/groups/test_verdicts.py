"""What the checks of the groups' and the commits' tests find, and what they let pass."""

import importlib
import random
import struct
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from groups import churn, raw  # noqa: E402
from groups.churn import Churn, error_name  # noqa: E402
from groups.committing import Committing  # noqa: E402
from groups.member import shared  # noqa: E402


def answer(offsets: dict[int, tuple[int, str]]) -> bytes:
    """An OffsetFetch answer of version 5."""
    listed = b"".join(struct.pack(">iqih", part, offset, -1, len(text)) + text.encode() + struct.pack(">h", 0)
                      for part, (offset, text) in offsets.items())
    return struct.pack(">iiih", 1, 0, 1, 1) + b"t" + struct.pack(">i", len(offsets)) + listed + struct.pack(">h", 0)


def checked(offsets, acked: int = 5, sent: int = 8, found: int = 3) -> list[str]:
    member = Committing(["localhost:1"], "group", "classic", "t")
    member.acked, member.sent, member.found = acked, sent, found
    member.call = lambda _body: answer(offsets)
    member.check()
    return [problem.split(":")[0] for problem in member.problems]


def both(offset: int) -> dict:
    return {part: (offset, f"m{offset}") for part in (0, 1)}


@pytest.mark.parametrize("offset", [5, 6, 8])
def test_what_was_acknowledged_or_may_have_been_passes(offset):
    assert checked(both(offset)) == []


@pytest.mark.parametrize(
    ("offsets", "verdicts"),
    [
        (both(4), ["lost"]),
        (both(2), ["lost", "went back"]),
        (both(9), ["never sent"]),
        ({0: (6, "m6"), 1: (5, "m5")}, ["half a commit"]),
        ({0: (6, "m6"), 1: (6, "m5")}, ["another commit's metadata"]),
        ({0: (-1, ""), 1: (-1, "")}, ["lost", "went back"]),
    ],
)
def test_a_wrong_commit_is_found(offsets, verdicts):
    assert checked(offsets) == verdicts


def test_a_rebalance_that_nobody_asked_for_is_found():
    member = Committing(["localhost:1"], "group", "consumer", "t")
    member.generation = 3
    beat = struct.pack(">iBih", 1, 0, 0, 0) + b"\0\0" + struct.pack(">iib", 4, 5_000, -1) + b"\0"
    member.call = lambda _body: beat
    member.beat()
    assert member.problems == ["group: epoch 3 has become 4"]
    member.protocol = "classic"
    member.call = lambda _body: struct.pack(">iih", 1, 0, 27)
    with pytest.raises(raw.Refused, match="27"):
        member.beat()


@pytest.fixture
def made(tmp_path):
    """Churn of a group with two partitions and one member, which has both and has read one record."""
    group = Churn("classic", "group", "localhost:1", "t", 2, 10, random.Random(1), tmp_path)
    member = SimpleNamespace(name="member", owned=set(group.pairs), values=lambda: ["0"],
                             process=SimpleNamespace(alive=lambda: True))
    group.members, group.calm = [member], True
    return group


def commits(monkeypatch, *answers):
    following = iter(answers)
    monkeypatch.setattr(churn, "kept", lambda *_asked: {part: (offset, "") for part, offset in next(following).items()})


@pytest.mark.parametrize(("then", "found"), [({0: 7, 1: 2}, False), ({0: 6, 1: 2}, True), ({1: 2}, True)])
def test_commits_that_go_back_are_found(made, monkeypatch, then, found):
    commits(monkeypatch, {0: 7, 1: 1}, then)
    made.tick()
    made.tick()
    assert bool(made.problems) == found


def test_a_record_that_nobody_processed_is_found(made):
    made.kept = {("t", 0): 1, ("t", 1): 1}
    made.check({"0", "1"})
    assert made.problems == ["not processed: 1 of 2 records of group: ['1']"]


def test_a_record_that_nobody_committed_is_found(made):
    made.check({"0"})
    assert made.problems[0].startswith("not committed")


def test_a_group_that_does_not_settle_is_found(made, monkeypatch):
    commits(monkeypatch, *[{}] * 10)
    made.changed(session=6)
    made.members[0].owned = {("t", 0)}
    made.tick()
    assert not made.problems
    made.unsettled -= made.bound + 1
    made.tick()
    assert made.problems[0].startswith("late")


def test_a_second_change_leaves_the_rest_of_a_dead_members_session(made):
    made.changed(session=6)
    made.unsettled -= 4
    made.changed()
    assert 1.5 < made.allowed <= 2 and time.monotonic() - made.unsettled < 1


def test_partitions_are_shared_by_all_members_and_by_one_each():
    pairs = {("t", 0), ("t", 1)}

    def members(*owned):
        return [SimpleNamespace(owned=found) for found in owned]

    assert shared(members({("t", 0)}, {("t", 1)}), pairs)
    assert not shared(members({("t", 0), ("t", 1)}, set()), pairs)
    assert not shared(members({("t", 0), ("t", 1)}, {("t", 1)}), pairs)
    assert not shared(members({("t", 0)}), pairs)


def test_errors_of_all_clients_have_a_name():
    assert error_name('KafkaError{code=ILLEGAL_GENERATION,val=22,str="x"}') == "ILLEGAL_GENERATION"
    assert error_name("org.apache.kafka.common.errors.RebalanceInProgressException: Offset") == "RebalanceInProgress"


def test_a_member_tries_a_refused_commit_again_until_the_partition_is_taken_away(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent / "programs"))
    program = importlib.import_module("librdkafka")
    tried = []

    def commit(offsets, asynchronous):
        tried.append({each.partition: each.offset for each in offsets})
        if len(tried) < 3:
            raise KafkaException(KafkaError(KafkaError.REBALANCE_IN_PROGRESS))

    member = program.Member.__new__(program.Member)
    member.always, member.positions, member.uncommitted, member.owned = True, {}, {}, program.Owned()
    member.consumer = SimpleNamespace(commit=commit)
    member.process([SimpleNamespace(error=lambda: None, topic=lambda: "t", partition=lambda part=part: part,
                                    offset=lambda: 7, value=lambda: b"x") for part in (0, 1)])
    member.on_revoke(None, [SimpleNamespace(topic="t", partition=1)])
    for _ in range(3):
        member.process([])
    assert tried == [{0: 8, 1: 8}, {0: 8}, {0: 8}]
