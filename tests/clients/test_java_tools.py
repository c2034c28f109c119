"""Apache Kafka's own command-line tools."""

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
