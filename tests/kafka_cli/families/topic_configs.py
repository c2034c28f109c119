"""kafka-configs for topics."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

TOOL = "kafka-configs"


def entity(name: str) -> tuple[str, ...]:
    return "--entity-type", "topics", "--entity-name", name


@scenario
def describe(side: Side) -> None:
    plain = side.topic("plain")
    rich = side.topic("rich", "--config", "retention.ms=7200000", "--config", "cleanup.policy=compact,delete")
    for topic in (plain, rich):
        side.run(TOOL, "--describe", *entity(topic)).ok()
        side.run(TOOL, "--describe", "--all", *entity(topic)).ok().prints("segment.bytes=1073741824")
    side.run(TOOL, "--describe", "--topic", rich).ok().prints("retention.ms=7200000")
    side.run(TOOL, "--describe", "--entity-type", "topics", only=side.tag, unordered=True).ok().prints(plain)


@scenario
def describe_unknown(side: Side) -> None:
    missing = side.named("missing")
    side.run(TOOL, "--describe", *entity(missing)).ok().prints("doesn't exist and doesn't have dynamic config")
    side.run(TOOL, "--describe", "--all", *entity(missing)).fails("UnknownTopicOrPartitionException")
    side.run(TOOL, "--describe", *entity("bad/name")).fails("Topic name is invalid")
    side.run(TOOL, "--describe", "--entity-type", "nonsense").fails("Invalid entity type nonsense")


@scenario
def alter(side: Side) -> None:
    topic = side.topic("t")

    def change(*arguments) -> None:
        side.run(TOOL, "--alter", *entity(topic), *arguments).ok().prints(f"Completed updating config for topic {topic}.")
        side.run(TOOL, "--describe", *entity(topic)).ok()

    change("--add-config", "retention.ms=1000")
    change("--add-config", "retention.ms=2000,max.message.bytes=5000")
    change("--add-config", "cleanup.policy=[compact,delete],min.cleanable.dirty.ratio=0.25")
    change("--add-config", "leader.replication.throttled.replicas=[0:1,1:1]")
    change("--delete-config", "retention.ms")
    change("--delete-config", "retention.ms")
    change("--delete-config", "nope")
    change("--add-config", "retention.ms=5", "--delete-config", "cleanup.policy,max.message.bytes")
    change("--add-config", "cleanup.policy=")
    change("--add-config-file", side.file("configs", "retention.bytes=77\ncompression.type=zstd\n"))
    side.run("kafka-topics", "--describe", "--topic", topic).ok()
    side.run(TOOL, "--describe", "--all", *entity(topic)).ok()


@scenario
def alter_wrongly(side: Side) -> None:
    topic = side.topic("t", "--config", "retention.ms=7000")
    for config in ("nope=1", "retention.ms=abc", "retention.ms=", "retention.ms", "retention.ms=-5",
                   "cleanup.policy=shred", "cleanup.policy=[compact,shred]", "cleanup.policy=[compact,]",
                   "leader.replication.throttled.replicas=[0:1,nonsense]",
                   "min.insync.replicas=0", "compression.type=nope", "segment.bytes=1", "segment.ms=0",
                   "message.timestamp.type=Sometimes", "min.compaction.lag.ms=9,max.compaction.lag.ms=3",
                   "retention.ms=1,nope=1", "remote.storage.enable=true", "unclean.leader.election.enable=maybe"):
        side.run(TOOL, "--alter", *entity(topic), "--add-config", config).fails()
    side.run(TOOL, "--alter", *entity(side.named("missing")), "--add-config", "retention.ms=1").fails("does not exist")
    side.run(TOOL, "--alter", *entity(side.named("missing")), "--delete-config", "retention.ms").fails()
    side.run(TOOL, "--alter", *entity(topic)).fails("At least one of")
    side.run(TOOL, "--describe", *entity(topic)).ok().prints("retention.ms=7000")
