"""KafkaJS: its producer and its admin client. Its consumer always joins a group."""

import uuid

import kafkajs_client
import pytest
from adapters import Librdkafka
from kafkajs_client import KafkaJSError, encode

pytestmark = pytest.mark.needs("kafkajs")
DESCRIBE_TOPIC = 2


@pytest.fixture
def produce(bootstrap):
    def produce(topic, values, **options):
        messages = [{"key": encode(b"key"), "value": encode(value)} for value in values]
        return kafkajs_client.call(bootstrap, "produce", topic=topic, messages=messages, **options)

    return produce


@pytest.mark.parametrize("options", [{"acks": 0}, {"acks": 1}, {"acks": -1}, {"idempotent": True}],
                         ids=str)
def test_producing_in_every_mode(bootstrap, produce, topic, options):
    values = [b"%d" % index for index in range(200)]
    answer = produce(topic, values, **options)
    if options.get("acks") != 0:
        assert [(part["partition"], part["errorCode"], part["baseOffset"]) for part in answer] == [
            (0, 0, "0")
        ]
    found = Librdkafka().consume(bootstrap, topic, 200)
    assert [record.value for record in found] == values


def test_large_message(bootstrap, produce, topic):
    produce(topic, [b"x" * 900_000])
    (record,) = Librdkafka().consume(bootstrap, topic, 1)
    assert record.value == b"x" * 900_000


def test_an_unknown_topic_is_refused(produce):
    with pytest.raises(KafkaJSError) as refused:
        produce(f"unknown-{uuid.uuid4().hex[:8]}", [b"lost"], retries=1)
    assert "does not host this topic-partition" in str(refused.value)


def test_admin_client(bootstrap, produce):
    name = f"kafkajs-{uuid.uuid4().hex[:8]}"
    config = [{"name": "retention.ms", "value": "7200000"}]
    new = {"topic": name, "numPartitions": 2, "replicationFactor": 1, "configEntries": config}
    resource = {"type": DESCRIBE_TOPIC, "name": name, "configNames": ["retention.ms"]}
    created, topics, metadata, configs, cluster = kafkajs_client.admin(
        bootstrap,
        ("createTopics", {"topics": [new], "waitForLeaders": True}),
        ("listTopics", None),
        ("fetchTopicMetadata", {"topics": [name]}),
        ("describeConfigs", {"resources": [resource], "includeSynonyms": False}),
        ("describeCluster", None),
    )
    assert created is True
    assert name in topics
    assert len(metadata["topics"][0]["partitions"]) == 2
    (entry,) = configs["resources"][0]["configEntries"]
    assert (entry["configName"], entry["configValue"]) == ("retention.ms", "7200000")
    assert len(cluster["brokers"]) == 1 and cluster["clusterId"]
    again, _deleted = kafkajs_client.admin(
        bootstrap,
        ("createTopics", {"topics": [new]}),
        ("deleteTopics", {"topics": [name]}),
    )
    assert again is False


def test_admin_fetches_offsets(bootstrap, produce, topic):
    produce(topic, [b"a", b"b", b"c"])
    ((now,),) = kafkajs_client.admin(bootstrap, ("fetchTopicOffsets", topic))
    assert (now["low"], now["high"]) == ("0", "3")
