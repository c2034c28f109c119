"""Every client's records, in every codec, read back by every client, byte for byte."""

import pytest
from adapters import CLIENTS, CODECS, CONSUMERS
from records import difference


@pytest.fixture(scope="module")
def produced(bootstrap, make_topic, client):
    """Produces each combination once and remembers what was sent."""
    topics = {}

    def get(producer_name: str, codec: str):
        if (producer_name, codec) not in topics:
            producer = client(producer_name)
            topic = make_topic(f"matrix-{producer_name}-{codec}")
            records = producer.records()
            producer.produce(bootstrap, topic, codec, records)
            topics[producer_name, codec] = (producer, topic, records)
        return topics[producer_name, codec]

    return get


@pytest.mark.parametrize("consumer_name", CONSUMERS)
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("producer_name", CLIENTS)
def test_records_arrive_unharmed(bootstrap, client, produced, producer_name, codec, consumer_name):
    producer, topic, sent = produced(producer_name, codec)
    received = client(consumer_name).consume(bootstrap, topic, len(sent))
    assert not difference(
        [record.shown(producer.hidden) for record in sent],
        [record.shown(producer.hidden) for record in received],
    )
