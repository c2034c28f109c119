"""The load: processes that run until SIGTERM.

Arguments: produce|read BOOTSTRAP INDEX FILE RATE TOPIC:PARTITIONS...

A producer counts its records in each partition from 0, under an identity for that partition alone. FILE
gets a line per acknowledgement [sent, acknowledged, partition, producer, sequence, offset], or per record
seen [time, partition, offset, producer, sequence, intact], and a closing object. Times are of the
monotonic clock, which all processes of a machine share; partitions are numbered through all topics.
TIDELOG_TEST_CLIENT_DEBUG is librdkafka's `debug`, as in `fetch,topic`; what it tells goes to the log beside FILE.
"""

import faulthandler
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition  # noqa: E402
from durability.records import key_of, split_key, value_of  # noqa: E402

FLUSH_SECONDS = 120
DEAD_SECONDS = 8
CLOSE_SECONDS = 10
# What is measured is how soon the service takes a record again, not how seldom a client looks.
COMMON = {
    "topic.metadata.refresh.interval.ms": 250, "topic.metadata.refresh.fast.interval.ms": 50,
    "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "socket.timeout.ms": 10_000,
    "socket.connection.setup.timeout.ms": 2_000, "log_level": 0,
}
if os.environ.get("TIDELOG_TEST_CLIENT_DEBUG"):
    COMMON |= {"debug": os.environ["TIDELOG_TEST_CLIENT_DEBUG"], "log_level": 7}


