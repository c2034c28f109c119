"""kafka-topics."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

TOOL = "kafka-topics"


@scenario
def create_and_describe(side: Side) -> None:
    plain, rich, placed = side.named("plain"), side.named("rich"), side.named("placed")
    side.run(TOOL, "--create", "--topic", plain).ok().prints(f"Created topic {plain}.")
    side.run(TOOL, "--create", "--topic", rich, "--partitions", 3, "--replication-factor", 1,
             "--config", "retention.ms=7200000", "--config", "cleanup.policy=compact,delete",
             "--config", "max.message.bytes=2000000", "--config", "message.timestamp.type=LogAppendTime").ok()
    side.run(TOOL, "--create", "--topic", placed, "--replica-assignment", "1,1").ok()
    for name, partitions in ((plain, 1), (rich, 3), (placed, 2)):
        side.until(lambda: side.quiet(TOOL, "--describe", "--topic", name).text.count("Leader: 1") == partitions,
                   f"{name} to be led")
        side.run(TOOL, "--describe", "--topic", name).ok().prints(f"PartitionCount: {partitions}")
    side.run(TOOL, "--list", only=side.tag).ok().prints(plain, rich, placed)
    side.run(TOOL, "--list", "--topic", f"{side.tag}-p.*").ok().prints(plain).lacks(rich)
    side.run(TOOL, "--list", "--exclude-internal", only=side.tag).ok().prints(plain)
    side.run(TOOL, "--describe", "--topics-with-overrides", "--topic", f"{side.tag}-.*", unordered=True).ok()


@scenario
def create_what_exists(side: Side) -> None:
    topic = side.topic("here")
    side.run(TOOL, "--create", "--topic", topic).fails(f"Topic '{topic}' already exists.")
    side.run(TOOL, "--create", "--topic", topic, "--partitions", 4).fails("already exists")
    side.run(TOOL, "--create", "--topic", topic, "--if-not-exists").ok()
    side.run(TOOL, "--describe", "--topic", topic).ok().prints("PartitionCount: 1")


@scenario
def describe_selections(side: Side) -> None:
    topic = side.topic("chosen", "--config", "segment.bytes=1048576", partitions=2)
    every = f"{side.tag}-.*"
    for selection in ("--unavailable-partitions", "--under-replicated-partitions", "--under-min-isr-partitions",
                      "--at-min-isr-partitions", "--exclude-internal"):
        side.run(TOOL, "--describe", selection, "--topic", every).ok()
    text = side.quiet(TOOL, "--describe", "--topic", topic).text
    found = text.split("TopicId: ")[1].split()[0]
    side.run_hidden(TOOL, "--describe", "--topic-id", found, hide=found).ok().prints(topic)
    side.run(TOOL, "--list", "--topic", topic).ok().prints(topic)


@scenario
def describe_unknown(side: Side) -> None:
    missing = side.named("missing")
    side.run(TOOL, "--describe", "--topic", missing).fails(f"Topic '{missing}' does not exist as expected")
    side.run(TOOL, "--describe", "--topic", missing, "--if-exists").ok()
    side.run(TOOL, "--describe", "--topic-id", "AbcdefghijklmnopqrstuQ").fails()
    side.run(TOOL, "--describe", "--topic-id", "nonsense").fails("decoded as 6 bytes")


@scenario
def more_partitions(side: Side) -> None:
    topic, missing = side.topic("grows", partitions=2), side.named("missing")
    side.run(TOOL, "--alter", "--topic", topic, "--partitions", 4).ok()
    side.until(lambda: side.quiet(TOOL, "--describe", "--topic", topic).text.count("Leader: 1") == 4, "4 partitions")
    side.run(TOOL, "--describe", "--topic", topic).ok().prints("PartitionCount: 4")
    side.run(TOOL, "--alter", "--topic", topic, "--partitions", 3).fails(
        "currently has 4 partition(s); 3 would not be an increase")
    side.run(TOOL, "--alter", "--topic", topic, "--partitions", 4).fails("Topic already has 4 partition(s).")
    side.run(TOOL, "--alter", "--topic", topic, "--partitions", 0).fails("0 would not be an increase")
    side.run(TOOL, "--alter", "--topic", missing, "--partitions", 3).fails("does not exist")
    side.run(TOOL, "--alter", "--topic", missing, "--partitions", 3, "--if-exists").ok()
    side.run(TOOL, "--alter", "--topic", topic, "--partitions", 6, "--replica-assignment", "1,1,1,1,1,1").ok()
    side.run(TOOL, "--alter", "--topic", topic, "--partitions", 7, "--replica-assignment", "1,1,1,1,1,1,9").fails()
    side.run(TOOL, "--alter", "--topic", topic, "--partitions", 8, "--replica-assignment", "1,1,1,1,1,1,1").fails()
    side.until(lambda: side.quiet(TOOL, "--describe", "--topic", topic).text.count("Leader: 1") == 6, "6 partitions")
    side.run(TOOL, "--describe", "--topic", topic).ok().prints("PartitionCount: 6")


@scenario
def delete(side: Side) -> None:
    topic, other, missing = side.topic("goes"), side.topic("goes-too"), side.named("missing")
    side.run(TOOL, "--delete", "--topic", topic).ok()
    side.run(TOOL, "--describe", "--topic", topic).fails("does not exist")
    side.run(TOOL, "--delete", "--topic", topic).fails(f"Topic '{topic}' does not exist as expected")
    side.run(TOOL, "--delete", "--topic", missing, "--if-exists").ok()
    side.run(TOOL, "--create", "--topic", topic, "--partitions", 2).ok()
    side.run(TOOL, "--delete", "--topic", f"{side.tag}-goes.*").ok()
    side.run(TOOL, "--list", only=side.tag).ok().lacks(other)


@scenario
def bad_shapes(side: Side) -> None:
    topic = side.named("never")
    for arguments in (("--partitions", 0), ("--partitions", -1), ("--replication-factor", 0),
                      ("--replica-assignment", "7"), ("--replica-assignment", "1:1"),
                      ("--replica-assignment", "1,1:2"), ("--partitions", 2, "--replica-assignment", "1")):
        side.run(TOOL, "--create", "--topic", topic, *arguments).fails()
    side.run(TOOL, "--create", "--topic", topic, "--replication-factor", 2, differs="replication factor")
    side.run(TOOL, "--create", "--topic", side.named("many"), "--partitions", 100_000).fails(
        "Excessively large number of partitions per request.")


@scenario
def bad_names(side: Side) -> None:
    for name in ("bad/name", "spaced name", ".", "..", "", "a" * 250, "ünicode"):
        side.run(TOOL, "--create", "--topic", name).fails()
    longest = side.named("l") + "o" * 249
    side.run(TOOL, "--create", "--topic", longest[:249]).ok()
    dotted = side.named("with.dot_and")
    side.run(TOOL, "--create", "--topic", dotted).ok().prints("could collide")
    side.run(TOOL, "--create", "--topic", dotted.replace("_", ".")).fails(f"collides with existing topic: {dotted}")
    side.run(TOOL, "--create", "--topic", dotted.replace(".", "_"), "--if-not-exists").fails("collides")


@scenario
def bad_configs(side: Side) -> None:
    topic = side.named("never")
    for config in ("nope=1", "retention.ms=abc", "retention.ms=-5", "cleanup.policy=shred", "retention.ms",
                   "min.insync.replicas=0", "compression.type=nope", "segment.bytes=1", "max.message.bytes=-1",
                   "message.timestamp.type=Sometimes", "cleanup.policy=", "min.cleanable.dirty.ratio=2",
                   "remote.storage.enable=true", "flush.ms=-1"):
        side.run(TOOL, "--create", "--topic", topic, "--config", config).fails()
    side.run(TOOL, "--create", "--topic", topic, "--config", "max.compaction.lag.ms=1",
             "--config", "min.compaction.lag.ms=2").fails("conflict topic config setting")
    side.run(TOOL, "--alter", "--topic", topic, "--config", "retention.ms=1").fails()
    side.run(TOOL, "--list", only=side.tag).ok().lacks(topic)


@scenario
def wrong_use(side: Side) -> None:
    side.run(TOOL).fails("exactly one action")
    side.run(TOOL, "--create").fails("Missing required argument")
    side.run(TOOL, "--version").ok().prints("4.3.1")
