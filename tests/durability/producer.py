"""One idempotent producer in a process of its own; it sends until SIGTERM.

Arguments: BOOTSTRAP NAME FILE RATE TOPIC:PARTITIONS...
FILE gets a line per acknowledgement, and a last one about the whole run.
"""

import json
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from confluent_kafka import KafkaException, Producer  # noqa: E402
from durability.records import key_of, value_of  # noqa: E402

FLUSH_SECONDS = 120


class Workload:
    def __init__(self, bootstrap: str, name: str, path: str, rate: float, partitions):
        self.name, self.rate, self.partitions = name, rate, partitions
        self.out = open(path, "w")
        self.sent = self.acked = 0
        self.failures: list[str] = []
        self.stopping = False
        self.producer = Producer({
            "bootstrap.servers": bootstrap, "client.id": name, "enable.idempotence": True,
            "acks": "all", "linger.ms": 5, "compression.type": "lz4",
            "message.timeout.ms": 300_000, "socket.timeout.ms": 30_000,
            "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20,
            "topic.metadata.refresh.interval.ms": 5_000, "socket.keepalive.enable": True,
            "error_cb": self.on_error, "log_level": 0,
        })

    def on_error(self, error) -> None:
        if error.fatal():
            self.failures.append(f"fatal: {error}")
            self.stopping = True

    def on_delivery(self, error, message) -> None:
        if error:
            self.failures.append(f"{message.key().decode()}: {error}")
            return
        self.acked += 1
        offset = message.offset()
        line = [message.topic(), message.partition(), offset if offset >= 0 else None,
                message.key().decode()]
        self.out.write(json.dumps(line) + "\n")

    def send(self, draw: random.Random) -> None:
        key = key_of(self.name, self.sent)
        topic, partition = draw.choice(self.partitions)
        while True:
            try:
                self.producer.produce(topic, value_of(key), key, partition,
                                      on_delivery=self.on_delivery)
                break
            except BufferError:
                self.producer.poll(0.05)
        self.sent += 1

    def run(self) -> None:
        draw = random.Random(self.name)
        begun = flushed = time.monotonic()
        while not self.stopping:
            due = int((time.monotonic() - begun) * self.rate)
            for _ in range(min(due - self.sent, 200)):
                self.send(draw)
            self.producer.poll(0.005)
            if time.monotonic() - flushed > 0.05:
                self.out.flush()
                flushed = time.monotonic()
        waiting = self.producer.flush(FLUSH_SECONDS)
        end = {"sent": self.sent, "acked": self.acked, "waiting": waiting,
               "failures": self.failures[:20]}
        self.out.write(json.dumps(end) + "\n")
        self.out.close()

    def stop(self, *_signal) -> None:
        self.stopping = True


def main() -> None:
    bootstrap, name, path, rate, *topics = sys.argv[1:]
    partitions = [
        (topic, partition)
        for topic, count in (text.rsplit(":", 1) for text in topics)
        for partition in range(int(count))
    ]
    workload = Workload(bootstrap, name, path, float(rate), partitions)
    signal.signal(signal.SIGTERM, workload.stop)
    try:
        workload.run()
    except KafkaException as error:
        sys.exit(f"{name}: {error}")


if __name__ == "__main__":
    main()
