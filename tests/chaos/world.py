"""The cluster under test: nodes, their proxies, the store and its disk, and the clients that load it."""

import re
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from broker import Broker
from chaos import isolation
from chaos.disk import Disk
from chaos.isolation import Loopback, Network
from chaos.store_proxy import Link, StoreProxy, serve_in_background
from harness import wire
from harness.process import LOOPBACK, Process, free_ports, wait_until
from harness.s3 import SERVERS, S3Server

CLIENTS = "clients"
RESTART_SECONDS = 0.3
PROGRAM = Path(__file__).parent / "clients.py"


class Node(Broker):
    """A broker on a host of its own. `wanted` says whether it should run."""

    def __init__(self, number: int, network: Network | Loopback, proxy: StoreProxy | None, *arguments, **named):
        self.name, self.network, self.proxy = f"node{number}", network, proxy
        self.wanted = True
        self.ended = 0.0
        super().__init__(*arguments, **named)
        self.log = self.directory / f"{self.name}.log"

    @property
    def bootstrap(self) -> str:
        return f"{self.network.address(self.name)}:{self.port}"

    def command(self) -> list[str]:
        return self.network.command(self.name, super().command())

    def spawn(self) -> None:
        super().spawn()
        self.ended = 0.0

    def last_words(self) -> str:
        """How it ended, without what differs from one time to the next."""
        words = re.sub(r"[0-9A-Z]{26}|[0-9.]+:[0-9]+", "*", self.process.log_tail(1))
        return f"status {self.process.child.returncode}: {words[:160]}"

    def answers(self) -> bool:
        return self.process.alive() and wire.serves(self.bootstrap, timeout=1)


@dataclass(frozen=True)
class Shape:
    nodes: int = 3
    store_kind: str = "minio"
    s3_latency: bool = False
    seed: int = 0
    rate: float = 100.0
    partitions: int = 12
    producers: int = 2
    readers: int = 2
    broker_args: tuple[str, ...] = ()


class World:
    def __init__(self, shape: Shape, directory: Path):
        self.shape, self.directory = shape, directory
        names = [f"node{number}" for number in range(shape.nodes)]
        self.network: Network | Loopback = Loopback()
        self.disk: Disk | None = None
        if isolation.isolated():
            self.network = Network([*names, CLIENTS], directory / "network.log")
            self.disk = Disk(directory / "store")
        self.server: S3Server | None = None
        self.proxies: list[StoreProxy] = []
        self.link = Link()
        if shape.store_kind == "minio":
            url, env = self._start_store()
        else:
            (directory / "store").mkdir(exist_ok=True)
            url, env = f"file://{directory / 'store'}", {}
        self.nodes = []
        for number in range(shape.nodes):
            proxy = self.proxies[number] if self.proxies else None
            if proxy:
                env = {**env, "AWS_ENDPOINT_URL": f"http://{proxy.host}:{proxy.port}"}
            # Every other one has a fixed id, and is the same node to clients when it comes back.
            fixed = ("--node-id", str(1_000 + number)) if number % 2 == 0 else ()
            self.nodes.append(Node(number, self.network, proxy, url, (*fixed, *shape.broker_args), env,
                                   directory))
        self.ends: Counter[str] = Counter()
        """How nodes ended that nobody had ended, and how often."""
        self.topic = "tides"
        self.pairs = [(self.topic, partition) for partition in range(shape.partitions)]

    def _start_store(self) -> tuple[str, dict[str, str]]:
        self.server = SERVERS["minio"](self.directory / "store")
        self.server.start()
        upstream = (LOOPBACK, self.server.port)
        self.proxies = [
            StoreProxy(self.network.hub, port, upstream, f"{self.shape.seed} {number}", self.shape.s3_latency,
                       self.link)
            for number, port in enumerate(free_ports(self.shape.nodes))
        ]
        serve_in_background(self.proxies)
        return self.server.store_url(), self.server.env

    @property
    def bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> list[Process]:
        """Starts the nodes, creates the topic and starts the clients, which it returns."""
        from confluent_kafka.admin import AdminClient, NewTopic

        for node in self.nodes:
            node.start()
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for future in admin.create_topics([NewTopic(self.topic, self.shape.partitions, 1)]).values():
            future.result(30)
        wait_until(lambda: all(self.leaders().get(number) for number in range(self.shape.partitions)),
                   "the topic to be led")
        roles = [("produce", index) for index in range(self.shape.producers)]
        roles += [("read", index) for index in range(self.shape.readers)]
        return [self._start_client(role, index) for role, index in roles]

    def _start_client(self, role: str, index: int) -> Process:
        path = self.client_file(role, index)
        command = [sys.executable, PROGRAM, role, self.bootstrap, index, path, self.shape.rate,
                   f"{self.topic}:{self.shape.partitions}"]
        return Process(self.network.command(CLIENTS, command), path.with_suffix(".log"))

    def client_file(self, role: str, index: int) -> Path:
        return self.directory / f"{role}-{index}.jsonl"

    def leaders(self, but: set[int] = frozenset()) -> dict[int, str | None]:
        """The leader's address by partition, as the first node says that answers; `but` are not asked."""
        for number, node in enumerate(self.nodes):
            if number not in but and node.process and node.process.alive():
                try:
                    return wire.leaders(node.bootstrap, self.topic, timeout=1)[1]
                except OSError:
                    continue
        return {}

    def supervise(self) -> None:
        """Starts what ended by itself, as any service manager does, and remembers how it ended."""
        for node in self.nodes:
            if node.wanted and node.process and not node.process.alive():
                if not node.ended:
                    node.ended = time.monotonic()
                    self.ends[node.last_words()] += 1
                elif time.monotonic() > node.ended + RESTART_SECONDS:
                    node.spawn()

    def heal(self) -> None:
        """Undoes whatever is being inflicted, for a run that was broken off."""
        self.network.mend_all()
        self.link.down, self.link.rate = False, None
        if self.disk:
            self.disk.free()
        if self.server and not self.server.process.alive():
            self.server.spawn()
        for node in self.nodes:
            node.wanted = True
            if node.proxy:
                node.proxy.mode = "pass"
            if node.process:
                node.process.resume()
        self.supervise()

    def keep_store(self) -> None:
        """Copies the store to where it outlives the namespaces."""
        if self.disk:
            shutil.copytree(self.disk.folder, self.directory / "store-kept", dirs_exist_ok=True)
