"""kafka-python's newest major version, which speaks newer protocol versions, in its own environment."""

import json
import subprocess
from pathlib import Path

import pytest
from harness.tools import TOOLS

pytestmark = pytest.mark.needs("kafka-python-3")
SCRIPT = Path(__file__).parent / "kafka_python_3.py"


@pytest.fixture(scope="module")
def answer(bootstrap, make_topic):
    topic = make_topic("kafka-python-3", partitions=2)
    done = subprocess.run(
        [TOOLS["kafka-python-3"].home / "bin/python", SCRIPT, bootstrap, topic],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout), topic=topic)


def test_produces(answer):
    assert answer["produced"] == list(range(50))


def test_consumes_what_it_produced(answer):
    assert answer["consumed"] == [f"value {index}" for index in range(50)]


def test_looks_up_offsets(answer):
    assert (answer["beginning"], answer["end"]) == (0, 50)


def test_lists_topics(answer):
    assert answer["topic"] in answer["topics"]


def test_creates_and_deletes_topics(answer):
    assert answer["created_is_listed"] and answer["deleted_is_gone"]
