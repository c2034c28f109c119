"""The checker finds every kind of fault in histories made up for it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from durability.checker import Checker  # noqa: E402
from durability.records import Ack, Read, value_of  # noqa: E402

GOOD = [
    Read("t", 0, 0, "a-0"), Read("t", 0, 1, "b-0"), Read("t", 0, 2, "a-2"),
    Read("t", 1, 0, "a-1"), Read("t", 1, 1, "b-1"),
]
ACKS = [Ack(read.topic, read.partition, read.offset, read.key) for read in GOOD]
SENT = {"a": 3, "b": 2}


def verdict(reads, acks=ACKS, sent=SENT, earlier=()):
    checker = Checker()
    checker.add_reads(reads)
    checker.check_acks(acks)
    checker.check_sent(sent)
    before = Checker()
    before.add_reads(earlier)
    checker.check_against(before)
    return {violation.split(":")[0] for violation in checker.violations}


def changed(index, **fields):
    from dataclasses import replace

    return GOOD[:index] + [replace(GOOD[index], **fields)] + GOOD[index + 1:]


def test_a_good_history_passes():
    assert verdict(GOOD) == set()


def test_a_record_without_acknowledgement_may_be_there_once():
    assert verdict(GOOD + [Read("t", 1, 2, "a-3")], sent={"a": 4, "b": 2}) == set()


def test_an_acknowledgement_without_an_offset_only_asks_for_presence():
    assert verdict(GOOD, acks=[Ack("t", 0, None, "a-0")]) == set()
    assert verdict(GOOD, acks=[Ack("t", 1, None, "a-0")]) == {"moved"}


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        (GOOD[:2] + GOOD[3:], {"lost"}),
        ([], {"lost"}),
        (GOOD[:1] + GOOD[2:], {"lost", "gap"}),
        (GOOD + [Read("t", 1, 2, "a-1")], {"duplicate"}),
        (GOOD + [Read("t", 1, 2, "a-0")], {"duplicate"}),
        ([Read("t", 0, 0, "a-2"), GOOD[1], Read("t", 0, 2, "a-0"), *GOOD[3:]], {"moved", "reordered"}),
        ([GOOD[1], GOOD[0], *GOOD[2:]], {"gap"}),
        ([*GOOD[:3], Read("t", 1, 0, "b-1"), Read("t", 1, 1, "a-1")], {"moved"}),
        (changed(4, offset=2), {"gap", "moved"}),
        (changed(4, partition=2, offset=0), {"moved"}),
        (changed(4, topic="u", offset=0), {"moved"}),
        (changed(2, intact=False), {"damaged"}),
        (GOOD + [Read("t", 1, 2, "a-9")], {"invented"}),
        (GOOD + [Read("t", 1, 2, "stranger-0")], {"invented"}),
    ],
)
def test_faults_are_found(reads, expected):
    assert verdict(reads) == expected


def test_what_was_read_before_must_stay():
    unacknowledged = Read("t", 1, 2, "a-3")
    sent = {"a": 4, "b": 2}
    assert verdict(GOOD, sent=sent, earlier=[*GOOD, unacknowledged]) == {"lost"}
    moved = [*GOOD, Read("t", 2, 0, "a-3")]
    assert verdict(moved, sent=sent, earlier=[*GOOD, unacknowledged]) == {"moved"}


def test_values_follow_from_keys():
    assert value_of("a-1") == value_of("a-1") != value_of("a-2")
