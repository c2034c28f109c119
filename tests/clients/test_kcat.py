"""Debian's kcat: listing, producing, and consuming from every kind of offset."""

import json
import time

import pytest
from adapters import Kcat

pytestmark = pytest.mark.needs("kcat")


@pytest.fixture
def kcat(bootstrap):
    return lambda *arguments, **options: Kcat.run(bootstrap, *arguments, **options)


@pytest.fixture
def ten(kcat, topic):
    """A topic of ten records."""
    kcat("-P", "-t", topic, stdin=b"".join(b"%d\n" % index for index in range(10)))
    return topic


def test_lists_brokers_and_topics(kcat, bootstrap, make_topic):
    topic = make_topic(partitions=3)
    text = kcat("-L").decode()
    assert f" at {bootstrap}" in text
    assert f'topic "{topic}" with 3 partitions' in text


def test_lists_one_topic_as_json(kcat, make_topic):
    topic = make_topic(partitions=2)
    (listed,) = json.loads(kcat("-L", "-J", "-t", topic))["topics"]
    assert listed["topic"] == topic and len(listed["partitions"]) == 2


def test_reads_from_the_beginning_to_the_end(kcat, ten):
    output = kcat("-C", "-t", ten, "-o", "beginning", "-e", "-q", "-f", "%p %o %s\\n")
    assert output.splitlines() == [b"0 %d %d" % (index, index) for index in range(10)]


def test_reads_from_an_offset_and_from_the_tail(kcat, ten):
    assert kcat("-C", "-t", ten, "-o", "7", "-e", "-q") == b"7\n8\n9\n"
    assert kcat("-C", "-t", ten, "-p", "0", "-o", "-2", "-e", "-q") == b"8\n9\n"


def test_reading_from_the_end_finds_nothing(kcat, ten):
    assert kcat("-C", "-t", ten, "-o", "end", "-e", "-q") == b""


def test_reads_from_and_until_a_time(kcat, bootstrap, topic, admin):
    from confluent_kafka import Producer

    base = (int(time.time()) - 3_600) * 1_000
    producer = Producer({"bootstrap.servers": bootstrap})
    for index in range(10):
        producer.produce(topic, b"%d" % index, timestamp=base + index * 1_000)
    assert producer.flush(30) == 0
    found = kcat("-C", "-t", topic, "-o", f"s@{base + 4_500}", "-e", "-q")
    assert found == b"5\n6\n7\n8\n9\n"
    found = kcat("-C", "-t", topic, "-o", f"s@{base + 2_000}", "-o", f"e@{base + 5_000}", "-q")
    assert found == b"2\n3\n4\n"
    assert kcat("-Q", "-t", f"{topic}:0:{base + 4_500}").decode().split() == [topic, "[0]", "offset", "5"]


def test_keys_and_headers(kcat, topic):
    kcat("-P", "-t", topic, "-K:", "-H", "a=1", "-H", "b=2", stdin=b"key:value\n")
    output = kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J")
    message = json.loads(output)
    assert (message["key"], message["payload"]) == ("key", "value")
    assert message["headers"] == ["a", "1", "b", "2"]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_records_take_less_room(kcat, topic, codec):
    value = b"tide " * 20_000
    kcat("-P", "-t", topic, "-z", codec, stdin=value + b"\n")
    assert kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q") == value + b"\n"


def test_a_file_as_one_large_message(kcat, topic, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 3_500)
    kcat("-P", "-t", topic, str(path))
    assert kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-D", "") == path.read_bytes()


def test_idempotent_production(kcat, topic):
    lines = b"".join(b"%d\n" % index for index in range(1_000))
    kcat("-P", "-t", topic, "-X", "enable.idempotence=true", stdin=lines)
    assert kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q") == lines
