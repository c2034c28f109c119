"""A member of a group: a process of its own that says what it was given, what it read and what it committed."""

import json
import queue
import threading
import time
from pathlib import Path

from groups import families
from harness.process import Failed, Process, wait_until

Pair = tuple[str, int]
ANSWERS = ("committed", "refused", "fetched", "sought", "acknowledged")


class Member:
    """`said` holds its events in order, each with the time (monotonic, in seconds) at which it was seen."""

    def __init__(self, family: str, name: str, directory: Path, *, bootstrap: str, group: str, topics=(),
                 pattern: str | None = None, protocol: str = "classic", assignor: str | None = None,
                 instance: str | None = None, session_ms: int = 10_000, rebalance_ms: int = 20_000,
                 commit: str = "asked"):
        self._run(family, name, directory, {
            "bootstrap": bootstrap, "group": group, "topics": list(topics), "pattern": pattern, "protocol": protocol,
            "assignor": assignor, "instance": instance, "session_ms": session_ms, "rebalance_ms": rebalance_ms,
            "commit": commit,
        })

    def _run(self, family: str, name: str, directory: Path, asked: dict) -> None:
        self.family, self.name = family, name
        program, environment = families.command(family)
        self.process = Process([*program, json.dumps(asked)], Path(directory) / f"{name}.log", env=environment,
                               piped=True)
        self.lock = threading.Lock()
        self.said: list[dict] = []
        self.owned: set[Pair] = set()
        self.records: list[tuple[str, int, int, str]] = []
        self.answers: queue.SimpleQueue = queue.SimpleQueue()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        for line in self.process.child.stdout:
            event = json.loads(line)
            event["at"] = time.monotonic()
            self.hear(event)

    def hear(self, event: dict) -> None:
        with self.lock:
            self.said.append(event)
            if event["event"] == "owned":
                self.owned = {(topic, partition) for topic, partition in event["partitions"]}
            elif event["event"] == "records":
                self.records += [tuple(record) for record in event["records"]]
        if event["event"] in ANSWERS:
            self.answers.put(event)

    # What it has done

    def events(self, *names: str) -> list[dict]:
        with self.lock:
            return [event for event in self.said if event["event"] in names]

    def values(self) -> list[str]:
        with self.lock:
            return [record[3] for record in self.records]

    def offsets(self) -> dict[Pair, list[int]]:
        """What it has read so far, by partition and in its order."""
        found: dict[Pair, list[int]] = {}
        with self.lock:
            for topic, partition, offset, _value in self.records:
                found.setdefault((topic, partition), []).append(offset)
        return found

    def forget(self) -> None:
        """Forgets the records, so that those that come from now on can be told."""
        with self.lock:
            self.records = []

    # What it is asked

    def ask(self, what: str, timeout: float = 60, **arguments) -> dict:
        self.process.check_alive()
        self.process.child.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        self.process.child.stdin.flush()
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self.answers.get(timeout=0.5)
            except queue.Empty:
                if time.monotonic() > deadline or not self.process.alive():
                    raise Failed(f"{self.name} does not answer to {what}:\n{self.last_words()}") from None

    def commit(self, metadata: str = "") -> dict[Pair, tuple[int, str]]:
        """Commits all it has read. Tries again while a rebalance or a coming coordinator refuses it."""
        refusals: list[str] = []

        def kept():
            answer = self.ask("commit", metadata=metadata)
            refusals.extend([answer["error"]] if answer["event"] == "refused" else [])
            return answer["event"] == "committed" and _by_pair(answer) or None

        try:
            return wait_until(kept, f"{self.name} to commit", timeout=30, interval=0.2)
        except Failed as given_up:
            raise Failed(f"{given_up}; refused: {refusals[-3:]}") from None

    def fetch(self) -> dict[Pair, tuple[int, str]]:
        return _by_pair(self.ask("fetch"))

    def seek(self) -> None:
        """Goes back to what is committed."""
        assert self.ask("seek")["event"] == "sought"

    def leave(self, timeout: float = 60) -> None:
        """Closes the client and waits until the program has ended by itself."""
        self.begin_leave()
        self.await_leave(timeout)

    def begin_leave(self) -> None:
        self.process.check_alive()
        self.process.child.stdin.close()

    def await_leave(self, timeout: float = 60) -> None:
        status = self.process.child.wait(timeout)
        self.listener.join(10)
        Process.running.discard(self.process)
        if status or not self.events("closed"):
            raise Failed(f"{self.name} ended with status {status}:\n{self.last_words()}")

    def crash(self) -> None:
        self.process.kill()
        self.listener.join(10)

    def last_words(self) -> str:
        said = "\n".join(str(event)[:300] for event in self.said[-5:])
        return f"{said}\n{self.process.log_tail(20)}"


def _by_pair(answer: dict) -> dict[Pair, tuple[int, str]]:
    return {(topic, partition): (offset, metadata or "") for topic, partition, offset, metadata in answer["offsets"]}


def shared(members: list[Member], pairs: set[Pair]) -> bool:
    """Whether each partition has one owner among the members, and each member has one."""
    owned = [set(member.owned) for member in members]
    return all(owned) and sum(map(len, owned)) == len(pairs) and set().union(*owned) == pairs


def settled(members: list[Member], pairs: set[Pair], timeout: float = 60) -> None:
    """Waits until they have shared the partitions."""
    def done():
        for member in members:
            member.process.check_alive()
        return shared(members, pairs)

    try:
        wait_until(done, "the rebalance to settle", timeout)
    except Failed as given_up:
        state = "\n".join(f"{member.name} has {sorted(member.owned)}: {member.last_words()}" for member in members)
        raise Failed(f"{given_up}\n{state}") from None