class Client:
    def __init__(self, path: str, partitions: list[tuple[str, int]]):
        self.out = open(path, "w")
        self.partitions = partitions
        self.flushed = 0.0
        self.stopping = False
        self.problems: list[str] = []
        signal.signal(signal.SIGTERM, self.stop)
        faulthandler.register(signal.SIGUSR1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def stop(self, *_signal) -> None:
        self.stopping = True

    def on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self.problem(f"fatal: {error}")
            self.stopping = True

    def problem(self, text: str) -> None:
        """Told at once as well: a client that hangs writes no closing words."""
        self.problems.append(text)
        print(f"{time.monotonic():.3f} {text}", file=sys.stderr, flush=True)

    def write(self, entry: object) -> None:
        self.out.write(json.dumps(entry) + "\n")

    def flush(self) -> None:
        if time.monotonic() - self.flushed > 0.05:
            self.out.flush()
            self.flushed = time.monotonic()

    def close(self, **closing: object) -> None:
        self.write({**closing, "problems": self.problems[:20]})
        self.out.close()


class Load(Client):
    """An idempotent producer that spreads its records over all partitions."""

    def __init__(self, bootstrap: str, index: int, path: str, rate: float, partitions):
        super().__init__(path, partitions)
        self.index, self.rate = index, rate
        self.sequences = [0] * len(partitions)
        self.unknown = 0
        self.producer = Producer({
            **COMMON, "bootstrap.servers": bootstrap, "client.id": f"chaos-{index}",
            "enable.idempotence": True, "linger.ms": 5, "compression.type": "lz4",
            "message.timeout.ms": 300_000, "retry.backoff.ms": 20, "retry.backoff.max.ms": 200,
            "error_cb": self.on_error,
        })

    def send(self, flat: int) -> None:
        topic, partition = self.partitions[flat]
        identity = self.index * len(self.partitions) + flat
        key = key_of(str(identity), self.sequences[flat])
        sent, place = time.monotonic(), (flat, identity, self.sequences[flat])

        def on_delivery(error, message) -> None:
            if not error:
                self.write([sent, time.monotonic(), *place, message.offset()])
                return
            # A record that timed out may be in the log or not. Any other refusal is a broken promise.
            self.unknown += 1
            if error.code() != KafkaError._MSG_TIMED_OUT and len(self.problems) < 20:
                self.problem(f"refused: {key}: {error}")

        self.producer.produce(topic, value_of(key), key, partition, on_delivery=on_delivery)
        self.sequences[flat] += 1

    def run(self) -> None:
        draw = random.Random(self.index)
        begun, sent = time.monotonic(), 0
        while not self.stopping:
            due = int((time.monotonic() - begun) * self.rate)
            for _ in range(min(due - sent, 200)):
                try:
                    self.send(draw.randrange(len(self.partitions)))
                except BufferError:
                    break
                except KafkaException as error:
                    self.on_error(error.args[0])
                    break
                sent += 1
            self.producer.poll(0.005)
            self.flush()
        # After a fatal error nothing can be flushed, and trying raises.
        waiting = len(self.producer) if self.problems else self.producer.flush(FLUSH_SECONDS)
        identity = self.index * len(self.partitions)
        counts = {str(identity + flat): count for flat, count in enumerate(self.sequences)}
        self.close(sent=counts, unknown=self.unknown + waiting)


class Watch(Client):
    """A consumer of every partition from its beginning, which writes down what it sees as it comes.

    librdkafka, which removes brokers since 2.10, can lock itself up (confluentinc/librdkafka#5476, seen with 2.16.0):
    a broker leaves the metadata while it owes answers to OffsetForLeaderEpoch; its thread then takes the locks of
    the client and of a partition in one order, and the main thread in the other. Nothing moves in that client any more, whatever brokers
    do, and it can't be closed. As careful applications do, this one takes librdkafka's statistics for its pulse, and
    goes on with a new consumer, where the old one was, when they do not come. The report counts them.
    """

    def __init__(self, bootstrap: str, index: int, path: str, partitions):
        super().__init__(path, partitions)
        self.flat = {pair: number for number, pair in enumerate(partitions)}
        self.next = [0] * len(partitions)
        self.config = {
            **COMMON, "bootstrap.servers": bootstrap, "group.id": f"chaos-{index}",
            "enable.auto.commit": False, "auto.offset.reset": "error", "check.crcs": True,
            "fetch.wait.max.ms": 200, "fetch.error.backoff.ms": 50, "error_cb": self.on_error,
            "statistics.interval.ms": 1_000, "stats_cb": self.on_pulse,
        }
        self.locked_up: list[Consumer] = []
        self.begin()

    def begin(self) -> None:
        self.pulse = time.monotonic()
        self.consumer = Consumer(self.config)
        self.consumer.assign([TopicPartition(*pair, offset) for pair, offset in zip(self.partitions, self.next)])

    def on_pulse(self, _statistics: str) -> None:
        self.pulse = time.monotonic()

    def run(self) -> None:
        while not self.stopping:
            if time.monotonic() > self.pulse + DEAD_SECONDS:
                print(f"{time.monotonic():.3f} librdkafka has locked up", file=sys.stderr, flush=True)
                # Letting go of it would hang.
                self.locked_up.append(self.consumer)
                self.begin()
            for message in self.consumer.consume(1_000, timeout=0.05):
                if message.error():
                    self.on_message_error(message)
                    continue
                key = message.key().decode()
                producer, sequence = split_key(key)
                flat = self.flat[message.topic(), message.partition()]
                self.next[flat] = message.offset() + 1
                self.write([time.monotonic(), flat, message.offset(), int(producer), sequence,
                            message.value() == value_of(key)])
            self.flush()
        closing = threading.Thread(target=self.consumer.close, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        self.close(locked_up=len(self.locked_up) + closing.is_alive())
        # Python would wait for the threads of those that are locked up.
        sys.stderr.flush()
        os._exit(0)

    def on_message_error(self, message) -> None:
        error = message.error()
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            self.problem(f"sent away: {message.topic()}-{message.partition()}: {error}")
            self.stopping = True


def main() -> None:
    role, bootstrap, index, path, rate, *topics = sys.argv[1:]
    partitions = [(topic, partition) for topic, count in (text.rsplit(":", 1) for text in topics)
                  for partition in range(int(count))]
    try:
        if role == "produce":
            Load(bootstrap, int(index), path, float(rate), partitions).run()
        else:
            Watch(bootstrap, int(index), path, partitions).run()
    except KafkaException as error:
        sys.exit(f"{role} {index}: {error}")


if __name__ == "__main__":
    main()
