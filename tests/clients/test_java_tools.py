"""Apache Kafka's own command-line tools."""

import json
import uuid

import pytest

pytestmark = pytest.mark.needs("kafka")
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@pytest.fixture
def run(java_tools, bootstrap):
    """Runs a tool on the broker under test."""

    def run(tool, *arguments, **options):
        return java_tools.run(tool, "--bootstrap-server", bootstrap, *arguments, **options)

    return run


@pytest.fixture
def topic_of_five(run, topic):
    lines = b"".join(b"%d\n" % index for index in range(5))
    run("ConsoleProducer", "--topic", topic, stdin=lines).checked()
    return topic


def test_broker_api_versions(run):
    text = run("BrokerApiVersionsCommand").checked().text
    for api in ("Produce(0): 0 to 13 [usable: 13]", "Fetch(1): 4 to 18 [usable: 18]",
                "ListOffsets(2): 1 to 11 [usable: 11]", "Metadata(3): 0 to 13 [usable: 13]",
                "ApiVersions(18): 0 to 4 [usable: 4]"):
        assert api in text, api
    assert "UNSUPPORTED" not in text.split("Produce(0)")[1].splitlines()[0]


def test_cluster_id(java_tools, bootstrap):
    outcome = java_tools.run("ClusterTool", "cluster-id", "--bootstrap-server", bootstrap).checked()
    assert outcome.text.startswith("Cluster ID: ") and len(outcome.text.split(": ")[1].strip()) > 8


def test_topics_are_created_listed_described_and_deleted(run):
    name = f"java-{uuid.uuid4().hex[:8]}"
    created = run("TopicCommand", "--create", "--topic", name, "--partitions", "3",
                  "--replication-factor", "1", "--config", "retention.ms=7200000").checked()
    assert f"Created topic {name}." in created.text
    assert name in run("TopicCommand", "--list").checked().text.split()
    described = run("TopicCommand", "--describe", "--topic", name).checked().text
    assert "PartitionCount: 3" in described and "retention.ms=7200000" in described
    assert described.count("Leader: ") == 3 and "Leader: none" not in described
    again = run("TopicCommand", "--create", "--topic", name)
    assert again.status == 1 and "already exists" in again.text
    run("TopicCommand", "--create", "--if-not-exists", "--topic", name).checked()
    run("TopicCommand", "--delete", "--topic", name).checked()
    missing = run("TopicCommand", "--describe", "--topic", name)
    assert missing.status == 1 and "does not exist" in missing.text


def test_topics_with_the_brokers_own_defaults(run):
    name = f"java-{uuid.uuid4().hex[:8]}"
    run("TopicCommand", "--create", "--topic", name).checked()
    described = run("TopicCommand", "--describe", "--topic", name).checked().text
    assert "ReplicationFactor: 1" in described
    run("TopicCommand", "--delete", "--topic", name).checked()


def test_configs_of_a_topic(run, make_topic):
    topic = make_topic(config={"retention.ms": "7200000"})
    tool, entity = "kafka.admin.ConfigCommand", ("--entity-type", "topics", "--entity-name", topic)
    changed = run(tool, "--describe", *entity).checked().text
    assert "retention.ms=7200000" in changed and "cleanup.policy" not in changed
    everything = run(tool, "--describe", "--all", *entity).checked().text
    assert "cleanup.policy=delete" in everything
    assert "DYNAMIC_TOPIC_CONFIG:retention.ms=7200000" in everything


def test_console_producer_and_consumer(run, topic_of_five):
    def read(*arguments):
        return run("consumer.ConsoleConsumer", "--topic", topic_of_five, "--partition", "0",
                   "--timeout-ms", "60000", *arguments).checked().text.split()

    assert read("--offset", "earliest", "--max-messages", "5") == ["0", "1", "2", "3", "4"]
    assert read("--offset", "3", "--max-messages", "2") == ["3", "4"]


def test_console_consumer_gives_up_at_the_end(run, topic_of_five):
    outcome = run("consumer.ConsoleConsumer", "--topic", topic_of_five, "--partition", "0",
                  "--offset", "latest", "--timeout-ms", "2000")
    assert outcome.text == "" and "Processed a total of 0 messages" in outcome.stderr


def test_offsets(run, topic_of_five):
    def offsets(*arguments):
        return run("GetOffsetShell", "--topic", topic_of_five, *arguments).checked().text.strip()

    assert offsets() == f"{topic_of_five}:0:5"
    assert offsets("--time", "earliest") == f"{topic_of_five}:0:0"
    assert offsets("--time", "latest") == f"{topic_of_five}:0:5"
    at_largest_time = int(offsets("--time", "max-timestamp").rsplit(":", 1)[1])
    assert 0 <= at_largest_time < 5


