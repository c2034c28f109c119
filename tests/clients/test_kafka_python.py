"""kafka-python, used as its README and its usage page do; without a consumer group."""

import json
import time
import uuid

import pytest
from harness.process import wait_until
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError, UnknownTopicOrPartitionError


@pytest.fixture
def make_producer(bootstrap):
    made = []

    def make(**config) -> KafkaProducer:
        made.append(KafkaProducer(bootstrap_servers=bootstrap, **config))
        return made[-1]

    yield make
    for producer in made:
        producer.close(10)


@pytest.fixture
def make_consumer(bootstrap):
    made = []

    def make(*topics, **config) -> KafkaConsumer:
        config.setdefault("consumer_timeout_ms", 30_000)
        made.append(KafkaConsumer(*topics, bootstrap_servers=bootstrap, group_id=None,
                                  auto_offset_reset="earliest", enable_auto_commit=False, **config))
        return made[-1]

    yield make
    for consumer in made:
        consumer.close()


@pytest.fixture
def kafka_admin(bootstrap):
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    yield client
    client.close()


def take(consumer, count: int) -> list:
    """The next `count` records; fewer when the consumer's time-out passes first."""
    found = []
    for message in consumer:
        found.append(message)
        if len(found) == count:
            break
    return found


def test_send_answers_with_where_the_record_is(make_producer, topic):
    producer = make_producer()
    sent = producer.send(topic, b"raw_bytes").get(timeout=30)
    assert (sent.topic, sent.partition, sent.offset) == (topic, 0, 0)
    assert producer.send(topic, b"next").get(timeout=30).offset == 1


def test_keys_choose_the_partition(make_producer, make_consumer, make_topic):
    topic = make_topic(partitions=4)
    producer = make_producer()
    for key in (b"foo", b"bar", b"foo", b"bar"):
        producer.send(topic, key=key, value=b"of " + key)
    producer.flush(30)
    found = take(make_consumer(topic), 4)
    places = {message.key: set() for message in found}
    for message in found:
        places[message.key].add(message.partition)
    assert len(found) == 4 and all(len(partitions) == 1 for partitions in places.values())


def test_json_values_and_text_keys(make_producer, make_consumer, topic):
    producer = make_producer(
        value_serializer=lambda value: json.dumps(value).encode(), key_serializer=str.encode,
        retries=5,
    )
    producer.send(topic, {"key": "value"}, key="json", headers=[("content-encoding", b"base64")])
    producer.flush(30)
    (message,) = take(make_consumer(topic, value_deserializer=json.loads), 1)
    assert (message.key, message.value) == (b"json", {"key": "value"})
    assert message.headers == [("content-encoding", b"base64")]


def test_callbacks_of_asynchronous_sends(make_producer, topic):
    producer = make_producer(linger_ms=10)
    offsets, failures = [], []
    for index in range(100):
        producer.send(topic, b"msg %d" % index).add_callback(
            lambda metadata: offsets.append(metadata.offset)
        ).add_errback(failures.append)
    producer.flush(30)
    assert not failures
    assert sorted(offsets) == list(range(100))


# Version 2.3.3 never writes requests with acks=0 to its socket; other clients test that level.
@pytest.mark.parametrize("acks", [1, "all"])
def test_acknowledged_records_are_there(make_producer, make_consumer, topic, acks):
    producer = make_producer(acks=acks)
    for index in range(20):
        producer.send(topic, b"%d" % index)
    producer.flush(30)
    assert [message.value for message in take(make_consumer(topic), 20)] == [
        b"%d" % index for index in range(20)
    ]


def test_idempotent_producer(make_producer, make_consumer, topic):
    producer = make_producer(enable_idempotence=True)
    for index in range(500):
        producer.send(topic, b"%d" % index)
    producer.flush(30)
    assert [message.offset for message in take(make_consumer(topic), 500)] == list(range(500))


def test_iteration_ends_after_consumer_timeout(make_producer, make_consumer, topic):
    make_producer().send(topic, b"only").get(timeout=30)
    consumer = make_consumer(topic, consumer_timeout_ms=3_000)
    assert [message.value for message in consumer] == [b"only"]


