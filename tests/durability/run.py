"""The rounds of the crash test: load, kill, restart, read, check."""

import json
import random
import signal
import statistics
import sys
import time
import uuid
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

from durability.checker import Checker
from durability.reader import Reader
from durability.records import Ack
from harness import wire
from harness.process import Failed, Process, wait_until

PRODUCER = Path(__file__).parent / "producer.py"
NEWCOMERS = Path(__file__).parent / "newcomers.py"
CLIENTS = 8
"""How many clients create topics at once."""
TOPICS = {"tides": 4, "currents": 2}
PROBE = "probe"
PRODUCERS = ("ebb", "flow")


class CrashRun:
    """`target` is a broker: spawn(), wait_ready() or start(), kill(), stop(), bootstrap."""

    def __init__(self, target, directory: Path, draw: random.Random, rate: float, new_topics: float = 0):
        """`rate` is of each producer's records, `new_topics` of topics that are created meanwhile, per second."""
        self.target, self.directory, self.draw, self.rate = target, directory, draw, rate
        self.new_topics = new_topics
        self.suffix = suffix = uuid.uuid4().hex[:6]
        self.topics = {f"{name}-{suffix}": count for name, count in TOPICS.items()}
        self.probe = f"{PROBE}-{suffix}"
        self.partitions = [(name, part) for name, count in self.topics.items() for part in range(count)]
        self.acks: list[Ack] = []
        self.first_acks: list[Ack] = []
        """Of records of topics that were created meanwhile."""
        self.unread: set[tuple[str, int]] = set()
        self.tails: dict[str, object] = {}
        self.recoveries: list[float] = []
        self.serving: list[float] = []
        self.kills = 0
        self.checker = Checker()
        self.problems: list[str] = []
        self.counts = {"sent": 0}

    # The course of a run

    def rounds(self, count: int, in_good_order: bool = False) -> list[str]:
        self.target.start()
        self._create_topics()
        producers = [self._start_producer(name) for name in PRODUCERS]
        newcomers = [self._start_newcomers()] if self.new_topics else []
        self._wait_for_acks()
        for number in range(1, count + 1):
            self._restart(in_good_order)
            self._wait_for_acks()
            self._read_suffix()
            print(f"round {number}: {self.kills} kills, {len(self.acks)} acks, "
                  f"{len(self.checker.places)} read, first record taken {self.recoveries[-1]:.3f} s "
                  f"after the restart, {len(self.checker.violations)} violations", flush=True)
            if self.checker.violations:
                break
        sent = self._end_producers(newcomers + producers)
        final = self._read_everything(sent)
        self.target.stop()
        return self.problems + self.checker.violations + final.violations

    def _create_topics(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.target.bootstrap})
        wanted = {**self.topics, self.probe: 1}
        new = [NewTopic(name, count, 1) for name, count in wanted.items()]
        for future in admin.create_topics(new).values():
            future.result(30)
        wait_until(
            lambda: all(
                part.leader >= 0
                for name in wanted
                for part in admin.list_topics(name, timeout=10).topics[name].partitions.values()
            ),
            "the topics to be led",
        )

    def _restart(self, in_good_order: bool) -> None:
        time.sleep(self.draw.uniform(0.2, 2.0))
        if in_good_order:
            self.target.stop()
            self.kills += 1
        else:
            self._kill()
            while self.draw.random() < 0.25:
                # Once more, at some moment of its start.
                self.target.spawn()
                time.sleep(self.draw.uniform(0, 0.5))
                self._kill()
        time.sleep(self.draw.choice([0, 0, 0.05, 0.5]))
        begun = time.monotonic()
        self.target.spawn()
        wait_until(self._answers, "the restarted broker to answer", interval=0.005)
        self.serving.append(time.monotonic() - begun)
        wait_until(self._takes_a_record, "the restarted broker to take a record", interval=0.005)
        self.recoveries.append(time.monotonic() - begun)

    def _kill(self) -> None:
        self.target.kill()
        self.kills += 1

    def _answers(self) -> bool:
        self.target.process.check_alive()
        return wire.serves(self.target.bootstrap)

    def _takes_a_record(self) -> bool:
        self.target.process.check_alive()
        try:
            stamp = int(time.time() * 1_000)
            wire.produce_once(self.target.bootstrap, self.probe, b"probe", stamp, timeout=10)
            return True
        except OSError:
            return False

    # Producers and what they were told

    def _start_producer(self, name: str) -> Process:
        topics = [f"{topic}:{count}" for topic, count in self.topics.items()]
        return self._start(name, PRODUCER, lambda path: [name, path, self.rate, *topics])

    def _start_newcomers(self) -> Process:
        return self._start("newcomers", NEWCOMERS, lambda path: [path, self.new_topics, CLIENTS, f"new-{self.suffix}"])

    def _start(self, name: str, program: Path, arguments) -> Process:
        path = self.directory / f"{name}.acks"
        process = Process([sys.executable, program, self.target.bootstrap, *arguments(path)],
                          self.directory / f"{name}.log")
        wait_until(path.exists, f"{name} to start")
        self.tails[name] = open(path)
        return process

    def _new_acks(self) -> dict[str, dict]:
        """Takes up what the producers have written since; returns their closing words."""
        closing = {}
        for name, tail in self.tails.items():
            while True:
                place = tail.tell()
                line = tail.readline()
                if not line.endswith("\n"):
                    tail.seek(place)
                    break
                entry = json.loads(line)
                if isinstance(entry, dict):
                    closing[name] = entry
                elif name in PRODUCERS:
                    self.acks.append(Ack(*entry))
                else:
                    self.first_acks.append(Ack(*entry))
                    self.unread.add((self.first_acks[-1].topic, 0))
        return closing

    def _wait_for_acks(self) -> None:
        before = len(self.acks), len(self.first_acks)

        def enough() -> bool:
            self._new_acks()
            now = len(self.acks), len(self.first_acks)
            return now[0] > before[0] and (now[1] > before[1] or not self.new_topics)

        wait_until(enough, "producers to be acknowledged", timeout=120, interval=0.05)

    def _end_producers(self, producers: list[Process]) -> dict[str, int]:
        for process in producers:
            process.child.send_signal(signal.SIGTERM)
        for process in producers:
            if process.child.wait(180):
                raise Failed(f"a producer failed:\n{process.log_tail()}")
        sent = {}
        closing_words = self._new_acks()
        for name, closing in closing_words.items():
            sent |= closing["sent"] if name not in PRODUCERS else {name: closing["sent"]}
            if closing.get("waiting"):
                self.problems.append(f"undelivered: {closing['waiting']} records of {name}")
            self.problems += [f"refused: {name}, {failure}" for failure in closing["failures"]]
        self.counts["sent"] = sum(sent.values())
        self.counts["topics"] = len(sent) - len(PRODUCERS)
        if len(closing_words) != len(producers):
            self.problems.append("a producer ended without its closing words")
        return sent

    # Reading and checking

    def _read_suffix(self) -> None:
        self._new_acks()
        acks, first_acks = list(self.acks), list(self.first_acks)
        partitions = self.partitions + sorted(self.unread)
        self.unread.clear()
        reader = Reader(self.target.bootstrap)
        self.checker.add_reads(reader.read(partitions, self.checker.next_offset))
        reader.close()
        before = len(self.checker.violations)
        self.checker.check_acks(acks + first_acks)
        if len(self.checker.violations) > before:
            print("\n".join(self.checker.violations[before:before + 10]), flush=True)

    def _read_everything(self, sent: dict[str, int]) -> Checker:
        final = Checker()
        reader = Reader(self.target.bootstrap)
        topics = sorted({(ack.topic, ack.partition) for ack in self.first_acks})
        final.add_reads(reader.read(self.partitions + topics, {}))
        reader.close()
        final.check_acks(self.acks + self.first_acks)
        final.check_sent(sent)
        final.check_against(self.checker)
        self.counts["read"] = len(final.places)
        return final

    def slowest_recovery(self) -> float:
        return max(self.recoveries, default=0.0)

    def summary(self, seconds: float) -> str:
        times = sorted(self.recoveries) or [0.0]
        return (
            f"{self.kills} kills in {seconds:.0f} s; {self.counts['sent']} records sent, "
            f"{self.counts.get('topics', 0)} topics created meanwhile, "
            f"{len(self.acks) + len(self.first_acks)} acknowledged, {self.counts.get('read', 0)} read back; "
            f"restart to ApiVersions median {statistics.median(self.serving or [0]):.3f} s, "
            f"to the first record taken median {statistics.median(times):.3f} s, "
            f"slowest {times[-1]:.3f} s"
        )
