"""Ten consumers that come, go and crash in one group, and what must hold of it."""

import random
import re
import statistics
import time
from collections import Counter
from pathlib import Path

from groups.committing import kept
from groups.member import Member, Pair, shared
from groups.raw import Refused
from harness.process import Failed

FAMILIES = ("librdkafka", "librdkafka", "librdkafka", "librdkafka", "java")
"""Who takes part, by turns: a JVM costs more than ten of the others."""
SESSION_SECONDS = {"classic": 6, "consumer": 45}
"""The consumer protocol's is the broker's default, since groups cannot set theirs yet."""
REBALANCE_SECONDS = 20
MARGIN_SECONDS = 5
"""For programs to start and for what they say to arrive, on a machine that has much else to do."""
LEAST = 2


class Churn:
    """One group. `tick` does what is due, and is called all the time."""

    def __init__(self, protocol: str, group: str, bootstrap: str, topic: str, partitions: int, consumers: int,
                 draw: random.Random, directory: Path):
        self.protocol, self.group, self.bootstrap = protocol, group, bootstrap
        self.topic, self.consumers, self.draw, self.directory = topic, consumers, draw, directory
        self.pairs: set[Pair] = {(topic, number) for number in range(partitions)}
        self.members: list[Member] = []
        self.leaving: list[Member] = []
        self.gone: list[Member] = []
        self.counts: Counter[str] = Counter()
        self.kept: dict[Pair, int] = {}
        self.problems: list[str] = []
        self.settle_times: list[float] = []
        self.unsettled: float | None = None
        self.allowed = 0.0
        self.next_event = 0.0
        self.calm = False
        """With this, nobody comes or goes any more."""

    @property
    def bound(self) -> float:
        """Seconds after the last event within which the group must have settled."""
        return self.allowed + REBALANCE_SECONDS + MARGIN_SECONDS

    @property
    def longest(self) -> float:
        """The same after any event, a crash included."""
        return SESSION_SECONDS[self.protocol] + REBALANCE_SECONDS + MARGIN_SECONDS

    def begin(self) -> None:
        for _ in range(self.consumers // 2):
            self.join()

    def tick(self) -> None:
        self.watch()
        self.look_at_commits()
        now = time.monotonic()
        if self.unsettled is not None:
            # Sessions of the dead may still hold partitions; who is alive must share them all in time.
            if not self.leaving and shared(self.members, self.pairs):
                self.settle_times.append(now - self.unsettled)
                self.unsettled, self.allowed = None, 0.0
                self.next_event = now + self.draw.uniform(0, 3)
            elif now > self.unsettled + self.bound:
                owned = {member.name: sorted(part for _topic, part in member.owned) for member in self.members}
                self.problems.append(f"late: {self.group} has not settled within {self.bound:.0f} s: {owned}")
                self.unsettled = None
        if not self.calm and now >= self.next_event:
            self.event()

    def event(self) -> None:
        crowd = len(self.members)
        choices = ["join"] * (crowd < self.consumers) + ["leave", "crash"] * (crowd > LEAST)
        getattr(self, self.draw.choice(choices))()
        # Often the next comes while the last is still being settled, but not without end.
        hurried = self.draw.random() < 0.5
        self.next_event = time.monotonic() + (self.draw.uniform(0, 4) if hurried else self.bound)

    def join(self) -> None:
        self.counts["joins"] += 1
        family = FAMILIES[(self.counts["joins"] - 1) % len(FAMILIES)]
        assignor = "cooperative" if self.protocol == "classic" else None
        self.members.append(Member(
            family, f"{self.protocol}-{self.counts['joins']}-{family}", self.directory, bootstrap=self.bootstrap,
            group=self.group, topics=[self.topic], protocol=self.protocol, assignor=assignor, commit="always",
            session_ms=SESSION_SECONDS[self.protocol] * 1_000, rebalance_ms=REBALANCE_SECONDS * 1_000))
        self.changed()

    def leave(self) -> None:
        self.counts["leaves"] += 1
        member = self.members.pop(self.draw.randrange(len(self.members)))
        member.begin_leave()
        self.leaving.append(member)
        self.changed()

    def crash(self) -> None:
        self.counts["crashes"] += 1
        member = self.members.pop(self.draw.randrange(len(self.members)))
        member.crash()
        self.gone.append(member)
        self.changed(SESSION_SECONDS[self.protocol])

    def changed(self, session: float = 0.0) -> None:
        """A rebalance begins, or begins anew. One that a crash brings may first take the session's time."""
        now = time.monotonic()
        if self.unsettled is not None:
            # What is left of an earlier session's time.
            session = max(session, self.unsettled + self.allowed - now)
        self.unsettled, self.allowed = now, session

    def watch(self) -> None:
        for member in self.members:
            if not member.process.alive():
                raise Failed(f"{member.name} ended by itself:\n{member.last_words()}")
        for member in [each for each in self.leaving if not each.process.alive()]:
            member.await_leave()
            self.leaving.remove(member)
            self.gone.append(member)

    def look_at_commits(self) -> None:
        try:
            found = kept(self.bootstrap, self.group, self.topic, [partition for _topic, partition in self.pairs])
        except (OSError, Refused) as failed:
            self.counts["looks in vain"] += 1
            if self.counts["looks in vain"] > 100:
                raise Failed(f"committed offsets cannot be had: {failed}") from None
            return
        self.counts["looks"] += 1
        now = {(self.topic, partition): offset for partition, (offset, _metadata) in found.items()}
        for pair, before in self.kept.items():
            if now.get(pair, -1) < before:
                self.problems.append(f"went back: {self.group} had committed {before} of {pair}, now {now.get(pair)}")
        self.kept |= now

    # What was processed

    def everyone(self) -> list[Member]:
        return [*self.gone, *self.leaving, *self.members]

    def processed(self) -> set[str]:
        return {value for member in self.everyone() for value in member.values()}

    def done(self, sent: set[str]) -> bool:
        return self.unsettled is None and sum(self.kept.values()) == len(sent) and sent <= self.processed()

    def check(self, sent: set[str]) -> None:
        missing = sent - self.processed()
        if missing:
            self.problems.append(
                f"not processed: {len(missing)} of {len(sent)} records of {self.group}: {sorted(missing)[:5]}")
        elif sum(self.kept.values()) != len(sent):
            self.problems.append(f"not committed: {self.group} has {self.kept} for {len(sent)} records")

    def close(self) -> None:
        for member in self.members:
            member.begin_leave()
        for member in self.members:
            member.await_leave()
        self.gone += self.members
        self.members = []

    def summary(self) -> str:
        read = sum(len(member.records) for member in self.everyone())
        distinct = len(self.processed())
        refused = Counter(error_name(event["error"]) for member in self.everyone() for event in member.events("refused"))
        changes = sum(len(member.events("owned")) for member in self.everyone())
        times = sorted(self.settle_times) or [0.0]
        return (
            f"{self.group}: {self.counts['joins']} joins, {self.counts['leaves']} leaves, {self.counts['crashes']} "
            f"crashes; {distinct} records processed, {read - distinct} of them again; {changes} changes of who owns "
            f"what, {len(self.settle_times)} settled after median {statistics.median(times):.2f} s, slowest "
            f"{times[-1]:.2f} s; {self.counts['looks']} looks at commits, none may go back; "
            f"commits refused: {dict(refused) or 'none'}"
        )


def error_name(text: str) -> str:
    """What Python's and Java's words for an error have in common: its name, as either writes it."""
    found = re.search(r"code=(\w+)|(\w+)Exception", text)
    return (found[1] or found[2]) if found else text
