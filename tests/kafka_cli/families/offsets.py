"""kafka-get-offsets and kafka-delete-records."""

import json

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

TOOL = "kafka-get-offsets"
DELETE = "kafka-delete-records"
OLD = 1_000_000_000_000
NAMES = ("earliest", "latest", "max-timestamp", "earliest-local", "latest-tiered", "earliest-pending-upload")


@scenario
def every_time(side: Side) -> None:
    topic, empty = side.six_keyed("t"), side.topic("empty")
    for time in (*NAMES, -1, -2, -4, -5, -6, 0, 99999999999999):
        for each in (topic, empty):
            # The largest timestamp is of one record or of another, as the producer's clock ticked.
            if time != "max-timestamp" or each == empty:
                side.run(TOOL, "--topic", each, "--time", time).ok()
    side.run(TOOL, "--topic", topic).ok().prints(f"{topic}:0:4", f"{topic}:1:2")
    side.run(TOOL, "--topic", topic, "--time", -7)
    side.run(TOOL, "--topic", topic, "--time", "nonsense").fails("Malformed time argument")


@scenario
def by_timestamp(side: Side) -> None:
    topic = side.topic("t")
    side.prepare("kafka-verifiable-producer", "--topic", topic, "--max-messages", 2, "--message-create-time", OLD)
    side.produce(topic, "newest")
    side.prepare("kafka-verifiable-producer", "--topic", topic, "--max-messages", 2, "--message-create-time", OLD)
    for time in (OLD - 1, OLD, OLD + 86_400_000, "max-timestamp", -3, "latest"):
        side.run(TOOL, "--topic", topic, "--time", time).ok()


@scenario
def selections(side: Side) -> None:
    topic, other = side.six_keyed("t"), side.topic("u")
    for arguments in (("--topic", topic, "--partitions", "0"), ("--topic", topic, "--partitions", "0,1"),
                      ("--topic", f"{side.tag}-.*"), ("--topic", topic, "--exclude-internal-topics"),
                      ("--topic-partitions", f"{topic}:1,{other}:0-3"), ("--topic-partitions", f"{topic}:0-1"),
                      ("--topic-partitions", f"{topic}:-1"), ("--topic-partitions", f"{topic}")):
        side.run(TOOL, *arguments).ok()
    side.run(TOOL, "--topic", topic, "--partitions", "7").fails("Could not match any topic-partitions")
    side.run(TOOL, "--topic", topic, "--partitions", "0-5").fails("comma separated list")
    side.run(TOOL, "--topic", side.named("missing")).fails("Could not match any topic-partitions")


def plan(side: Side, name: str, *offsets: tuple[str, int, int]) -> str:
    partitions = [dict(zip(("topic", "partition", "offset"), each)) for each in offsets]
    return side.file(name, json.dumps({"version": 1, "partitions": partitions}))


@scenario
def delete_records(side: Side) -> None:
    topic = side.six_keyed("t")

    def delete(name: str, *offsets) -> None:
        side.run(DELETE, "--offset-json-file", plan(side, name, *offsets), unordered=True).ok()
        side.run(TOOL, "--topic", topic, "--time", "earliest").ok()

    delete("first", (topic, 0, 1), (topic, 1, 0))
    delete("again", (topic, 0, 1))
    delete("lower", (topic, 0, 0))
    delete("beyond", (topic, 0, 99))
    delete("all", (topic, 0, -1), (topic, 1, -1))
    delete("negative", (topic, 1, -5))
    side.run(TOOL, "--topic", topic, "--time", "latest").ok().prints(f"{topic}:0:4")
    side.run("kafka-console-consumer", "--topic", topic, "--partition", 0, "--offset", 0, "--timeout-ms", 1500)
    side.produce(topic, "a=more")
    side.run("kafka-console-consumer", "--topic", topic, "--partition", 0, "--offset", "earliest",
             "--max-messages", 1, "--timeout-ms", 20000).ok().prints("more")


@scenario
def delete_records_wrongly(side: Side) -> None:
    topic = side.topic("compacted", "--config", "cleanup.policy=compact")
    side.produce(topic, "a=1")
    side.run(DELETE, "--offset-json-file", plan(side, "compacted", (topic, 0, 1)))
    side.run(DELETE, "--offset-json-file", plan(side, "twice", (topic, 0, 1), (topic, 0, 1))).fails("duplicate")
    side.run(DELETE, "--offset-json-file", side.file("broken", '{"partitions":[')).fails("not a valid JSON")
    side.run(DELETE, "--offset-json-file", side.file("shape", '{"version":1}')).fails()
    side.run(DELETE, "--offset-json-file", side.file("version", '{"version":7,"partitions":[]}')).fails()
    side.run(DELETE, "--offset-json-file", side.file("absent", "") + "-not").fails("Unable to read file")
    # The tool asks for metadata in a loop until its time is over; both sides let it.
    impatient = side.file("impatient", "default.api.timeout.ms=1500\nrequest.timeout.ms=1000\n")
    side.run(DELETE, "--offset-json-file", plan(side, "missing", (side.named("missing"), 0, 1), (topic, 7, 0)),
             "--command-config", impatient, unordered=True).prints("TimeoutException")
