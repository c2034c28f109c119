"""Tidelog brokers as the tests see them: started on free ports, killed, restarted, measured."""

import os
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from harness import wire
from harness.process import LOOPBACK, Failed, Process, free_ports


def binary_path() -> Path:
    """The broker's binary: TIDELOG_BIN."""
    named = os.environ.get("TIDELOG_BIN")
    if not named:
        raise Failed("TIDELOG_BIN does not name the tidelog binary")
    path = Path(named).resolve()
    if not path.is_file():
        raise Failed(f"TIDELOG_BIN={named} is not a file")
    return path


class Broker:
    """One node on one store. It keeps its ports and its log file over restarts."""

    def __init__(self, store: str, args=(), env=None, directory: Path | None = None):
        self.store = store
        self.args = tuple(args)
        self.env = dict(env or {})
        self.directory = Path(directory or tempfile.mkdtemp(prefix="tidelog-broker-"))
        self.log = self.directory / "broker.log"
        self.process: Process | None = None
        self.port, self.http_port = free_ports(2)

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def http(self) -> str:
        return f"http://{LOOPBACK}:{self.http_port}"

    def command(self) -> list[str]:
        return [
            str(binary_path()), "serve", "--store", self.store,
            "--listen", self.bootstrap, "--advertise", self.bootstrap,
            "--http", f"{LOOPBACK}:{self.http_port}", *self.args,
        ]

    def spawn(self) -> None:
        """Starts the process and does not wait for it to serve."""
        self.process = Process(self.command(), self.log, env=self.env)

    def wait_ready(self, timeout: float = 60.0) -> float:
        """Waits until the node answers ApiVersions; returns the seconds that took."""
        begun = time.monotonic()
        while not wire.serves(self.bootstrap):
            self.process.check_alive()
            if time.monotonic() - begun > timeout:
                raise Failed(f"the broker does not serve after {timeout} s:\n{self.process.log_tail()}")
            time.sleep(0.005)
        return time.monotonic() - begun

    def start(self, timeout: float = 60.0) -> "Broker":
        self.spawn()
        self.wait_ready(timeout)
        return self

    def kill(self) -> None:
        self.process.kill()

    def stop(self, timeout: float = 30.0) -> int:
        return self.process.stop(timeout)

    def metrics(self) -> str:
        """The node's metrics page, or nothing where it has none."""
        try:
            with urllib.request.urlopen(f"{self.http}/metrics", timeout=10) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, OSError):
            return ""

    def __enter__(self) -> "Broker":
        return self.start()

    def __exit__(self, *_exception) -> None:
        if self.process and self.process.alive():
            self.stop()


class Cluster:
    """Nodes on one store, with the ids from 1 on, each with a folder of its own."""

    def __init__(self, count: int, store: str, env=None, directory: Path | None = None):
        directory = Path(directory or tempfile.mkdtemp(prefix="tidelog-cluster-"))
        folders = [directory / f"node{number}" for number in range(1, count + 1)]
        for folder in folders:
            folder.mkdir()
        self.nodes = [Broker(store, ("--node-id", str(number)), env, folder)
                      for number, folder in enumerate(folders, 1)]

    @property
    def bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> "Cluster":
        for node in self.nodes:
            node.spawn()
        for node in self.nodes:
            node.wait_ready()
        return self

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def check_alive(self) -> None:
        for node in self.nodes:
            node.process.check_alive()

    def stop(self) -> None:
        for node in self.nodes:
            if node.process and node.process.alive():
                node.stop()

    def __enter__(self) -> "Cluster":
        return self.start()

    def __exit__(self, *_exception) -> None:
        self.stop()
