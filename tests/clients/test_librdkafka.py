"""librdkafka through confluent-kafka: producers, consumers by assignment, and the admin client."""

import time
import uuid

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType


@pytest.fixture
def make_producer(bootstrap):
    return lambda **config: Producer({"bootstrap.servers": bootstrap, **config})


@pytest.fixture
def make_consumer(bootstrap):
    made = []

    def make(**config) -> Consumer:
        made.append(Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex,
                              "enable.auto.commit": False, **config}))
        return made[-1]

    yield make
    for consumer in made:
        consumer.close()


def send_all(producer: Producer, topic: str, values, **fields) -> list:
    """Sends the values and returns the delivered messages; fails on an undelivered one."""
    delivered, failures = [], []

    def on_delivery(error, message):
        failures.append(error) if error else delivered.append(message)

    for value in values:
        producer.produce(topic, value, on_delivery=on_delivery, **fields)
        producer.poll(0)
    assert producer.flush(60) == 0
    assert not failures, failures
    return delivered


def read(consumer: Consumer, count: int) -> list:
    found = []
    while len(found) < count:
        message = consumer.poll(30)
        assert message is not None, f"only {len(found)} of {count} records came"
        assert message.error() is None, message.error()
        found.append(message)
    return found


@pytest.mark.parametrize(
    "config",
    [{"acks": "0"}, {"acks": "1"}, {"acks": "all"}, {"enable.idempotence": True},
     {"enable.idempotence": True, "max.in.flight": 1, "linger.ms": 0}],
    ids=lambda config: ",".join(f"{name}={value}" for name, value in config.items()),
)
def test_producing_in_every_mode(make_producer, make_consumer, topic, config):
    values = [b"%d" % index for index in range(2_000)]
    delivered = send_all(make_producer(**config), topic, values)
    if config.get("acks") != "0":
        assert [message.offset() for message in delivered] == list(range(2_000))
    consumer = make_consumer()
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    assert [message.value() for message in read(consumer, 2_000)] == values


def test_many_partitions(make_producer, make_consumer, make_topic):
    topic = make_topic(partitions=12)
    send_all(make_producer(), topic, [b"%d" % index for index in range(3_000)])
    consumer = make_consumer()
    consumer.assign([TopicPartition(topic, index, OFFSET_BEGINNING) for index in range(12)])
    found = read(consumer, 3_000)
    assert sorted(int(message.value()) for message in found) == list(range(3_000))
    for partition in range(12):
        offsets = [message.offset() for message in found if message.partition() == partition]
        assert offsets == list(range(len(offsets)))


def test_large_messages(make_producer, make_consumer, topic):
    values = [bytes([index]) * 900_000 for index in range(8)]
    send_all(make_producer(), topic, values)
    consumer = make_consumer()
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    assert [message.value() for message in read(consumer, 8)] == values


def test_a_consumer_with_small_fetches_gets_large_messages(make_producer, make_consumer, topic):
    send_all(make_producer(), topic, [b"x" * 500_000, b"y"])
    consumer = make_consumer(**{"fetch.message.max.bytes": 1_000, "fetch.max.bytes": 1_000_000})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    assert [len(message.value()) for message in read(consumer, 2)] == [500_000, 1]


def test_the_tail_is_read_while_it_grows(make_producer, make_consumer, topic):
    producer = make_producer(**{"linger.ms": 0})
    consumer = make_consumer(**{"fetch.wait.max.ms": 10_000})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    for index in range(30):
        send_all(producer, topic, [b"%d" % index])
        (message,) = read(consumer, 1)
        assert (message.offset(), message.value()) == (index, b"%d" % index)


