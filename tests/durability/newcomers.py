"""Clients that create topics and write the first records of each at once; they go on until SIGTERM.

Arguments: BOOTSTRAP FILE RATE CLIENTS PREFIX
Records are on their way while the topic is being created, so that one of them is the first that finds it there.
Whatever a client does not learn the outcome of, it does not send again: each record is in the log once or not at
all, and those that were acknowledged are. FILE gets a line per acknowledgement [topic, partition, offset, key], and
a last object about the whole run.
"""

import json
import signal
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from durability.records import key_of, value_of  # noqa: E402
from harness import wire  # noqa: E402

AT_ONCE = 3
AGAIN_SECONDS = 5
"""How long records follow those that came before the topic; then it is asked what became of the topic."""
PATIENCE_SECONDS = 120
# UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, KAFKA_STORAGE_ERROR,
# NOT_ENOUGH_REPLICAS
NOT_YET = (3, 5, 6, 7, 56, 19)
TOPIC_ALREADY_EXISTS = 36


class Newcomers:
    def __init__(self, bootstrap: str, path: str, rate: float, clients: int, prefix: str):
        host, port = bootstrap.rsplit(":", 1)
        self.address, self.rate, self.prefix = (host, int(port)), rate / clients, prefix
        self.out, self.lock = open(path, "w", buffering=1), threading.Lock()
        self.stopping = threading.Event()
        self.sent: dict[str, int] = {}
        self.failures: list[str] = []
        self.threads = [threading.Thread(target=self.work, args=(index,)) for index in range(clients)]

    def run(self) -> None:
        for thread in self.threads:
            thread.start()
        # A signal is handled between two waits of the main thread.
        while any(thread.is_alive() for thread in self.threads):
            time.sleep(0.05)
        self.out.write(json.dumps({"sent": self.sent, "failures": self.failures[:20]}) + "\n")
        self.out.close()

    def stop(self, *_signal) -> None:
        self.stopping.set()

    def work(self, index: int) -> None:
        begun, number = time.monotonic(), 0
        while not self.stopping.is_set():
            try:
                Newcomer(self, f"{self.prefix}-{index}-{number}", f"{self.prefix}.{index}.{number}").arrive()
            except OSError as error:
                self.failed(str(error))
            number += 1
            self.stopping.wait(begun + number / self.rate - time.monotonic())

    def told(self, topic: str, offset: int, key: str) -> None:
        with self.lock:
            self.out.write(json.dumps([topic, 0, offset, key]) + "\n")

    def failed(self, text: str) -> None:
        with self.lock:
            self.failures.append(text)


class Newcomer:
    """One topic and its records, over connections that are made anew when they break."""

    def __init__(self, all_of_them: Newcomers, topic: str, name: str):
        self.all, self.topic, self.name = all_of_them, topic, name
        self.next = self.acked = 0
        self.waiting: list[str] = []
        self.deadline = time.monotonic() + PATIENCE_SECONDS

    def arrive(self) -> None:
        created = False
        while not created or not self.acked:
            if time.monotonic() > self.deadline:
                raise TimeoutError(f"{self.topic}: no record was taken within {PATIENCE_SECONDS} s")
            try:
                with self._connect() as producing, self._connect() as creating:
                    created = self._at_once(producing, creating)
                    if created and self.acked:
                        self._one_more(producing)
            except OSError:
                time.sleep(0.02)
            finally:
                self.waiting.clear()
                self.all.sent[self.name] = self.next

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self.all.address, timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _at_once(self, producing: socket.socket, creating: socket.socket) -> bool:
        """Whether the topic has been created."""
        for _ in range(AT_ONCE):
            self._send(producing)
        creating.sendall(wire.frame(wire.create_topic_v2(self.topic)))
        until = time.monotonic() + AGAIN_SECONDS
        while self.waiting:
            if not self._answer(producing) and not self.acked and time.monotonic() < until:
                self._send(producing)
        error = wire.created_v2(wire.receive(creating))
        if error not in (0, TOPIC_ALREADY_EXISTS, *NOT_YET):
            raise self._refused(f"CreateTopics answered error {error}")
        return error in (0, TOPIC_ALREADY_EXISTS)

    def _one_more(self, producing: socket.socket) -> None:
        self._send(producing)
        self._answer(producing)

    def _send(self, producing: socket.socket) -> None:
        key = key_of(self.name, self.next)
        self.next += 1
        self.waiting.append(key)
        batch = wire.record_batch([value_of(key)], int(time.time() * 1_000), keys=[key.encode()])
        producing.sendall(wire.frame(wire.produce_v3(self.topic, 0, batch)))

    def _answer(self, producing: socket.socket) -> bool:
        """Whether the oldest record that waits was taken."""
        error, offset = wire.produced_v3(wire.receive(producing), self.topic)
        key = self.waiting.pop(0)
        if error == 0:
            self.acked += 1
            self.all.told(self.topic, offset, key)
        elif error not in NOT_YET:
            raise self._refused(f"{key}: Produce answered error {error}")
        return error == 0

    def _refused(self, text: str) -> OSError:
        self.all.failed(f"{self.topic}: {text}")
        return ConnectionError(text)


def main() -> None:
    bootstrap, path, rate, clients, prefix = sys.argv[1:]
    newcomers = Newcomers(bootstrap, path, float(rate), int(clients), prefix)
    signal.signal(signal.SIGTERM, newcomers.stop)
    newcomers.run()


if __name__ == "__main__":
    main()
