"""The brokers that the benchmark compares, each started on a fresh store."""

import re
import time
from pathlib import Path

from broker import Broker
from harness.kafka_node import KafkaNode
from harness.s3 import SERVERS

# tidelog's counter of requests to the store; a PUT, or a part of one, wherever its labels say so.
STORE_PUT = re.compile(r'^tidelog_store_requests_total\{kind="put"\}\s+(\S+)', re.M)


class Target:
    """One broker under measurement. `node` has a process, a bootstrap address and stop()."""

    def __init__(self, name: str, directory: Path):
        self.name, self.directory = name, directory
        self.server = None
        self.node = None
        self.start_seconds = 0.0

    def start(self) -> None:
        self.directory.mkdir(parents=True)
        if self.name == "kafka":
            # Formatting its disk is not part of its start: start once, stop, and time the second.
            self.node = KafkaNode(self.directory).start()
            self.node.stop()
        elif self.name in SERVERS:
            self.server = SERVERS[self.name](self.directory / "store").start()
            self.node = Broker(self.server.store_url(), env=self.server.env, directory=self.directory)
        elif self.name == "memory":
            self.node = Broker("memory://", directory=self.directory)
        else:
            (self.directory / "store").mkdir()
            self.node = Broker(f"file://{self.directory / 'store'}", directory=self.directory)
        begun = time.monotonic()
        self.node.start()
        self.start_seconds = time.monotonic() - begun

    @property
    def process(self):
        return self.node.process

    @property
    def bootstrap(self) -> str:
        return self.node.bootstrap

    def puts(self) -> float | None:
        """PUTs to the store so far; None where the node does not say."""
        found = STORE_PUT.findall(self.node.metrics()) if isinstance(self.node, Broker) else []
        return sum(map(float, found)) if found else None

    def stop(self) -> None:
        if self.node and self.node.process and self.node.process.alive():
            self.node.stop()
        if self.server:
            self.server.stop()