def test_end_of_partition(make_producer, make_consumer, topic):
    send_all(make_producer(), topic, [b"a", b"b"])
    consumer = make_consumer(**{"enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    seen = [consumer.poll(30) for _ in range(3)]
    assert [message.error() is None for message in seen] == [True, True, False]
    assert seen[2].offset() == 2


def test_starting_at_the_end_and_at_an_offset(make_producer, make_consumer, topic):
    producer = make_producer()
    send_all(producer, topic, [b"%d" % index for index in range(10)])
    consumer = make_consumer()
    consumer.assign([TopicPartition(topic, 0, 8)])
    assert [message.value() for message in read(consumer, 2)] == [b"8", b"9"]
    consumer.assign([TopicPartition(topic, 0, OFFSET_END)])
    assert consumer.poll(1) is None
    send_all(producer, topic, [b"new"])
    assert read(consumer, 1)[0].value() == b"new"


def test_watermarks_and_offsets_for_times(make_producer, make_consumer, topic):
    base = (int(time.time()) - 3_600) * 1_000
    producer = make_producer()
    for index in range(5):
        send_all(producer, topic, [b"%d" % index], timestamp=base + index * 1_000)
    consumer = make_consumer()
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30) == (0, 5)

    def offset_at(timestamp):
        return consumer.offsets_for_times([TopicPartition(topic, 0, timestamp)], timeout=30)[0].offset

    assert [offset_at(base), offset_at(base + 2_500), offset_at(base + 4_000)] == [0, 3, 4]
    assert offset_at(base + 4_001) == OFFSET_END


def test_times_inside_one_batch(make_producer, make_consumer, topic):
    base = (int(time.time()) - 3_600) * 1_000
    producer = make_producer(**{"linger.ms": 1_000, "compression.type": "zstd"})
    for index in range(100):
        producer.produce(topic, b"%d" % index, timestamp=base + index * 10)
    assert producer.flush(60) == 0
    consumer = make_consumer()
    (found,) = consumer.offsets_for_times([TopicPartition(topic, 0, base + 505)], timeout=30)
    assert found.offset == 51


def test_asking_for_an_unknown_topic_does_not_create_it(bootstrap, make_consumer):
    consumer = make_consumer(**{"allow.auto.create.topics": False})
    unknown = f"unknown-{uuid.uuid4().hex[:8]}"
    with pytest.raises(KafkaException) as refused:
        consumer.get_watermark_offsets(TopicPartition(unknown, 0), timeout=10)
    assert refused.value.args[0].name() in (
        "_UNKNOWN_PARTITION", "_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART"
    )
    listed = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=30)
    assert unknown not in listed.topics


def test_producing_creates_the_topic(make_producer, make_consumer):
    topic = f"made-by-producing-{uuid.uuid4().hex[:8]}"
    send_all(make_producer(), topic, [b"first"])
    consumer = make_consumer()
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    assert read(consumer, 1)[0].value() == b"first"


def test_listing_topics(admin, make_topic):
    topic = make_topic(partitions=5)
    metadata = admin.list_topics(timeout=30)
    assert len(metadata.topics[topic].partitions) == 5
    assert all(part.leader in metadata.brokers for part in metadata.topics[topic].partitions.values())
    assert metadata.cluster_id


def test_admin_creates_and_deletes_topics(admin):
    good, bad = f"good-{uuid.uuid4().hex[:8]}", "not/legal"
    results = admin.create_topics([NewTopic(good, 2, 1), NewTopic(bad, 1, 1)])
    assert results[good].result(30) is None
    with pytest.raises(KafkaException) as refused:
        results[bad].result(30)
    assert refused.value.args[0].name() == "TOPIC_EXCEPTION"
    with pytest.raises(KafkaException) as again:
        admin.create_topics([NewTopic(good, 2, 1)])[good].result(30)
    assert again.value.args[0].name() == "TOPIC_ALREADY_EXISTS"
    assert admin.delete_topics([good])[good].result(30) is None
    with pytest.raises(KafkaException) as gone:
        admin.delete_topics([good])[good].result(30)
    assert gone.value.args[0].name() == "UNKNOWN_TOPIC_OR_PART"


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (NewTopic("zero-partitions", 0, 1), "INVALID_PARTITIONS"),
        (NewTopic("odd-config", 1, 1, config={"no.such.config": "1"}), "INVALID_CONFIG"),
        (NewTopic("odd-value", 1, 1, config={"retention.ms": "soon"}), "INVALID_CONFIG"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.topic,
)
def test_admin_refuses_topics_that_make_no_sense(admin, new, error):
    with pytest.raises(KafkaException) as refused:
        admin.create_topics([new])[new.topic].result(30)
    assert refused.value.args[0].name() == error


def test_admin_describes_configs(admin, make_topic):
    topic = make_topic(config={"retention.ms": "3600000"})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([resource])[resource].result(30)
    assert entries["retention.ms"].value == "3600000" and not entries["retention.ms"].is_default
    assert entries["cleanup.policy"].value == "delete"
    assert entries["max.message.bytes"].is_default


def test_admin_describes_the_cluster_and_topics(admin, make_topic):
    from confluent_kafka import TopicCollection

    topic = make_topic(partitions=2)
    cluster = admin.describe_cluster(request_timeout=30).result(30)
    assert cluster.cluster_id and len(cluster.nodes) == 1
    described = admin.describe_topics(TopicCollection([topic]))[topic].result(30)
    assert described.name == topic and len(described.partitions) == 2 and described.topic_id


def test_admin_lists_offsets(admin, make_producer, topic):
    base = (int(time.time()) - 3_600) * 1_000
    for index, stamp in enumerate((1_000, 3_000, 2_000)):
        send_all(make_producer(), topic, [b"%d" % index], timestamp=base + stamp)
    partition = TopicPartition(topic, 0)
    expected = [
        (OffsetSpec.earliest(), 0),
        (OffsetSpec.latest(), 3),
        (OffsetSpec.max_timestamp(), 1),
        (OffsetSpec.for_timestamp(base + 1_500), 1),
    ]
    for spec, offset in expected:
        found = admin.list_offsets({partition: spec}, request_timeout=30)[partition].result(30)
        assert found.offset == offset, spec
