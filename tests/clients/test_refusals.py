"""What must fail, must fail with the right error, and must not hang."""

import socket
import struct
import time
import uuid

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from harness import wire

API_VERSIONS, INIT_PRODUCER_ID, ADD_PARTITIONS_TO_TXN = 18, 22, 24
TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
UNSUPPORTED_VERSION = 35


@pytest.fixture(scope="module")
def served(host, port):
    return wire.api_versions(host, port)


@pytest.fixture
def without_transactions(served):
    if ADD_PARTITIONS_TO_TXN in served:
        pytest.skip("this broker serves transactions")


def deliver(bootstrap, topic, value, **config):
    """Sends one record and returns what librdkafka says of it."""
    outcome = []
    producer = Producer({"bootstrap.servers": bootstrap, **config})
    producer.produce(topic, value, on_delivery=lambda error, message: outcome.append((error, message)))
    producer.flush(60)
    return outcome[0]


def test_a_record_beyond_the_topics_limit(bootstrap, make_topic):
    topic = make_topic(config={"max.message.bytes": "100000"})
    error, _message = deliver(bootstrap, topic, b"x" * 200_000)
    assert error.name() == "MSG_SIZE_TOO_LARGE"
    error, message = deliver(bootstrap, topic, b"x" * 90_000)
    assert error is None and message.offset() == 0


def test_a_record_beyond_the_default_limit(bootstrap, topic):
    error, _message = deliver(bootstrap, topic, b"x" * 1_500_000, **{"message.max.bytes": 5_000_000})
    assert error.name() == "MSG_SIZE_TOO_LARGE"


def test_the_limit_counts_compressed_bytes(bootstrap, topic):
    error, _message = deliver(bootstrap, topic, b"x" * 3_000_000,
                              **{"message.max.bytes": 5_000_000, "compression.type": "zstd"})
    assert error is None


def test_unknown_topic_without_auto_creation(bootstrap, topic):
    error, _message = deliver(
        bootstrap, f"unknown-{uuid.uuid4().hex[:8]}", b"lost",
        **{"allow.auto.create.topics": False, "message.timeout.ms": 5_000,
           "topic.metadata.propagation.max.ms": 1_000},
    )
    assert error.name() in ("_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART", "_MSG_TIMED_OUT")


def test_an_unknown_partition_is_refused(bootstrap, topic):
    producer = Producer({"bootstrap.servers": bootstrap})
    failures = []
    try:
        producer.produce(topic, b"lost", partition=7,
                         on_delivery=lambda error, _message: failures.append(error))
        producer.flush(60)
    except KafkaException as refused:
        failures.append(refused.args[0])
    assert failures[0].name() == "_UNKNOWN_PARTITION"


def consumer_at(bootstrap, topic, offset, reset):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex,
                         "enable.auto.commit": False, "auto.offset.reset": reset})
    consumer.assign([TopicPartition(topic, 0, offset)])
    return consumer


def test_offsets_out_of_range_are_reset(bootstrap, topic):
    for index in range(5):
        assert deliver(bootstrap, topic, b"%d" % index)[0] is None
    consumer = consumer_at(bootstrap, topic, 1_000, "earliest")
    assert consumer.poll(30).offset() == 0
    consumer.close()
    consumer = consumer_at(bootstrap, topic, 1_000, "error")
    message = consumer.poll(30)
    assert message.error().name() in ("_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE")
    consumer.close()


def test_a_deleted_topic_is_gone_and_its_name_starts_anew(bootstrap, admin, make_topic):
    from confluent_kafka.admin import NewTopic

    topic = make_topic()
    assert deliver(bootstrap, topic, b"old")[0] is None
    admin.delete_topics([topic])[topic].result(30)
    deadline = time.monotonic() + 30
    while True:
        try:
            admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
            break
        except KafkaException:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    error, message = deliver(bootstrap, topic, b"new")
    assert error is None and message.offset() == 0
    consumer = consumer_at(bootstrap, topic, OFFSET_BEGINNING, "earliest")
    assert consumer.poll(30).value() == b"new"
    consumer.close()


def test_transactional_ids_are_refused(host, port, without_transactions):
    body = wire.request_header(INIT_PRODUCER_ID, 1, 7) + struct.pack(">h5si", 5, b"my-tx", 60_000)
    with socket.create_connection((host, port), timeout=10) as connection:
        answer = wire.exchange(connection, body)
    correlation, _throttle, error = struct.unpack_from(">iih", answer)
    assert (correlation, error) == (7, TRANSACTIONAL_ID_AUTHORIZATION_FAILED)


def test_librdkafka_transactions_fail_and_do_not_hang(bootstrap, without_transactions):
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": uuid.uuid4().hex})
    begun = time.monotonic()
    with pytest.raises(KafkaException) as refused:
        producer.init_transactions(60)
    assert refused.value.args[0].name() != "_TIMED_OUT", "it timed out"
    assert time.monotonic() - begun < 30


@pytest.mark.needs("kafka")
def test_java_transactions_fail_and_do_not_hang(bootstrap, topic, java_tools, without_transactions):
    begun = time.monotonic()
    outcome = java_tools.run(
        "ProducerPerformance", "--bootstrap-server", bootstrap, "--topic", topic, "--num-records", "1",
        "--record-size", "10", "--throughput", "-1", "--transactional-id", "tx",
    )
    assert outcome.status != 0
    assert time.monotonic() - begun < 40


def test_a_newer_api_versions_request_is_answered_in_version_0(host, port):
    with socket.create_connection((host, port), timeout=10) as connection:
        answer = wire.exchange(connection, wire.request_header(API_VERSIONS, 99, 3) + b"\0")
    correlation, error, count, key, low, high = struct.unpack(">ihihhh", answer)
    assert (correlation, error, count) == (3, UNSUPPORTED_VERSION, 1)
    assert (key, low) == (API_VERSIONS, 0) and high >= 3


@pytest.mark.parametrize(("key", "version"), [(0, 2), (3, 99), (999, 0)])
def test_an_unsupported_request_closes_the_connection(host, port, key, version):
    with socket.create_connection((host, port), timeout=10) as connection:
        with pytest.raises(ConnectionError):
            wire.exchange(connection, wire.request_header(key, version, 1) + b"\0" * 32)
    assert wire.api_versions(host, port)
