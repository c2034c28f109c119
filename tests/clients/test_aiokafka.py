"""aiokafka: producer, consumer without a group, admin client."""

import asyncio
import time
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError

DEADLINE = 30


def in_loop(work):
    """Runs a coroutine function as a test, with fixtures as its arguments."""
    import functools
    import inspect

    @functools.wraps(work)
    def test(**fixtures):
        asyncio.run(asyncio.wait_for(work(**fixtures), 120))

    test.__signature__ = inspect.signature(work)
    return test


async def send_all(bootstrap, topic, values, **config):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **config)
    await producer.start()
    try:
        futures = [await producer.send(topic, value) for value in values]
        return await asyncio.gather(*futures)
    finally:
        await producer.stop()


async def read(consumer, count):
    return [await asyncio.wait_for(consumer.getone(), DEADLINE) for _ in range(count)]


@pytest.mark.parametrize(
    "config",
    [{"acks": 0}, {"acks": 1}, {"acks": "all"}, {"enable_idempotence": True}],
    ids=lambda config: ",".join(f"{name}={value}" for name, value in config.items()),
)
@in_loop
async def test_producing_in_every_mode(bootstrap, topic, config):
    values = [b"%d" % index for index in range(500)]
    answers = await send_all(bootstrap, topic, values, **config)
    if config.get("acks") != 0:
        assert [answer.offset for answer in answers] == list(range(500))
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer:
        assert [message.value for message in await read(consumer, 500)] == values


@in_loop
async def test_send_and_wait_with_key_and_partition(bootstrap, make_topic):
    topic = make_topic(partitions=3)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        sent = await producer.send_and_wait(topic, b"value", key=b"key", partition=2)
        assert (sent.topic, sent.partition, sent.offset) == (topic, 2, 0)
        assert await producer.partitions_for(topic) == {0, 1, 2}


@in_loop
async def test_batches_made_by_hand(bootstrap, topic):
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        batch = producer.create_batch()
        for index in range(10):
            assert batch.append(key=None, value=b"%d" % index, timestamp=None)
        answer = await (await producer.send_batch(batch, topic, partition=0))
        assert answer.offset == 0
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap,
                                auto_offset_reset="earliest") as consumer:
        assert [message.offset for message in await read(consumer, 10)] == list(range(10))


@in_loop
async def test_seeking_and_offsets(bootstrap, topic):
    base = (int(time.time()) - 3_600) * 1_000
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for index in range(6):
            await producer.send_and_wait(topic, b"%d" % index, timestamp_ms=base + 1_000 * index)
    partition = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        consumer.assign([partition])
        assert await consumer.beginning_offsets([partition]) == {partition: 0}
        assert await consumer.end_offsets([partition]) == {partition: 6}
        found = await consumer.offsets_for_times({partition: base + 2_500})
        assert found[partition].offset == 3
        consumer.seek(partition, 4)
        assert [message.value for message in await read(consumer, 2)] == [b"4", b"5"]
        assert await consumer.position(partition) == 6
        await consumer.seek_to_beginning(partition)
        many = await consumer.getmany(partition, timeout_ms=DEADLINE * 1_000, max_records=3)
        assert [message.offset for message in many[partition]] == [0, 1, 2]
        await consumer.seek_to_end(partition)
        assert await consumer.getmany(partition, timeout_ms=300) == {}


@in_loop
async def test_the_tail_is_read_while_it_grows(bootstrap, topic):
    async with (
        AIOKafkaProducer(bootstrap_servers=bootstrap) as producer,
        AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest",
                         fetch_max_wait_ms=10_000) as consumer,
    ):
        for index in range(20):
            await producer.send_and_wait(topic, b"%d" % index)
            (message,) = await read(consumer, 1)
            assert message.value == b"%d" % index


@in_loop
async def test_admin_client(bootstrap):
    name = f"aiokafka-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()

    async def listed(expected: bool):
        deadline = time.monotonic() + DEADLINE
        while (name in await admin.list_topics()) != expected:
            assert time.monotonic() < deadline, f"listing {name} is not {expected}"
            await asyncio.sleep(0.05)

    try:
        new = NewTopic(name, num_partitions=2, replication_factor=1,
                       topic_configs={"retention.ms": "7200000"})
        await admin.create_topics([new])
        await listed(True)
        (described,) = await admin.describe_topics([name])
        assert len(described["partitions"]) == 2
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        values = {entry[0]: entry[1] for entry in answer.resources[0][4]}
        assert values["retention.ms"] == "7200000"
        again = await admin.create_topics([new])
        assert [error[1] for error in again.topic_errors] == [TopicAlreadyExistsError.errno]
        await admin.delete_topics([name])
        await listed(False)
    finally:
        await admin.close()
