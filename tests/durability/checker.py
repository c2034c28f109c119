"""Compares what producers were told with what a consumer finds.

Violations, each a line of text that begins with its kind:
lost        an acknowledged record is not in the log
moved       a record is elsewhere than its acknowledgement said, or than an earlier read found it
duplicate   a record is in the log more than once
reordered   a producer's records stand in a partition in another order than it sent them
gap         offsets of a partition do not follow each other
damaged     a value is not what was sent
invented    a record is there that no producer sent
"""

from collections.abc import Iterable

from durability.records import Ack, Read, split_key

Place = tuple[str, int, int]


class Checker:
    """Takes reads in the order of their offsets, from any number of partitions."""

    def __init__(self):
        self.places: dict[str, Place] = {}
        self.next_offset: dict[tuple[str, int], int] = {}
        self.latest: dict[tuple[str, int, str], int] = {}
        self.violations: list[str] = []

    def add_reads(self, reads: Iterable[Read]) -> None:
        for read in reads:
            self._add(read)

    def _add(self, read: Read) -> None:
        partition = (read.topic, read.partition)
        place = (*partition, read.offset)
        expected = self.next_offset.get(partition, 0)
        if read.offset != expected:
            self._found("gap", f"{place} follows offset {expected - 1}")
        self.next_offset[partition] = read.offset + 1
        if not read.intact:
            self._found("damaged", f"{read.key} at {place}")
        if read.key in self.places:
            self._found("duplicate", f"{read.key} at {self.places[read.key]} and {place}")
            return
        self.places[read.key] = place
        producer, number = split_key(read.key)
        previous = self.latest.get((*partition, producer), -1)
        if number <= previous:
            self._found("reordered", f"{read.key} at {place} stands after {producer}-{previous}")
        self.latest[(*partition, producer)] = max(number, previous)

    def check_acks(self, acks: Iterable[Ack]) -> int:
        """Looks every acknowledgement up; returns how many there were."""
        count = 0
        for count, ack in enumerate(acks, 1):
            place = self.places.get(ack.key)
            told = (ack.topic, ack.partition, ack.offset)
            if place is None:
                self._found("lost", f"{ack.key}, acknowledged at {told}")
            elif ack.offset is not None and place != told:
                self._found("moved", f"{ack.key}, acknowledged at {told}, is at {place}")
            elif place[:2] != told[:2]:
                self._found("moved", f"{ack.key}, acknowledged in {told[:2]}, is at {place}")
        return count

    def check_sent(self, sent: dict[str, int]) -> None:
        """`sent` maps each producer to how many records it sent, numbered from 0."""
        for key, place in self.places.items():
            producer, number = split_key(key)
            if number >= sent.get(producer, 0):
                self._found("invented", f"{key} at {place}")

    def check_against(self, earlier: "Checker") -> None:
        """What an earlier reader saw must still be there, and in the same place."""
        for key, place in earlier.places.items():
            now = self.places.get(key)
            if now is None:
                self._found("lost", f"{key}, read before at {place}")
            elif now != place:
                self._found("moved", f"{key}, read before at {place}, is at {now}")

    def _found(self, kind: str, text: str) -> None:
        self.violations.append(f"{kind}: {text}")
