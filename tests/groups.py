#!/usr/bin/env python3
"""Ten consumers join, leave and crash in a group, while records are produced, and every record must be processed.

One group has the classic protocol with the cooperative-sticky assignor, the other the consumer protocol; members are
librdkafka's and Kafka's own. Each record is processed at least once, committed offsets never go back, and after each
change a group settles within the session timeout (where a member crashed) and the rebalance timeout.

Run by the Python of `tests/setup python`, or by any: it changes over to that one by itself.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from harness.venv import enter  # noqa: E402

if __name__ == "__main__":
    enter("python")

from broker import Cluster  # noqa: E402
from confluent_kafka import Producer  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402
from groups.churn import Churn  # noqa: E402
from harness.kafka_node import KafkaNode  # noqa: E402
from harness.process import Failed, end_children_on_signals  # noqa: E402
from harness.s3 import SERVERS  # noqa: E402

PARTITIONS = 12


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300, help="how long members come and go")
    parser.add_argument("--protocol", choices=["classic", "consumer", "both"], default="both",
                        help="both: two groups at the same time")
    parser.add_argument("--consumers", type=int, default=10, help="of each group, at most")
    parser.add_argument("--rate", type=float, default=200, help="records/s")
    parser.add_argument("--target", choices=["tidelog", "kafka"], default="tidelog",
                        help="`kafka` is an Apache Kafka node, to test this program itself")
    parser.add_argument("--nodes", type=int, default=1, help="of Tidelog")
    parser.add_argument("--store", choices=["file", *SERVERS], default="file", help="`s3` is ministack")
    parser.add_argument("--seed", type=int, default=None, help="default: drawn, and printed")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    return parser.parse_args()


class Load(threading.Thread):
    """Produces numbers until it is stopped; `sent` are those that were acknowledged."""

    def __init__(self, bootstrap: str, topic: str, rate: float):
        super().__init__(daemon=True)
        self.producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 20})
        self.topic, self.rate = topic, rate
        self.sent: set[str] = set()
        self.failures: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        begun, number = time.monotonic(), 0
        while not self.stopping.wait(0.02):
            while number < (time.monotonic() - begun) * self.rate:
                self.producer.produce(self.topic, str(number), partition=number % PARTITIONS, on_delivery=self._delivered)
                number += 1
            self.producer.poll(0)
        if self.producer.flush(60):
            self.failures.append("records are left in the producer")

    def _delivered(self, error, message) -> None:
        self.failures.append(str(error)) if error else self.sent.add(message.value().decode())

    def stop(self) -> set[str]:
        self.stopping.set()
        self.join(90)
        return self.sent


def course(bootstrap: str, chosen: argparse.Namespace, seed: int, directory: Path) -> list[str]:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    topic = f"churn-{uuid.uuid4().hex[:6]}"
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30)
    protocols = ("classic", "consumer") if chosen.protocol == "both" else (chosen.protocol,)
    churns = [Churn(protocol, f"{protocol}-{topic}", bootstrap, topic, PARTITIONS, chosen.consumers,
                    random.Random(f"{seed} {protocol}"), directory) for protocol in protocols]
    load = Load(bootstrap, topic, chosen.rate)
    load.start()
    problems: list[str] = []
    try:
        for churn in churns:
            churn.begin()
        until = time.monotonic() + chosen.seconds
        while time.monotonic() < until and not any(churn.problems for churn in churns):
            for churn in churns:
                churn.tick()
            time.sleep(0.1)
        sent = load.stop()
        for churn in churns:
            churn.calm = True
        until = time.monotonic() + max(churn.longest for churn in churns)
        while time.monotonic() < until and not all(churn.done(sent) for churn in churns):
            for churn in churns:
                churn.tick()
            time.sleep(0.1)
        for churn in churns:
            churn.check(sent)
            churn.close()
    except Failed as failed:
        problems.append(str(failed))
    for churn in churns:
        print(churn.summary())
        problems += churn.problems
    return problems + load.failures


def main() -> int:
    chosen = parse()
    end_children_on_signals()
    seed = chosen.seed if chosen.seed is not None else int.from_bytes(os.urandom(4), "big")
    directory = Path(tempfile.mkdtemp(prefix="tidelog-groups-"))
    print(f"repeat with: tests/groups.py --seconds {chosen.seconds:.0f} --protocol {chosen.protocol} "
          f"--nodes {chosen.nodes} --store {chosen.store} --seed {seed}")
    print(f"logs in {directory}", flush=True)
    (directory / "store").mkdir()
    begun = time.monotonic()
    with ExitStack() as stack:
        if chosen.target == "kafka":
            target = stack.enter_context(KafkaNode(directory / "kafka"))
        else:
            url, env = f"file://{directory / 'store'}", {}
            if chosen.store in SERVERS:
                server = stack.enter_context(SERVERS[chosen.store](directory / "store"))
                url, env = server.store_url(), server.env
            target = stack.enter_context(Cluster(chosen.nodes, url, env, directory))
        problems = course(target.bootstrap, chosen, seed, directory)
    for problem in problems[:50]:
        print(f"  {problem}")
    print(f"groups: {f'FAILED, {len(problems)} problems' if problems else 'ok'} in {time.monotonic() - begun:.0f} s")
    if not problems and not chosen.keep:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
