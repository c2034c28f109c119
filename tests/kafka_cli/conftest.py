"""One Kafka node, one Tidelog node and one JVM for all scenarios.

TIDELOG_TEST_CLI names families or `family/scenario`, or is `all`; default: what served.py lists.
TIDELOG_TEST_TARGET=kafka leaves Tidelog out: does Kafka do what the scenarios expect?
"""

import os
import signal
import uuid
from contextlib import ExitStack

import pytest

from harness.java_tools import JavaTools
from harness.process import end_children_on_signals
from harness.toolbox import Unavailable
from harness.tools import TOOLS
from kafka_cli import nodes
from kafka_cli.scenarios import chosen
from kafka_cli.served import SERVED
from kafka_cli.side import Side

LONGEST_TEST_SECONDS = 240
end_children_on_signals()


def pytest_generate_tests(metafunc):
    if "scenario" in metafunc.fixturenames:
        named = os.environ.get("TIDELOG_TEST_CLI", " ".join(SERVED)).split()
        found = chosen([] if named == ["all"] else named)
        metafunc.parametrize("scenario", found, ids=str)


@pytest.fixture(autouse=True)
def _no_hang():
    """Turns a test that hangs into one that fails."""

    def give_up(_signal, _frame):
        raise TimeoutError(f"a test took longer than {LONGEST_TEST_SECONDS} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST_TEST_SECONDS)
    yield
    signal.alarm(0)


@pytest.fixture(scope="session")
def sides_for(tmp_path_factory):
    """Gives the sides for a scenario."""
    try:
        TOOLS["kafka"].ensure()
    except Unavailable as reason:
        pytest.skip(f"kafka is left out: {reason}")
    directory, run = tmp_path_factory.mktemp("kafka-cli"), uuid.uuid4().hex[:4]
    with ExitStack() as stack:
        addresses = {"kafka": stack.enter_context(nodes.kafka(directory / "kafka"))}
        if os.environ.get("TIDELOG_TEST_TARGET") != "kafka":
            addresses["tidelog"] = stack.enter_context(nodes.tidelog(directory / "tidelog"))
        tools = JavaTools()
        stack.callback(tools.close)
        tags = {}

        def give(scenario) -> list[Side]:
            tag = tags.setdefault(str(scenario), f"{run}-{len(tags)}")
            return [Side(name, address, tools, tag) for name, address in addresses.items()]

        yield give
