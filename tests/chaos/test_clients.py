"""The reader: what it does when its consumer is dead."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chaos import clients  # noqa: E402
from durability.records import key_of, value_of  # noqa: E402


class Record:
    def __init__(self, offset: int):
        self.at, self.told = offset, key_of("0", offset)

    def error(self):
        return None

    def topic(self):
        return "tides"

    def partition(self):
        return 0

    def offset(self):
        return self.at

    def key(self):
        return self.told.encode()

    def value(self):
        return value_of(self.told)


class Gone(SystemExit):
    """The process's end, which a test survives."""


@pytest.fixture
def watch(tmp_path, monkeypatch):
    """A reader on a clock of ours: its first consumer has a pulse for 3 s, and can't be closed."""
    clock, made = SimpleNamespace(now=100.0), []

    class Consumer:
        def __init__(self, config):
            self.config, self.number, self.assigned = config, len(made), None
            made.append(self)

        def assign(self, partitions):
            self.assigned = [partition.offset for partition in partitions]

        def consume(self, _count, timeout):
            clock.now += 1
            if self.number == 0 and clock.now > 103:
                return []
            self.config["stats_cb"]("{}")
            if self.number == 1:
                reader.stop()
            self.assigned[0] += 1
            return [Record(self.assigned[0] - 1)]

        def close(self):
            assert self.number == 1, "closing a dead consumer hangs"

    def end(status):
        raise Gone(status)

    monkeypatch.setattr(clients, "Consumer", Consumer)
    monkeypatch.setattr(clients.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(clients.os, "_exit", end)
    monkeypatch.setattr(clients.signal, "signal", lambda *_: None)
    monkeypatch.setattr(clients.faulthandler, "register", lambda *_: None)
    reader = clients.Watch("nowhere:1", 0, str(tmp_path / "read.jsonl"), [("tides", 0)])
    return reader, made, tmp_path / "read.jsonl"


def test_a_dead_consumer_is_replaced_where_it_was(watch):
    reader, made, path = watch
    with pytest.raises(Gone):
        reader.run()
    assert len(made) == 2
    *seen, closing = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry[2] for entry in seen] == [0, 1, 2, 3], "no gap and nothing twice"
    assert closing == {"locked_up": 1, "problems": []}
