"""The two clusters: one node of Apache Kafka and one of Tidelog, both by themselves and fresh."""

from contextlib import contextmanager
from pathlib import Path

from broker import Broker
from harness.kafka_node import KafkaNode

KAFKA_SETTINGS = {
    # Fewer than the 50 that Kafka makes, and loads, unless told otherwise; no client can tell.
    "offsets.topic.num.partitions": 4,
    "share.coordinator.state.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
}


@contextmanager
def kafka(directory: Path, running: str | None = None):
    """The address of a Kafka node, `running` if there is one."""
    if running:
        yield running
        return
    with KafkaNode(directory, heap="384m", settings=KAFKA_SETTINGS) as node:
        yield node.bootstrap


@contextmanager
def tidelog(directory: Path, running: str | None = None):
    """The address of a Tidelog node with Kafka's node id, `running` if there is one."""
    if running:
        yield running
        return
    with Broker("memory://", args=("--node-id", "1"), directory=directory) as broker:
        yield broker.bootstrap
        broker.process.check_alive()
