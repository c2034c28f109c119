"""Calls KafkaJS scenarios."""

import base64
import json
import os
import subprocess
from pathlib import Path

from harness.toolbox import need
from harness.tools import TOOLS

SCRIPT = Path(__file__).parent / "kafkajs" / "run.js"


class KafkaJSError(Exception):
    """What KafkaJS threw: `kind` is its name, `type` Kafka's error name where there is one."""

    def __init__(self, error: dict):
        super().__init__(f"{error['name']} ({error.get('type')}): {error['message']}")
        self.kind = error["name"]
        self.type = error.get("type")


def encode(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def call(bootstrap: str, action: str, timeout: float = 90, **request):
    environment = dict(os.environ, KAFKAJS_HOME=str(TOOLS["kafkajs"].ensure()),
                       KAFKAJS_NO_PARTITIONER_WARNING="1")
    done = subprocess.run(
        [need("node", "KafkaJS"), str(SCRIPT)],
        input=json.dumps({"bootstrap": bootstrap, "action": action, **request}).encode(),
        stdout=subprocess.PIPE, env=environment, timeout=timeout, check=True,
    )
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise KafkaJSError(answer["error"])
    return answer["result"]


def admin(bootstrap: str, *calls):
    """Runs (method, argument) pairs on one admin client; returns their results."""
    return call(bootstrap, "admin", calls=[list(pair) for pair in calls])
