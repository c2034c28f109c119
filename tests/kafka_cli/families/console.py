"""kafka-console-producer and kafka-console-consumer."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

PRODUCER, CONSUMER = "kafka-console-producer", "kafka-console-consumer"
PRINT = [word for name in ("key", "value", "headers", "timestamp", "partition", "offset", "epoch")
         for word in ("--formatter-property", f"print.{name}=true")]
ENOUGH = ("--timeout-ms", 20000)
PROTOCOLS = ("classic", "consumer")


def read(side: Side, topic: str, *arguments, **options):
    return side.run(CONSUMER, "--topic", topic, *arguments, **options)


@scenario
def keys_and_headers(side: Side) -> None:
    topic = side.topic("t")
    side.run(PRODUCER, "--topic", topic, stdin=b"plain\n\nafter an empty line\n").ok()
    side.run(PRODUCER, "--topic", topic, "--reader-property", "parse.key=true", stdin=b"k1\tv1\nk2\tv2\ttab\n").ok()
    side.run(PRODUCER, "--topic", topic, "--reader-property", "parse.key=true", "--reader-property",
             "parse.headers=true", "--reader-property", "null.marker=NULL",
             stdin="h1:a,h2:b\tk1\tv4\nNULL\tNULL\tNULL\nh:ü\tkö\tvß\n".encode()).ok()
    side.run(PRODUCER, "--topic", topic, "--reader-property", "parse.key=true", stdin=b"nokey\n").fails(
        "No key separator found on line number 1")
    side.run(PRODUCER, "--topic", topic, "--reader-property", "parse.key=true", "--reader-property",
             "ignore.error=true", "--reader-property", "key.separator=|", stdin=b"nokey\nk|v\n").ok()
    read(side, topic, "--from-beginning", "--max-messages", 10, *PRINT, *ENOUGH).ok().prints("Offset:9")
    read(side, topic, "--from-beginning", "--max-messages", 10, "--formatter-property", "null.literal=NIL",
         "--formatter-property", "print.key=true", "--formatter-property", "key.separator=|", *ENOUGH).ok().prints("NIL|NIL")


@scenario
def timestamps(side: Side) -> None:
    for kind in ("CreateTime", "LogAppendTime"):
        topic = side.topic(kind, "--config", f"message.timestamp.type={kind}")
        side.produce(topic, "one")
        read(side, topic, "--from-beginning", "--max-messages", 1, "--formatter-property", "print.timestamp=true",
             *ENOUGH).ok().prints(f"{kind}:")


@scenario
def partitions_and_offsets(side: Side) -> None:
    topic = side.six_keyed("t")
    for arguments in (("0", "earliest", 4), ("0", "2", 2), ("1", "0", 1), ("1", "1", 1)):
        partition, offset, count = arguments
        read(side, topic, "--partition", partition, "--offset", offset, "--max-messages", count, *PRINT, *ENOUGH).ok()
    read(side, topic, "--partition", 0, "--offset", "latest", "--timeout-ms", 1500).prints("Processed a total of 0")
    read(side, topic, "--partition", 0, "--offset", 99, "--timeout-ms", 1500).prints("Processed a total of 0")
    read(side, topic, "--partition", 0, "--offset", "nonsense").fails()
    read(side, topic, "--offset", "0").fails("The partition is required")
    read(side, topic, "--partition", 0, "--from-beginning", "--max-messages", 4, *ENOUGH).ok()


@scenario
def groups(side: Side) -> None:
    for protocol in PROTOCOLS:
        group, topic = side.named(protocol), side.six_keyed(f"for-{protocol}")
        chosen = ("--group", group, "--command-property", f"group.protocol={protocol}")
        read(side, topic, "--from-beginning", "--max-messages", 6, *chosen, *ENOUGH, unordered=True).ok()
        side.until_state(group, "Empty")
        side.run("kafka-consumer-groups", "--describe", "--group", group).ok()
        side.produce(topic, "a=again")
        read(side, topic, "--max-messages", 1, *chosen, *ENOUGH).ok().prints("again")
        side.until_state(group, "Empty")
        side.run("kafka-consumer-groups", "--describe", "--group", group, "--verbose").ok()
        read(side, topic, *chosen, "--timeout-ms", 1500).prints("Processed a total of 0")


@scenario
def patterns(side: Side) -> None:
    for name in ("red", "green"):
        side.produce(side.topic(f"pattern-{name}"), name)
    for protocol in PROTOCOLS:
        side.run(CONSUMER, "--include", f"{side.tag}-pattern.*", "--from-beginning", "--max-messages", 2,
                 "--command-property", f"group.protocol={protocol}", *ENOUGH, unordered=True).ok().prints("red", "green")


@scenario
def isolation_and_deserializers(side: Side) -> None:
    topic = side.topic("t")
    side.produce(topic, "12345678", "abcdefgh")
    for level in ("read_uncommitted", "read_committed"):
        read(side, topic, "--from-beginning", "--isolation-level", level, "--max-messages", 2, *ENOUGH).ok()
    read(side, topic, "--from-beginning", "--max-messages", 2, "--formatter-property",
         "value.deserializer=org.apache.kafka.common.serialization.LongDeserializer", *ENOUGH).ok()
    read(side, topic, "--from-beginning", "--isolation-level", "nonsense").fails()


@scenario
def producer_settings(side: Side) -> None:
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        topic = side.topic(codec)
        side.run(PRODUCER, "--topic", topic, "--compression-codec", codec, stdin=b"one\ntwo\n").ok()
        read(side, topic, "--from-beginning", "--max-messages", 2, *ENOUGH).ok().prints("one\ntwo")
    for acks in ("0", "1", "all"):
        topic = side.topic(f"acks-{acks}")
        side.run(PRODUCER, "--topic", topic, "--sync", "--command-property", f"acks={acks}", "--command-property",
                 "enable.idempotence=false", stdin=b"one\ntwo\n").ok()
        read(side, topic, "--from-beginning", "--max-messages", 2, *ENOUGH).ok().prints("one\ntwo")


@scenario
def refused_records(side: Side) -> None:
    small = side.topic("small", "--config", "max.message.bytes=200")
    side.run(PRODUCER, "--topic", small, stdin=b"x" * 500 + b"\n").prints("RecordTooLargeException")
    compacted = side.topic("compacted", "--config", "cleanup.policy=compact")
    side.run(PRODUCER, "--topic", compacted, stdin=b"no key\n").prints("InvalidRecordException")
    old = side.topic("old", "--config", "message.timestamp.before.max.ms=1000")
    side.run("kafka-verifiable-producer", "--topic", old, "--max-messages", 1, "--message-create-time",
             1_000_000_000_000).prints("InvalidTimestampException")
    for topic in (small, compacted, old):
        side.run("kafka-get-offsets", "--topic", topic).ok().prints(f"{topic}:0:0")


@scenario
def unknown_topics(side: Side) -> None:
    impatient = ("--command-property", "max.block.ms=3000", "--command-property", "metadata.max.age.ms=500")
    side.run(PRODUCER, "--topic", "bad/name", *impatient, stdin=b"one\n")
    fresh = side.named("auto-created")
    side.run(PRODUCER, "--topic", fresh, stdin=b"one\n").ok()
    read(side, fresh, "--from-beginning", "--max-messages", 1, *ENOUGH).ok().prints("one")
    side.run("kafka-topics", "--describe", "--topic", fresh).ok()
    for protocol in PROTOCOLS:
        read(side, "bad/name", "--timeout-ms", 1500, "--command-property", f"group.protocol={protocol}")
