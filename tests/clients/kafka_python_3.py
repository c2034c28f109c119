"""Run by test_kafka_python_3.py in an environment of its own: BOOTSTRAP TOPIC, prints JSON."""

import json
import sys
import time
import uuid

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic


def eventually(condition) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def main(bootstrap: str, topic: str) -> dict:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)
    sent = [producer.send(topic, b"value %d" % index, partition=1) for index in range(50)]
    produced = [future.get(30).offset for future in sent]
    producer.close()

    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, consumer_timeout_ms=30_000)
    partition = TopicPartition(topic, 1)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    consumed = []
    for message in consumer:
        consumed.append(message.value.decode())
        if len(consumed) == 50:
            break
    beginning = consumer.beginning_offsets([partition])[partition]
    end = consumer.end_offsets([partition])[partition]
    topics = sorted(consumer.topics())
    consumer.close()

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    name = f"kafka-python-3-{uuid.uuid4().hex[:8]}"
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    created_is_listed = eventually(lambda: name in admin.list_topics())
    admin.delete_topics([name])
    deleted_is_gone = eventually(lambda: name not in admin.list_topics())
    admin.close()
    return {
        "produced": produced, "consumed": consumed, "beginning": beginning, "end": end,
        "topics": topics, "created_is_listed": created_is_listed,
        "deleted_is_gone": deleted_is_gone,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
