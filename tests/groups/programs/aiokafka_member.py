"""A group's member that is aiokafka."""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError
from speech import Commands, Owned, config, say, say_records

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}


class Listener(ConsumerRebalanceListener):
    def __init__(self):
        self.owned = Owned()

    def on_partitions_assigned(self, assigned):
        self.owned.add((each.topic, each.partition) for each in assigned)

    def on_partitions_revoked(self, revoked):
        self.owned.drop((each.topic, each.partition) for each in revoked)


class Member:
    def __init__(self, asked: dict):
        self.asked = asked
        self.listener, self.commands = Listener(), Commands()
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=asked["bootstrap"], group_id=asked["group"], group_instance_id=asked["instance"],
            enable_auto_commit=False, auto_offset_reset="earliest", session_timeout_ms=asked["session_ms"],
            heartbeat_interval_ms=1_000, max_poll_interval_ms=asked["rebalance_ms"], metadata_max_age_ms=1_000,
            partition_assignment_strategy=(ASSIGNORS[asked["assignor"]],),
        )

    async def run(self) -> None:
        self.consumer.subscribe(topics=self.asked["topics"] or (), pattern=self.asked["pattern"],
                                listener=self.listener)
        await self.consumer.start()
        while True:
            asked = self.commands.next()
            if asked and asked["do"] == "leave":
                break
            if asked:
                await getattr(self, asked["do"])(asked)
            found = await self.consumer.getmany(timeout_ms=50)
            messages = [message for batch in found.values() for message in batch]
            if messages:
                say_records((each.topic, each.partition, each.offset, each.value) for each in messages)
        await self.consumer.stop()
        say("closed")

    def mine(self) -> list:
        return sorted(self.consumer.assignment())

    async def commit(self, asked: dict) -> None:
        offsets = {part: (await self.consumer.position(part), asked["metadata"]) for part in self.mine()}
        try:
            await self.consumer.commit(offsets)
        except KafkaError as refused:
            say("refused", error=repr(refused))
            return
        say("committed", offsets=[[part.topic, part.partition, *kept] for part, kept in offsets.items()])

    async def fetch(self, _asked) -> None:
        """By the admin client: the consumer shows no metadata."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.asked["bootstrap"])
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(self.asked["group"])
        finally:
            await admin.close()
        mine = set(self.mine())
        say("fetched", offsets=[[part.topic, part.partition, kept.offset, kept.metadata]
                                for part, kept in found.items() if part in mine])

    async def seek(self, _asked) -> None:
        await self.consumer.seek_to_committed()
        say("sought")


async def main() -> None:
    # The consumer wants to be made inside a loop.
    await Member(config()).run()


if __name__ == "__main__":
    asyncio.run(main())
