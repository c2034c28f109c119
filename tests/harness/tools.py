"""The tools themselves: what is pinned, and how each is built."""

import json
import os
import shutil
from pathlib import Path
from typing import Callable

from harness.toolbox import Tool, Unavailable, need, run, venv

KAFKA_VERSION = "4.3.1"
LOG4J_VERSION = "2.25.2"
KAFKA_ARTIFACTS = ("kafka_2.13", "kafka-tools", "kafka-clients")
LOG4J_ARTIFACTS = ("log4j-slf4j-impl", "log4j-core")

PYTHON_CLIENTS = (
    "kafka-python==2.3.3",
    "confluent-kafka==2.16.1",
    "aiokafka==0.14.0",
    "cramjam==2.14.0",
    "python-snappy==0.7.3",
    "lz4==4.4.5",
    "zstandard==0.25.0",
    "pytest==9.2.0",
)
NEWEST_KAFKA_PYTHON = ("kafka-python==3.0.12",)
MINISTACK = ("ministack==1.5.33",)
NODE_PACKAGES = {
    "kafkajs": "2.2.4",
    "kafkajs-snappy": "1.1.0",
    "lz4-napi": "2.10.0",
    "@bokuweb/zstd-wasm": "0.0.27",
}
FRANZ = Path(__file__).resolve().parent.parent / "groups/programs/franz"
FRANZ_FILES = ("go.mod", "go.sum", "main.go")
MINIO = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"


def build_kafkajs(home: Path) -> None:
    npm = need("npm", "KafkaJS")
    need("node", "KafkaJS")
    manifest = {"name": "tidelog-tests", "private": True, "dependencies": NODE_PACKAGES}
    (home / "package.json").write_text(json.dumps(manifest))
    run([npm, "install", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts"],
        "npm install", cwd=home)


def kafka_pom() -> str:
    wanted = [("org.apache.kafka", name, KAFKA_VERSION) for name in KAFKA_ARTIFACTS]
    wanted += [("org.apache.logging.log4j", name, LOG4J_VERSION) for name in LOG4J_ARTIFACTS]
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, name, version in wanted
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        "<groupId>tidelog</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def build_kafka(home: Path) -> None:
    need("java", "Apache Kafka")
    mvn = need("mvn", "Apache Kafka")
    (home / "pom.xml").write_text(kafka_pom())
    run([mvn, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={home / 'libs'}"],
        "mvn dependency:copy-dependencies", cwd=home)


def build_minio(home: Path) -> None:
    go = need("go", "MinIO")
    environment = dict(os.environ, CGO_ENABLED="0", GOBIN=str(home), GOFLAGS="-p=1")
    run([go, "install", MINIO], "go install", env=environment, cwd=home)


def build_franz_go(home: Path) -> None:
    go = need("go", "franz-go")
    environment = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-p=1 -mod=readonly")
    run([go, "build", "-trimpath", "-o", home / "member", "."], "go build", env=environment, cwd=FRANZ)


def debian_package(package: str, present: Callable[[], bool]) -> Callable[[Path], None]:
    def build(_home: Path) -> None:
        if present():
            return
        apt = need("apt-get", package)
        if os.geteuid() != 0:
            raise Unavailable(f"installing {package} with apt-get needs root")
        quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        install = [apt, "install", "-y", "-q", "--no-install-recommends", package]
        try:
            run(install, "apt-get install", env=quiet)
        except Unavailable:
            run([apt, "update", "-q"], "apt-get update", env=quiet)
            run(install, "apt-get install", env=quiet)
        if not present():
            raise Unavailable(f"apt-get installed {package}, but it is not found")

    return build


def has_kcat() -> bool:
    return shutil.which("kcat") is not None


def has_librdkafka() -> bool:
    return any(
        (Path(root) / "librdkafka/rdkafka.h").exists()
        for root in ("/usr/include", "/usr/local/include")
    )


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("python", "Python clients and pytest", PYTHON_CLIENTS, venv(PYTHON_CLIENTS)),
        Tool("kafka-python-3", "kafka-python's newest major version", NEWEST_KAFKA_PYTHON,
             venv(NEWEST_KAFKA_PYTHON)),
        Tool("ministack", "an S3 server", MINISTACK, venv(MINISTACK)),
        Tool("kcat", "kcat, by apt-get", ("kcat",),
             debian_package("kcat", has_kcat), present=has_kcat),
        Tool("kafkajs", "KafkaJS and its codecs",
             tuple(f"{name}@{version}" for name, version in NODE_PACKAGES.items()), build_kafkajs),
        Tool("franz-go", "a group's member in Go",
             tuple((FRANZ / name).read_text() for name in FRANZ_FILES), build_franz_go),
        Tool("kafka", "Apache Kafka, its tools and its broker", (kafka_pom(),), build_kafka),
        Tool("librdkafka", "librdkafka's headers, for the benchmark", ("librdkafka-dev",),
             debian_package("librdkafka-dev", has_librdkafka), on_request=True,
             present=has_librdkafka),
        Tool("minio", "MinIO, about five minutes to build", (MINIO,), build_minio,
             on_request=True),
    )
}
DEFAULT = [name for name, tool in TOOLS.items() if not tool.on_request]