@pytest.fixture
def delete_records(run, tmp_path):
    """Has records of partition 0 deleted up to an offset."""

    def delete(topic, offset):
        wanted = tmp_path / "offsets.json"
        partition = {"topic": topic, "partition": 0, "offset": offset}
        wanted.write_text(json.dumps({"partitions": [partition], "version": 1}))
        return run("DeleteRecordsCommand", "--offset-json-file", wanted)

    return delete


def test_records_are_deleted(run, topic_of_five, delete_records):
    def offsets(*arguments):
        return run("GetOffsetShell", "--topic", topic_of_five, *arguments).checked().text.strip()

    assert f"partition: {topic_of_five}-0\tlow_watermark: 3" in delete_records(topic_of_five, 3).checked().text
    assert offsets("--time", "earliest") == f"{topic_of_five}:0:3"
    assert offsets("--time", "latest") == f"{topic_of_five}:0:5"
    read = run("consumer.ConsoleConsumer", "--topic", topic_of_five, "--partition", "0", "--timeout-ms", "60000",
               "--offset", "earliest", "--max-messages", "2").checked()
    assert read.text.split() == ["3", "4"]
    back = delete_records(topic_of_five, 1).checked()
    assert f"partition: {topic_of_five}-0\tlow_watermark: 3" in back.text
    beyond = delete_records(topic_of_five, 6)
    assert "OffsetOutOfRangeException" in beyond.text + beyond.stderr
    everything = delete_records(topic_of_five, -1).checked()
    assert f"partition: {topic_of_five}-0\tlow_watermark: 5" in everything.text
    assert offsets("--time", "earliest") == f"{topic_of_five}:0:5"


def test_records_of_a_compacted_topic_are_not_deleted(make_topic, delete_records):
    refused = delete_records(make_topic(config={"cleanup.policy": "compact"}), 0)
    assert "PolicyViolationException" in refused.text + refused.stderr


def test_the_log_dirs(run, topic_of_five):
    text = run("LogDirsCommand", "--describe", "--topic-list", topic_of_five).checked().text
    described = json.loads(next(line for line in text.splitlines() if line.startswith("{")))
    [directory] = [found for broker in described["brokers"] for found in broker["logDirs"] if found["partitions"]]
    [partition] = directory["partitions"]
    assert directory["error"] is None and partition["partition"] == f"{topic_of_five}-0"
    assert partition["size"] > 60 and (partition["offsetLag"], partition["isFuture"]) == (0, False)


@pytest.mark.parametrize("codec", ["uncompressed", *CODECS[1:]])
def test_a_topic_that_compresses_anew(run, make_topic, codec):
    topic = make_topic(config={"compression.type": codec})
    lines = b"".join(b"%d\n" % index for index in range(200))
    for sent in ("none", "gzip"):
        run("ConsoleProducer", "--topic", topic, "--command-property", f"compression.type={sent}",
            stdin=lines).checked()
    read = run("consumer.ConsoleConsumer", "--topic", topic, "--partition", "0", "--timeout-ms", "60000",
               "--offset", "earliest", "--max-messages", "400").checked()
    assert read.text.split() == [str(index) for index in range(200)] * 2


@pytest.mark.parametrize("codec", CODECS)
def test_producer_performance(run, make_topic, codec):
    topic = make_topic(partitions=3)
    text = run(
        "ProducerPerformance", "--topic", topic, "--num-records", "5000", "--record-size", "500",
        "--throughput", "-1", "--command-property", "acks=all",
        "--command-property", f"compression.type={codec}",
    ).checked().text
    assert "5000 records sent" in text
    ends = run("GetOffsetShell", "--topic", topic).checked().text.split()
    assert sum(int(line.rsplit(":", 1)[1]) for line in ends) == 5_000


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_producing_with_every_level_of_acknowledgement(run, make_topic, acks):
    topic = make_topic()
    run("ConsoleProducer", "--topic", topic, "--command-property", f"acks={acks}",
        "--command-property", "enable.idempotence=false", stdin=b"a\nb\nc\n").checked()
    found = run("consumer.ConsoleConsumer", "--topic", topic, "--partition", "0",
                "--offset", "earliest", "--max-messages", "3", "--timeout-ms", "60000").checked()
    assert found.text.split() == ["a", "b", "c"]
