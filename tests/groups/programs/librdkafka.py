"""A group's member that is librdkafka, through confluent-kafka."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from speech import Commands, Owned, config, say, say_records

CLASSIC = {"range": "range", "roundrobin": "roundrobin", "cooperative": "cooperative-sticky"}


def settings(asked: dict) -> dict:
    found = {
        "bootstrap.servers": asked["bootstrap"], "group.id": asked["group"], "group.protocol": asked["protocol"],
        "enable.auto.commit": False, "auto.offset.reset": "earliest", "max.poll.interval.ms": asked["rebalance_ms"],
        "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 500, "topic.metadata.refresh.interval.ms": 1_000,
    }
    if asked["protocol"] == "classic":
        found["session.timeout.ms"] = asked["session_ms"]
        found["heartbeat.interval.ms"] = 1_000
        found["partition.assignment.strategy"] = CLASSIC[asked["assignor"]]
    elif asked["assignor"]:
        found["group.remote.assignor"] = asked["assignor"]
    if asked["instance"]:
        found["group.instance.id"] = asked["instance"]
    return found


class Member:
    def __init__(self, asked: dict):
        self.always = asked["commit"] == "always"
        self.owned, self.commands = Owned(), Commands()
        self.positions: dict[tuple[str, int], int] = {}
        self.uncommitted: dict[tuple[str, int], int] = {}
        """What was processed and is still owned. A commit that a rebalance refuses is tried again, as applications do."""
        self.consumer = Consumer(settings(asked))
        topics = [asked["pattern"]] if asked["pattern"] else asked["topics"]
        self.consumer.subscribe(topics, on_assign=self.on_assign, on_revoke=self.on_revoke, on_lost=self.on_lost)

    def on_assign(self, _consumer, partitions) -> None:
        self.owned.add((each.topic, each.partition) for each in partitions)

    def on_revoke(self, _consumer, partitions, why: str = "revoked") -> None:
        pairs = [(each.topic, each.partition) for each in partitions]
        for pair in pairs:
            self.positions.pop(pair, None)
            self.uncommitted.pop(pair, None)
        self.owned.drop(pairs, why)

    def on_lost(self, consumer, partitions) -> None:
        self.on_revoke(consumer, partitions, "lost")

    def run(self) -> None:
        while True:
            asked = self.commands.next()
            if asked and asked["do"] == "leave":
                break
            if asked:
                getattr(self, asked["do"])(asked)
            self.process(self.consumer.consume(500, timeout=0.05))
        self.consumer.close()
        say("closed")

    def process(self, messages) -> None:
        good = [message for message in messages if not message.error()]
        for message in messages:
            if message.error():
                say("error", error=str(message.error()))
        if good:
            say_records((each.topic(), each.partition(), each.offset(), each.value()) for each in good)
        done = {(each.topic(), each.partition()): each.offset() + 1 for each in good}
        self.positions |= done
        if self.always:
            self.uncommitted |= done
            if self.uncommitted and self.keep(self.uncommitted, ""):
                self.uncommitted = {}

    def commit(self, asked: dict) -> None:
        self.keep(self.positions, asked["metadata"])

    def keep(self, positions: dict, metadata: str) -> bool:
        wanted = [TopicPartition(topic, partition, offset, metadata=metadata)
                  for (topic, partition), offset in positions.items()]
        try:
            self.consumer.commit(offsets=wanted, asynchronous=False)
        except KafkaException as refused:
            say("refused", error=str(refused.args[0]))
            return False
        say("committed", offsets=[[each.topic, each.partition, each.offset, metadata] for each in wanted])
        return True

    def mine(self) -> list:
        wanted = [TopicPartition(*pair) for pair in sorted(self.owned.partitions)]
        until = time.monotonic() + 30
        while True:
            try:
                return self.consumer.committed(wanted, timeout=30)
            except KafkaException as refused:
                # Of a coordinator that has moved it tells, and asks the next one when it is asked again.
                if refused.args[0].code() != KafkaError.NOT_COORDINATOR or time.monotonic() > until:
                    raise

    def fetch(self, _asked) -> None:
        say("fetched", offsets=[[each.topic, each.partition, each.offset, each.metadata] for each in self.mine()])

    def seek(self, _asked) -> None:
        for each in self.mine():
            self.consumer.seek(TopicPartition(each.topic, each.partition, each.offset))
        say("sought")


if __name__ == "__main__":
    Member(config()).run()
