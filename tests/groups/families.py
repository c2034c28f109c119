"""The clients that can be members of groups: the program of each, and how it is started."""

import functools
import os
import subprocess
import tempfile
from pathlib import Path

from harness.kafka_node import classpath, logging_option
from harness.toolbox import need
from harness.tools import TOOLS
from harness.venv import interpreter

PROGRAMS = Path(__file__).parent / "programs"
TOOL = {"librdkafka": "python", "kafka-python": "python", "kafka-python-3": "kafka-python-3", "aiokafka": "python",
        "kafkajs": "kafkajs", "java": "kafka", "java-share": "kafka",
        "franz-go": "franz-go"}
"""What each needs to be installed."""


def _python(tool: str, program: str) -> tuple[list[str], dict[str, str]]:
    return [interpreter(tool), "-B", str(PROGRAMS / program)], {}


@functools.cache
def _compiled() -> Path:
    home = Path(tempfile.mkdtemp(prefix="java-member-"))
    compiler = need("javac", "Kafka's own consumer")
    subprocess.run([compiler, "-cp", classpath(), "-d", str(home), *map(str, PROGRAMS.glob("*.java"))], check=True)
    return home


def _java(program: str) -> tuple[list[str], dict[str, str]]:
    home = _compiled()
    options = ["-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", logging_option(home)]
    return [need("java", "Kafka's own consumer"), *options, "-cp", f"{home}{os.pathsep}{classpath()}", program], {}


def _node() -> tuple[list[str], dict[str, str]]:
    environment = {"KAFKAJS_HOME": str(TOOLS["kafkajs"].ensure()), "KAFKAJS_NO_PARTITIONER_WARNING": "1"}
    return [need("node", "KafkaJS"), str(PROGRAMS / "kafkajs_member.js")], environment


def command(family: str) -> tuple[list[str], dict[str, str]]:
    """The member's program, which takes what it is to do as one argument in JSON, and its environment."""
    match family:
        case "librdkafka":
            return _python("python", "librdkafka.py")
        case "kafka-python" | "kafka-python-3":
            return _python(TOOL[family], "kafka_python.py")
        case "aiokafka":
            return _python("python", "aiokafka_member.py")
        case "kafkajs":
            return _node()
        case "java":
            return _java("Member")
        case "java-share":
            return _java("ShareMember")
        case "franz-go":
            return [str(TOOLS["franz-go"].ensure() / "member")], {}
    raise ValueError(f"no family {family!r}")
