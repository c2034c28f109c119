"""A group's member that is kafka-python."""

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata
from speech import Commands, Owned, config, say, say_records

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}


class Listener(ConsumerRebalanceListener):
    def __init__(self):
        self.owned = Owned()

    def on_partitions_assigned(self, assigned):
        self.owned.add((each.topic, each.partition) for each in assigned)

    def on_partitions_revoked(self, revoked):
        self.owned.drop((each.topic, each.partition) for each in revoked)


def settings(asked: dict) -> dict:
    found = {
        "bootstrap_servers": asked["bootstrap"], "group_id": asked["group"], "enable_auto_commit": False,
        "auto_offset_reset": "earliest", "session_timeout_ms": asked["session_ms"], "heartbeat_interval_ms": 1_000,
        "max_poll_interval_ms": asked["rebalance_ms"], "metadata_max_age_ms": 1_000,
        "partition_assignment_strategy": [ASSIGNORS[asked["assignor"]]],
    }
    if asked["instance"]:
        found["group_instance_id"] = asked["instance"]
    return found


class Member:
    def __init__(self, asked: dict):
        self.listener, self.commands = Listener(), Commands()
        self.consumer = KafkaConsumer(**settings(asked))
        self.consumer.subscribe(topics=asked["topics"] or (), pattern=asked["pattern"], listener=self.listener)

    def run(self) -> None:
        while True:
            asked = self.commands.next()
            if asked and asked["do"] == "leave":
                break
            if asked:
                getattr(self, asked["do"])(asked)
            found = self.consumer.poll(timeout_ms=50)
            messages = [message for batch in found.values() for message in batch]
            if messages:
                say_records((each.topic, each.partition, each.offset, each.value) for each in messages)
        self.consumer.close()
        say("closed")

    def mine(self) -> list[TopicPartition]:
        return sorted(self.consumer.assignment())

    def commit(self, asked: dict) -> None:
        offsets = {each: OffsetAndMetadata(self.consumer.position(each), asked["metadata"], -1) for each in self.mine()}
        try:
            self.consumer.commit(offsets)
        except KafkaError as refused:
            say("refused", error=repr(refused))
            return
        say("committed", offsets=[[part.topic, part.partition, kept.offset, kept.metadata]
                                  for part, kept in offsets.items()])

    def fetch(self, _asked) -> None:
        found = [(part, self.consumer.committed(part, metadata=True)) for part in self.mine()]
        say("fetched", offsets=[[part.topic, part.partition, kept.offset, kept.metadata] for part, kept in found])

    def seek(self, _asked) -> None:
        for part in self.mine():
            self.consumer.seek(part, self.consumer.committed(part))
        say("sought")


if __name__ == "__main__":
    Member(config()).run()
