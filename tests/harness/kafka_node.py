"""An Apache Kafka node, to run the tests and the benchmark against the original.

`python3 -m harness.kafka_node`, from tests/, serves one in the foreground and prints its address.
"""

import base64
import subprocess
import tempfile
import uuid
from pathlib import Path

from harness import wire
from harness.process import LOOPBACK, Process, end_children_on_signals, free_ports, wait_until
from harness.toolbox import need
from harness.tools import TOOLS

LOGGING = """\
status = error
appenders = out
appender.out.type = Console
appender.out.name = out
appender.out.target = SYSTEM_ERR
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss,SSS} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
"""


def classpath() -> str:
    return str(TOOLS["kafka"].ensure() / "libs" / "*")


def java(main_class: str, *arguments: str, options=()) -> list[str]:
    program = need("java", "Apache Kafka")
    return [program, *options, "-cp", classpath(), main_class, *arguments]


def logging_option(directory: Path) -> str:
    path = directory / "log4j2.properties"
    path.write_text(LOGGING)
    return f"-Dlog4j2.configurationFile={path}"


class KafkaNode:
    """One KRaft node with its data in a folder of its own."""

    def __init__(self, directory: Path | None = None, heap: str = "768m", settings: dict | None = None):
        self.directory = Path(directory or tempfile.mkdtemp(prefix="kafka-node-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.heap = heap
        self.settings = dict(settings or {})
        self.process: Process | None = None
        self.port, self.controller_port = free_ports(2)

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def _write_config(self) -> Path:
        controller = f"{LOOPBACK}:{self.controller_port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.bootstrap.servers": controller,
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.directory / "data",
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            **self.settings,
        }
        path = self.directory / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return path

    def start(self, timeout: float = 120.0) -> "KafkaNode":
        config = self._write_config()
        option = logging_option(self.directory)
        if not (self.directory / "data").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            subprocess.run(
                java("kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster}",
                     "-c", str(config), options=(option,)),
                check=True, stdout=subprocess.DEVNULL,
            )
        self.spawn()
        wait_until(self._serves, "Apache Kafka to serve", timeout)
        return self

    def spawn(self) -> None:
        options = (f"-Xmx{self.heap}", f"-Xms{self.heap}", "-XX:+UseG1GC",
                   logging_option(self.directory))
        config = str(self.directory / "server.properties")
        self.process = Process(java("kafka.Kafka", config, options=options),
                               self.directory / "kafka.log", cwd=self.directory)

    def _serves(self) -> bool:
        self.process.check_alive()
        return wire.serves(self.bootstrap)

    def stop(self) -> int:
        return self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def __enter__(self) -> "KafkaNode":
        return self.start()

    def __exit__(self, *_exception) -> None:
        if self.process and self.process.alive():
            self.stop()


if __name__ == "__main__":
    end_children_on_signals()
    with KafkaNode() as node:
        print(node.bootstrap, flush=True)
        node.process.child.wait()
