"""The measurements, each of one target, one after the other."""

import json
import subprocess
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

from harness.process import Failed, wait_until
from harness.toolbox import need
from harness.tools import TOOLS

from bench.targets import Target

SOURCE = Path(__file__).parent / "client.c"
RECORD_BYTES = 1_024
MIB = 1 << 20
GIB = 1 << 30


def compile_client(directory: Path) -> Path:
    TOOLS["librdkafka"].ensure()
    program = directory / "client"
    subprocess.run(
        [need("cc", "the benchmark's client"), "-O2", "-o", program, SOURCE, "-lrdkafka", "-lpthread"],
        check=True,
    )
    return program


class Measurement:
    def __init__(self, client: Path, target: Target, mib: int):
        self.client, self.target = client, target
        self.records = mib * MIB // RECORD_BYTES
        self.results: dict[str, object] = {"start_s": round(target.start_seconds, 3)}
        self.peak = 0

    def run(self, latency_seconds: float, rate: float) -> dict[str, object]:
        time.sleep(2)
        self.results["rss_idle_mib"] = self._resident_mib()
        with self._watching_memory():
            self._warm_up()
            for partitions in (1, 12):
                self._throughput(partitions)
            self._latency(rate, latency_seconds)
        self.results["rss_loaded_mib"] = self.peak / MIB
        return self.results

    def _warm_up(self) -> None:
        """Gives a just-in-time compiler its chance."""
        topic = self._topic(4)
        self._client("produce", topic, 4, self.records // 4, RECORD_BYTES, "false")
        self._client("consume", topic, 4, self.records // 4)

    def _throughput(self, partitions: int) -> None:
        topic = self._topic(partitions)
        arguments = [topic, partitions, self.records]
        puts = self.target.puts()
        with self._cpu(f"produce_{partitions}p"):
            produced = self._client("produce", *arguments, RECORD_BYTES, "false")
        self._rate(f"produce_{partitions}p", produced)
        now = self.target.puts()
        if puts is not None and now is not None:
            self.results[f"puts_per_gib_{partitions}p"] = (now - puts) / (produced["bytes"] / GIB)
        with self._cpu(f"consume_{partitions}p"):
            consumed = self._client("consume", *arguments)
        self._rate(f"consume_{partitions}p", consumed)

    def _rate(self, name: str, outcome: dict) -> None:
        self.results[f"{name}_mib_s"] = outcome["bytes"] / MIB / outcome["seconds"]
        self.results[f"{name}_cpu_s_per_gib"] /= outcome["bytes"] / GIB

    def _latency(self, rate: float, seconds: float) -> None:
        outcome = self._client("latency", self._topic(1), rate, seconds, RECORD_BYTES, 5)
        for kind in ("ack", "end_to_end"):
            for quantile in ("p50", "p99"):
                self.results[f"{kind}_{quantile}_ms"] = outcome[kind][f"{quantile}_ms"]

    def _client(self, mode: str, topic: str, *arguments) -> dict:
        command = [self.client, mode, self.target.bootstrap, topic, *arguments]
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=600)
        if done.returncode:
            self.target.process.check_alive()
            raise Failed(f"the client could not {mode}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def _topic(self, partitions: int) -> str:
        from confluent_kafka.admin import AdminClient, NewTopic

        name = f"bench-{uuid.uuid4().hex[:8]}"
        admin = AdminClient({"bootstrap.servers": self.target.bootstrap})
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)

        def led():
            found = admin.list_topics(name, timeout=10).topics[name].partitions.values()
            return len(found) == partitions and all(part.leader >= 0 for part in found)

        wait_until(led, f"{name} to be led")
        return name

    def _resident_mib(self) -> float:
        return self.target.process.resident_bytes() / MIB

    @contextmanager
    def _cpu(self, name: str):
        before = self.target.process.cpu_seconds()
        yield
        self.results[f"{name}_cpu_s_per_gib"] = self.target.process.cpu_seconds() - before

    @contextmanager
    def _watching_memory(self):
        done = threading.Event()

        def watch():
            while not done.wait(0.1):
                self.peak = max(self.peak, self.target.process.resident_bytes())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
