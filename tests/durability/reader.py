"""A consumer that shares nothing with the producers: reads ranges of offsets, in order."""

import time
import uuid

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from durability.records import Read, value_of

PATIENCE_SECONDS = 60
AT_ONCE = 500


class Reader:
    def __init__(self, bootstrap: str):
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self.consumer = Consumer({
            "bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False, "auto.offset.reset": "error", "log_level": 0,
            "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200,
        })

    def end_offsets(self, partitions) -> dict[tuple[str, int], int]:
        """The end of each partition's log, of many with one question."""
        ends, deadline = {}, time.monotonic() + PATIENCE_SECONDS
        while left := [pair for pair in partitions if pair not in ends][:AT_ONCE]:
            wanted = {TopicPartition(*pair): OffsetSpec.latest() for pair in left}
            for where, future in self.admin.list_offsets(wanted, request_timeout=10).items():
                try:
                    offset = future.result().offset
                except KafkaException:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
                    continue
                # Of what a broker does not answer in time, librdkafka says neither an error nor an offset.
                if offset >= 0:
                    ends[where.topic, where.partition] = offset
            if time.monotonic() > deadline:
                missing = sorted(pair for pair in left if pair not in ends)
                if missing:
                    raise TimeoutError(f"no end offset within {PATIENCE_SECONDS} s of {missing}")
        return ends

    def read(self, partitions, begin: dict) -> list[Read]:
        """Everything from `begin` (by partition, 0 where absent) to what is the end right now."""
        ends = self.end_offsets(partitions)
        left = {pair for pair, end in ends.items() if begin.get(pair, 0) < end}
        found = {pair: [] for pair in partitions}
        self.consumer.assign([TopicPartition(*pair, begin.get(pair, 0)) for pair in left])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left:
            messages = self.consumer.consume(5_000, timeout=0.2)
            if messages:
                deadline = time.monotonic() + PATIENCE_SECONDS
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
                pair = (message.topic(), message.partition())
                if pair in left and message.offset() < ends[pair]:
                    found[pair].append(self._read(message))
                if message.offset() >= ends[pair] - 1:
                    left.discard(pair)
            if time.monotonic() > deadline:
                raise TimeoutError(f"no record for {PATIENCE_SECONDS} s; unfinished: {sorted(left)}")
        self.consumer.unassign()
        return [read for pair in partitions for read in found[pair]]

    @staticmethod
    def _read(message) -> Read:
        key = message.key().decode()
        return Read(message.topic(), message.partition(), message.offset(), key,
                    message.value() == value_of(key))

    def close(self) -> None:
        self.consumer.close()
