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
TOPICS = {"tides": 4, "currents": 2}
PROBE = "probe"
PRODUCERS = ("ebb", "flow")


class CrashRun:
    """`target` is a broker: spawn(), wait_ready() or start(), kill(), stop(), bootstrap."""

    def __init__(self, target, directory: Path, draw: random.Random, rate: float):
        self.target, self.directory, self.draw, self.rate = target, directory, draw, rate
        suffix = uuid.uuid4().hex[:6]
        self.topics = {f"{name}-{suffix}": count for name, count in TOPICS.items()}
        self.probe = f"{PROBE}-{suffix}"
        self.partitions = [(name, part) for name, count in self.topics.items() for part in range(count)]
        self.acks: list[Ack] = []
        self.tails: dict[str, object] = {}
        self.recoveries: list[float] = []
        self.serving: list[float] = []
        self.kills = 0
        self.checker = Checker()
        self.problems: list[str] = []
        self.counts = {"sent": 0, "acked": 0}

    # The course of a run

    def rounds(self, count: int, in_good_order: bool = False) -> list[str]:
        self.target.start()
        self._create_topics()
        producers = [self._start_producer(name) for name in PRODUCERS]
        self._wait_for_acks(at_least=1)
        for number in range(1, count + 1):
            self._restart(in_good_order)
            self._wait_for_acks(at_least=len(self.acks) + 1)
            self._read_suffix()
            print(f"round {number}: {self.kills} kills, {len(self.acks)} acks, "
                  f"{len(self.checker.places)} read, first record taken {self.recoveries[-1]:.3f} s "
                  f"after the restart, {len(self.checker.violations)} violations", flush=True)
            if self.checker.violations:
                break
        sent = self._end_producers(producers)
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
        path = self.directory / f"{name}.acks"
        topics = [f"{topic}:{count}" for topic, count in self.topics.items()]
        process = Process(
            [sys.executable, PRODUCER, self.target.bootstrap, name, path, self.rate, *topics],
            self.directory / f"{name}.log",
        )
        wait_until(path.exists, f"producer {name} to start")
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
                else:
                    self.acks.append(Ack(*entry))
        return closing

    def _wait_for_acks(self, at_least: int) -> None:
        def enough() -> bool:
            self._new_acks()
            return len(self.acks) >= at_least

        wait_until(enough, "producers to be acknowledged", timeout=120, interval=0.05)

    def _end_producers(self, producers: list[Process]) -> dict[str, int]:
        for process in producers:
            process.child.send_signal(signal.SIGTERM)
        for process in producers:
            if process.child.wait(180):
                raise Failed(f"a producer failed:\n{process.log_tail()}")
        sent = {}
        for name, closing in self._new_acks().items():
            sent[name] = closing["sent"]
            self.counts["sent"] += closing["sent"]
            self.counts["acked"] += closing["acked"]
            if closing["waiting"]:
                self.problems.append(f"undelivered: {closing['waiting']} records of {name}")
            self.problems += [f"refused: {name}, {failure}" for failure in closing["failures"]]
        if len(sent) != len(PRODUCERS):
            self.problems.append("a producer ended without its closing words")
        return sent

    # Reading and checking

    def _read_suffix(self) -> None:
        self._new_acks()
        acks = len(self.acks)
        reader = Reader(self.target.bootstrap)
        self.checker.add_reads(reader.read(self.partitions, self.checker.next_offset))
        reader.close()
        before = len(self.checker.violations)
        self.checker.check_acks(self.acks[:acks])
        if len(self.checker.violations) > before:
            print("\n".join(self.checker.violations[before:before + 10]), flush=True)

    def _read_everything(self, sent: dict[str, int]) -> Checker:
        final = Checker()
        reader = Reader(self.target.bootstrap)
        final.add_reads(reader.read(self.partitions, {}))
        reader.close()
        final.check_acks(self.acks)
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
            f"{len(self.acks)} acknowledged, {self.counts.get('read', 0)} read back; "
            f"restart to ApiVersions median {statistics.median(self.serving or [0]):.3f} s, "
            f"to the first record taken median {statistics.median(times):.3f} s, "
            f"slowest {times[-1]:.3f} s"
        )
