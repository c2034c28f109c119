"""A process that commits offsets for a few groups of its own, one after the other, and times each answer."""

import multiprocessing
import socket
import time

from groups import raw
from harness.wire import exchange

GROUPS = 16
PAUSE = 0.005


class Watch:
    def __init__(self, bootstrap: str, topic: str):
        self.stop, self.found = multiprocessing.Event(), multiprocessing.Queue()
        arguments = (bootstrap, topic, self.stop, self.found)
        self.process = multiprocessing.Process(target=commit_all, args=arguments, daemon=True)

    def __enter__(self) -> "Watch":
        self.process.start()
        return self

    def __exit__(self, *_raised) -> None:
        self.process.kill()

    def end(self) -> list[float]:
        """The seconds that each commit took, in order of length."""
        self.stop.set()
        return sorted(self.found.get(timeout=60))


def commit_all(bootstrap: str, topic: str, stop, found) -> None:
    host, port = bootstrap.rsplit(":", 1)
    took: list[float] = []
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        while not stop.is_set():
            number = len(took)
            body = raw.commit(f"watch-{number % GROUPS}", -1, "", topic, {0: number}, "")
            begun = time.monotonic()
            errors = raw.commit_errors(exchange(connection, body))
            took.append(time.monotonic() - begun)
            if any(errors.values()):
                raise raw.Refused("OffsetCommit", max(errors.values()))
            time.sleep(PAUSE)
    found.put(took)
