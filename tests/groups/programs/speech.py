"""How a member speaks with the test: JSON lines, commands on standard input and events on standard output."""

import json
import queue
import sys
import threading


def config() -> dict:
    return json.loads(sys.argv[1])


def say(event: str, **fields) -> None:
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def say_records(messages) -> None:
    """`messages` are (topic, partition, offset, value)."""
    say("records", records=[[topic, partition, offset, value.decode()] for topic, partition, offset, value in messages])


class Owned:
    """The partitions a member has, said again whenever they change. Works for eager and for cooperative assignors."""

    def __init__(self):
        self.partitions: set[tuple[str, int]] = set()

    def add(self, partitions, why: str = "assigned") -> None:
        self.partitions |= set(partitions)
        self._say(why)

    def drop(self, partitions, why: str = "revoked") -> None:
        self.partitions -= set(partitions)
        self._say(why)

    def _say(self, why: str) -> None:
        say("owned", partitions=sorted(self.partitions), why=why)


class Commands:
    """What the test has asked for and is not done yet. The end of standard input asks to leave."""

    def __init__(self):
        self.asked: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self.asked.put(json.loads(line))
        self.asked.put({"do": "leave"})

    def next(self) -> dict | None:
        try:
            return self.asked.get_nowait()
        except queue.Empty:
            return None
