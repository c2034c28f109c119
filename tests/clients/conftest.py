"""What the client tests run against, and what they share.

TIDELOG_TEST_BOOTSTRAP=host:port names a broker that runs already. Otherwise a broker is started
for the run: TIDELOG_TEST_TARGET=kafka an Apache Kafka node, else tidelog on TIDELOG_TEST_STORE,
which is `file` (the default), `memory`, `s3` (ministack), `minio`, or a store's URL; with
TIDELOG_TEST_NODES as many nodes on it.
"""

import os
import signal
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from adapters import CLIENTS  # noqa: E402
from broker import Cluster  # noqa: E402
from harness.java_tools import JavaTools  # noqa: E402
from harness.kafka_node import KafkaNode  # noqa: E402
from harness.process import end_children_on_signals, wait_until  # noqa: E402
from harness.s3 import SERVERS  # noqa: E402
from harness.toolbox import Unavailable  # noqa: E402
from harness.tools import TOOLS  # noqa: E402

LONGEST_TEST_SECONDS = 180
end_children_on_signals()


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(tool): skipped where that tool is left out")


def require(tool: str) -> None:
    try:
        TOOLS[tool].ensure()
    except Unavailable as reason:
        pytest.skip(f"{tool} is left out: {reason}")


@pytest.fixture(autouse=True)
def _needed_tools(request):
    for marker in request.node.iter_markers("needs"):
        require(marker.args[0])


@pytest.fixture(autouse=True)
def _no_hang():
    """Turns a test that hangs into one that fails."""

    def give_up(_signal, _frame):
        raise TimeoutError(f"a test took longer than {LONGEST_TEST_SECONDS} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST_TEST_SECONDS)
    yield
    signal.alarm(0)


@dataclass(frozen=True)
class Target:
    """The broker under test, or several. `restart` is there where they can be killed and started, and keep their data."""

    bootstrap: str
    """One address, or several with commas between them."""
    restart: Callable[[], None] | None = None


@pytest.fixture(scope="session")
def target(tmp_path_factory):
    running = os.environ.get("TIDELOG_TEST_BOOTSTRAP")
    if running:
        yield Target(running)
        return
    directory = tmp_path_factory.mktemp("target")
    if os.environ.get("TIDELOG_TEST_TARGET") == "kafka":
        with KafkaNode(directory) as node:
            yield Target(node.bootstrap, lambda: (node.stop(), node.start()))
        return
    store = os.environ.get("TIDELOG_TEST_STORE", "file")
    if store in SERVERS:
        with SERVERS[store](directory / "store") as server:
            yield from _serve(server.store_url(), server.env, directory)
        return
    urls = {"file": f"file://{directory / 'store'}", "memory": "memory://"}
    (directory / "store").mkdir(exist_ok=True)
    yield from _serve(urls.get(store, store), {}, directory)


def _serve(store: str, env: dict[str, str], directory: Path):
    with Cluster(int(os.environ.get("TIDELOG_TEST_NODES", "1")), store, env, directory) as cluster:
        restart = None if store == "memory://" else lambda: (cluster.kill(), cluster.start())
        yield Target(cluster.bootstrap, restart)
        cluster.check_alive()


@pytest.fixture(scope="session")
def bootstrap(target) -> str:
    return target.bootstrap


@pytest.fixture(scope="session")
def host(bootstrap) -> str:
    return bootstrap.split(",")[0].rsplit(":", 1)[0]


@pytest.fixture(scope="session")
def port(bootstrap) -> int:
    return int(bootstrap.split(",")[0].rsplit(":", 1)[1])


@pytest.fixture(scope="session")
def admin(bootstrap):
    from confluent_kafka.admin import AdminClient

    return AdminClient({"bootstrap.servers": bootstrap})


def _has_leaders(admin, name: str, partitions: int) -> bool:
    """Apache Kafka answers CreateTopics before its own node has the partitions."""
    found = admin.list_topics(name, timeout=10).topics[name].partitions.values()
    return len(found) == partitions and all(part.leader >= 0 for part in found)


@pytest.fixture(scope="session")
def make_topic(admin):
    """Creates a topic with a name of its own and waits until it is there."""
    from confluent_kafka.admin import NewTopic

    def make(prefix: str = "topic", partitions: int = 1, config: dict | None = None) -> str:
        name = f"{prefix}-{uuid.uuid4().hex[:10]}"
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config or {})
        admin.create_topics([topic])[name].result(30)
        wait_until(lambda: _has_leaders(admin, name, partitions), f"{name} to be led")
        return name

    return make


@pytest.fixture
def topic(make_topic) -> str:
    return make_topic()


@pytest.fixture(scope="session")
def java_tools():
    require("kafka")
    tools = JavaTools()
    yield tools
    tools.close()


TOOL_OF_CLIENT = {"kafkajs": "kafkajs", "kcat": "kcat", "java": "kafka"}


@pytest.fixture(scope="session")
def client(request):
    """Gives the adapter of a client by name, or skips where its tool is left out."""

    def get(name: str):
        if name in TOOL_OF_CLIENT:
            require(TOOL_OF_CLIENT[name])
        tools = request.getfixturevalue("java_tools") if name == "java" else None
        return CLIENTS[name](tools)

    return get
