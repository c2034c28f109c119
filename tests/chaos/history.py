"""What the clients were told and saw: taken up as they write it, and written out for the checkers."""

import json
import statistics
from pathlib import Path
from typing import Iterator, NamedTuple


class Ack(NamedTuple):
    sent: float
    told: float
    partition: int
    producer: int
    sequence: int
    offset: int


class Tail:
    """A file of JSON lines that another process still writes."""

    def __init__(self, path: Path):
        self.path, self.place, self.closing = path, 0, None

    def lines(self) -> Iterator[list]:
        if not self.path.exists():
            return
        with open(self.path, "rb") as file:
            file.seek(self.place)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.place += len(line)
                entry = json.loads(line)
                if isinstance(entry, dict):
                    self.closing = entry
                else:
                    yield entry

    def again(self) -> Iterator[list]:
        """All of it from the start."""
        return Tail(self.path).lines()


class History:
    def __init__(self, producers: list[Path], readers: list[Path], partitions: int):
        self.producers = [Tail(path) for path in producers]
        self.readers = [Tail(path) for path in readers]
        self.acks: list[Ack] = []
        self.acked = [-1] * partitions
        self.last_sent = [0.0] * partitions
        self.seen = [[-1] * partitions for _ in readers]
        self.damaged: list[str] = []
        self.unplaced: list[Ack] = []
        """Records that librdkafka took for acknowledged because a later one was: nobody said where they are."""

    def take_up(self) -> None:
        for tail in self.producers:
            for line in tail.lines():
                ack = Ack(*line)
                if ack.offset is None:
                    self.unplaced.append(ack)
                    continue
                self.acks.append(ack)
                self.acked[ack.partition] = max(self.acked[ack.partition], ack.offset)
                self.last_sent[ack.partition] = max(self.last_sent[ack.partition], ack.sent)
        for seen, tail in zip(self.seen, self.readers):
            for _time, partition, offset, producer, sequence, intact in tail.lines():
                seen[partition] = offset
                if not intact:
                    self.damaged.append(f"damaged: {producer}-{sequence}, read at {(partition, offset)}")

    def caught_up(self, goal: list[int]) -> bool:
        return all(at >= wanted for seen in self.seen for at, wanted in zip(seen, goal))

    def taken_since(self, moment: float) -> set[int]:
        """Partitions that acknowledged a record which was sent after `moment`."""
        return {partition for partition, sent in enumerate(self.last_sent) if sent > moment}

    def closing_words(self) -> tuple[dict[str, int], int, list[str]]:
        """How many records each producer sent, how many have an unknown outcome, and what went wrong."""
        sent: dict[str, int] = {}
        unknown, problems = 0, []
        for tail in (*self.producers, *self.readers):
            if tail.closing is None:
                problems.append(f"ended: {tail.path.stem} ended without its closing words")
                continue
            sent |= tail.closing.get("sent", {})
            unknown += tail.closing.get("unknown", 0)
            problems += [f"{tail.path.stem}: {problem}" for problem in tail.closing["problems"]]
        return sent, unknown, problems

    def locked_up(self) -> int:
        """How many consumers librdkafka locked up."""
        return sum(tail.closing.get("locked_up", 0) for tail in self.readers if tail.closing)

    def lost_unplaced(self, log: list[tuple[int, int, int, int]]) -> list[str]:
        """Those of them that the final log lacks."""
        there = {(producer, sequence) for _partition, _offset, producer, sequence in log}
        return [f"lost: {ack.producer}-{ack.sequence} of partition {ack.partition}, acknowledged by implication"
                for ack in self.unplaced if (ack.producer, ack.sequence) not in there]

    def latency(self) -> tuple[float, float]:
        """Median and 99th percentile of the seconds from sending to acknowledgement."""
        taken = [ack.told - ack.sent for ack in self.acks] or [0.0, 0.0]
        return statistics.median(taken), statistics.quantiles(taken, n=100)[98]

    def write(self, path: Path, log: list[tuple[int, int, int, int]]) -> None:
        """One event per line: acknowledgements, what each reader saw in its order, and the final log."""
        with open(path, "w") as out:
            for ack in self.acks:
                out.write(json.dumps({"type": "ack", "partition": ack.partition, "producer": ack.producer,
                                      "sequence": ack.sequence, "offset": ack.offset}) + "\n")
            for reader, tail in enumerate(self.readers):
                for _time, partition, offset, producer, sequence, _intact in tail.again():
                    out.write(json.dumps({"type": "seen", "reader": reader, "partition": partition,
                                          "offset": offset, "producer": producer,
                                          "sequence": sequence}) + "\n")
            for partition, offset, producer, sequence in log:
                out.write(json.dumps({"type": "log", "partition": partition, "offset": offset,
                                      "producer": producer, "sequence": sequence}) + "\n")
