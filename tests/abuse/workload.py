"""An ordinary producer and consumer that must not notice what goes on around them."""

import threading
import time
import uuid

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PATIENCE_SECONDS = 60


class Workload(threading.Thread):
    """Sends a record, waits for its acknowledgement, reads it back, and again."""

    def __init__(self, bootstrap: str):
        super().__init__(daemon=True)
        self.bootstrap = bootstrap
        self.topic = f"ordinary-{uuid.uuid4().hex[:8]}"
        self.done = 0
        self.slowest = 0.0
        self.slowest_since = 0.0
        self.problem: str | None = None
        self.ending = threading.Event()

    def run(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001: whatever it is, the main thread tells
            self.problem = f"{type(error).__name__}: {error}"

    def _run(self) -> None:
        common = {"bootstrap.servers": self.bootstrap, "log_level": 0}
        admin = AdminClient(common)
        admin.create_topics([NewTopic(self.topic, 1, 1)])[self.topic].result(30)
        producer = Producer({**common, "linger.ms": 0, "enable.idempotence": True,
                             "message.timeout.ms": PATIENCE_SECONDS * 1_000})
        consumer = Consumer({**common, "group.id": self.topic, "enable.auto.commit": False})
        consumer.assign([TopicPartition(self.topic, 0, OFFSET_BEGINNING)])
        while not self.ending.is_set():
            begun = time.monotonic()
            outcome = []
            value = b"%d" % self.done
            producer.produce(self.topic, value, on_delivery=lambda error, _message: outcome.append(error))
            producer.flush(PATIENCE_SECONDS)
            assert outcome == [None], f"record {self.done} was not acknowledged: {outcome}"
            message = consumer.poll(PATIENCE_SECONDS)
            assert message is not None, f"record {self.done} was not read back"
            assert message.error() is None, str(message.error())
            assert (message.offset(), message.value()) == (self.done, value), "another record came"
            self.done += 1
            took = time.monotonic() - begun
            self.slowest, self.slowest_since = max(self.slowest, took), max(self.slowest_since, took)
            self.ending.wait(0.005)
        consumer.close()

    def check(self, more_than: int = -1) -> int:
        """Waits until it got further than `more_than`; returns how far it is."""
        deadline = time.monotonic() + 2 * PATIENCE_SECONDS
        while self.done <= more_than and not self.problem and time.monotonic() < deadline:
            time.sleep(0.02)
        if self.problem or self.done <= more_than:
            raise AssertionError(f"the ordinary client stopped at {self.done}: {self.problem or 'stuck'}")
        return self.done

    def beside(self, act) -> tuple[object, float]:
        """Does something while it goes on; what came of that, and the slowest round trip meanwhile."""
        at, self.slowest_since = self.check(), 0.0
        outcome = act()
        # One may have begun before, and the next one ended after.
        self.check(more_than=at + 2)
        return outcome, self.slowest_since

    def end(self) -> None:
        self.ending.set()
        self.join(PATIENCE_SECONDS)