def test_poll_and_pause(make_producer, make_consumer, topic):
    producer = make_producer()
    for index in range(10):
        producer.send(topic, b"%d" % index)
    producer.flush(30)
    consumer = make_consumer()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    found = []
    while len(found) < 10:
        for messages in consumer.poll(timeout_ms=30_000, max_records=4).values():
            assert len(messages) <= 4
            found += messages
    assert consumer.position(partition) == 10
    consumer.pause(partition)
    producer.send(topic, b"paused").get(timeout=30)
    assert consumer.poll(timeout_ms=500) == {}
    consumer.resume(partition)
    assert take(consumer, 1)[0].value == b"paused"


def test_assign_and_seek(make_producer, make_consumer, topic):
    producer = make_producer()
    for index in range(10):
        producer.send(topic, b"%d" % index)
    producer.flush(30)
    consumer = make_consumer()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, 7)
    assert [message.value for message in take(consumer, 3)] == [b"7", b"8", b"9"]
    consumer.seek_to_end(partition)
    assert consumer.position(partition) == 10
    consumer.seek_to_beginning(partition)
    assert take(consumer, 1)[0].offset == 0


def test_offsets_by_time_and_at_both_ends(make_producer, make_consumer, topic):
    base = (int(time.time()) - 3_600) * 1_000
    producer = make_producer()
    for index in range(5):
        producer.send(topic, b"%d" % index, timestamp_ms=base + index * 1_000).get(timeout=30)
    consumer = make_consumer()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    assert consumer.beginning_offsets([partition]) == {partition: 0}
    assert consumer.end_offsets([partition]) == {partition: 5}
    found = consumer.offsets_for_times({partition: base + 1_500})[partition]
    assert (found.offset, found.timestamp) == (2, base + 2_000)
    assert consumer.offsets_for_times({partition: base + 60_000})[partition] is None
    assert consumer.offsets_for_times({partition: 0})[partition].offset == 0


def test_topics_and_their_partitions(make_consumer, make_topic):
    topic = make_topic(partitions=3)
    consumer = make_consumer()
    assert topic in consumer.topics()
    assert consumer.partitions_for_topic(topic) == {0, 1, 2}


def test_producing_creates_the_topic(make_producer, make_consumer):
    topic = f"made-by-producing-{uuid.uuid4().hex[:8]}"
    assert make_producer().send(topic, b"first").get(timeout=30).offset == 0
    assert take(make_consumer(topic), 1)[0].value == b"first"


def test_metrics(make_producer, topic):
    producer = make_producer()
    producer.send(topic, b"counted").get(timeout=30)
    assert producer.metrics()["producer-metrics"]["record-send-rate"] > 0


def test_admin_creates_describes_and_deletes_topics(kafka_admin):
    name = f"admin-{uuid.uuid4().hex[:8]}"
    kafka_admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=1)])
    wait_until(lambda: name in kafka_admin.list_topics(), "the topic to be listed")
    (described,) = kafka_admin.describe_topics([name])
    assert described["error_code"] == 0 and len(described["partitions"]) == 3
    with pytest.raises(TopicAlreadyExistsError):
        kafka_admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=1)])
    kafka_admin.delete_topics([name])
    wait_until(lambda: name not in kafka_admin.list_topics(), "the topic to be gone")
    with pytest.raises(UnknownTopicOrPartitionError):
        kafka_admin.delete_topics([name])


def test_admin_describes_configs_and_the_cluster(kafka_admin, make_topic):
    topic = make_topic(config={"retention.ms": "86400000", "cleanup.policy": "delete"})
    (response,) = kafka_admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    (resource,) = response.resources
    assert resource[0] == 0
    values = {entry[0]: entry[1] for entry in resource[4]}
    assert values["retention.ms"] == "86400000"
    assert values["cleanup.policy"] == "delete"
    assert "max.message.bytes" in values
    cluster = kafka_admin.describe_cluster()
    assert len(cluster["brokers"]) == 1


def test_validate_only_creates_nothing(kafka_admin):
    name = f"imagined-{uuid.uuid4().hex[:8]}"
    kafka_admin.create_topics([NewTopic(name, 1, 1)], validate_only=True)
    assert name not in kafka_admin.list_topics()


def test_sending_to_an_illegal_topic_name_fails(make_producer):
    producer = make_producer(max_block_ms=5_000)
    with pytest.raises((ValueError, KafkaTimeoutError)):
        producer.send("no/slashes", b"x")
