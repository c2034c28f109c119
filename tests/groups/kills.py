"""The rounds of the commits test: the node that owns a group is killed while commits are on their way."""

import random
import statistics
import time
import uuid

from broker import Cluster
from confluent_kafka.admin import AdminClient, NewTopic
from groups.committing import PARTITIONS, Committing, find
from harness import wire
from harness.process import wait_until

PROTOCOLS = ("classic", "consumer")
RECOVERY_SECONDS = 60


class Kills:
    def __init__(self, cluster: Cluster, groups: int, draw: random.Random):
        self.cluster, self.nodes, self.draw = cluster, cluster.nodes, draw
        self.topic = f"tides-{uuid.uuid4().hex[:6]}"
        self.bootstraps = [node.bootstrap for node in self.nodes]
        self.members = [
            Committing(self.bootstraps, f"{PROTOCOLS[number % 2]}-{number}-{uuid.uuid4().hex[:6]}",
                       PROTOCOLS[number % 2], self.topic)
            for number in range(groups)
        ]
        self.kills = self.in_the_middle = 0
        self.recoveries: list[float] = []
        self.owned = 0

    def run(self, kills: int) -> list[str]:
        self.cluster.start()
        admin = AdminClient({"bootstrap.servers": self.bootstraps[0], "log_level": 0})
        for future in admin.create_topics([NewTopic(self.topic, len(PARTITIONS), 1)]).values():
            future.result(30)
        for member in self.members:
            member.start()
        self.await_acks(self.members)
        while self.kills < kills and not self.problems():
            self.round()
        for member in self.members:
            member.stop()
        self.cluster.stop()
        return self.problems()

    def problems(self) -> list[str]:
        return [problem for member in self.members for problem in member.problems]

    def await_acks(self, members) -> None:
        before = {member: member.acks for member in members}
        wait_until(lambda: self.problems() or all(member.acks > before[member] for member in members),
                   "every group to take commits", RECOVERY_SECONDS)

    def round(self) -> None:
        time.sleep(self.draw.uniform(0, 0.3))
        chosen = self.draw.choice(self.members)
        address = find(self.bootstraps, chosen.group)
        (node,) = [node for node in self.nodes if node.bootstrap == address]
        owned = [member for member in self.members if find(self.bootstraps, member.group) == address]
        # A moment that has nothing to do with the questions just asked.
        time.sleep(self.draw.uniform(0, 0.05))
        node.kill()
        begun = time.monotonic()
        self.kills += 1
        self.owned += len(owned)
        self.in_the_middle += sum(member.sent > member.acked for member in owned)
        if len(self.nodes) == 1:
            node.spawn()
        self.await_acks(self.members)
        self.recoveries.append(time.monotonic() - begun)
        if len(self.nodes) > 1:
            time.sleep(self.draw.choice([0, 0, 0.5, 2]))
            node.spawn()
        wait_until(lambda: node.process.check_alive() or wire.serves(node.bootstrap), "the node to be back")
        print(f"kill {self.kills}: owner of {len(owned)} of {len(self.members)} groups, commits go on after "
              f"{self.recoveries[-1]:.2f} s, {sum(member.acks for member in self.members)} acknowledged, "
              f"{len(self.problems())} problems", flush=True)

    def summary(self) -> str:
        members = self.members
        retries: dict[int, int] = {}
        for member in members:
            for code, count in member.retries.items():
                retries[code] = retries.get(code, 0) + count
        times = sorted(self.recoveries) or [0.0]
        return (
            f"{self.kills} kills, of owners of {self.owned} groups, {self.in_the_middle} of these with commits on "
            f"their way; {sum(member.sent + 1 for member in members)} commits sent, "
            f"{sum(member.acks for member in members)} acknowledged, {sum(member.checks for member in members)} checks "
            f"of what is committed; {sum(member.beats for member in members)} heartbeats, {sum(member.survived for member in members)} "
            f"times a member went on with another process and in its generation; commits went on after median "
            f"{statistics.median(times):.2f} s, slowest {times[-1]:.2f} s; longest without an answer "
            f"{max(member.longest_silence for member in members):.2f} s; refused for now, by error: {retries or 'nothing'}"
        )
