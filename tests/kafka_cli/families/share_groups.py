"""kafka-share-groups and kafka-console-share-consumer."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

TOOL, CONSUMER = "kafka-share-groups", "kafka-console-share-consumer"
VIEWS = ((), ("--offsets",), ("--verbose",), ("--members",), ("--members", "--verbose"), ("--state",),
         ("--state", "--verbose"))


def from_the_beginning(side: Side, group: str) -> None:
    side.prepare("kafka-configs", "--alter", "--entity-type", "groups", "--entity-name", group,
                 "--add-config", "share.auto.offset.reset=earliest")


def topic_of(side: Side, records: int) -> str:
    topic = side.topic("t")
    side.produce(topic, *(f"value {number}" for number in range(records)))
    return topic


def until_settled(side: Side, group: str) -> None:
    """Waits until the group has no lag."""
    def settled() -> bool:
        lines = side.quiet(TOOL, "--describe", "--group", group).text.splitlines()
        return any(line.split()[-1:] == ["0"] for line in lines)

    side.until(settled, f"group {group} to have settled all records")


def describe(side: Side, group: str, *view: str) -> None:
    side.run(TOOL, "--describe", "--group", group, *view, differs="start of a share group").ok()


@scenario
def consume(side: Side) -> None:
    group, topic = side.named("group"), topic_of(side, 4)
    from_the_beginning(side, group)
    side.run(CONSUMER, "--topic", topic, "--group", group, "--max-messages", 4, "--timeout-ms", 20000,
             "--formatter-property", "print.key=true", "--formatter-property", "print.offset=true",
             "--formatter-property", "print.delivery=true").ok().prints("Delivery:1")
    until_settled(side, group)
    side.until_state(group, "Empty", TOOL)
    for view in VIEWS:
        describe(side, group, *view)
    side.produce(topic, "one more")
    side.run(CONSUMER, "--topic", topic, "--group", group, "--max-messages", 1, "--timeout-ms", 20000).ok().prints("one more")
    side.run("kafka-consumer-groups", "--describe", "--group", group).prints("is not a consumer group")


@scenario
def release_and_reject(side: Side) -> None:
    group, topic = side.named("group"), topic_of(side, 2)
    from_the_beginning(side, group)
    one = ("--topic", topic, "--group", group, "--max-messages", 2, "--timeout-ms", 20000,
           "--formatter-property", "print.delivery=true")
    side.run(CONSUMER, *one, "--release").ok().prints("Delivery:1")
    side.run(CONSUMER, *one, "--reject").ok().prints("Delivery:2")
    until_settled(side, group)
    side.run(CONSUMER, "--topic", topic, "--group", group, "--timeout-ms", 1500).prints("Processed a total of 0")
    side.run(CONSUMER, *one, "--release", "--reject").fails()


@scenario
def live(side: Side) -> None:
    group, topic = side.named("group"), topic_of(side, 3)
    from_the_beginning(side, group)
    with side.share_member(group, topic) as member:
        member.until(lambda: sum(event["count"] for event in member.events("records_consumed")) == 3, "3 records")
        until_settled(side, group)
        side.until_state(group, "Stable", TOOL)
        for view in VIEWS:
            describe(side, group, *view)
        side.run(TOOL, "--list", "--state", only=side.tag).ok().prints("Stable")
        side.run("kafka-groups", "--list", "--share", only=side.tag).ok().prints(group)
        side.run(TOOL, "--delete", "--group", group).prints("could not be deleted")
        side.run(TOOL, "--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute")
        side.run(TOOL, "--delete-offsets", "--group", group, "--topic", topic)
    side.until_state(group, "Empty", TOOL)
    side.run(TOOL, "--list", "--state", "Empty", only=side.tag).ok().prints(group)
    side.run(TOOL, "--list", "--state", "nonsense").fails()


@scenario
def reset_and_delete(side: Side) -> None:
    group, topic, missing = side.named("group"), topic_of(side, 5), side.named("missing")
    reset = (TOOL, "--reset-offsets", "--group", group, "--topic", topic)
    side.run(*reset, "--to-latest", "--dry-run").ok()
    side.run(*reset, "--to-earliest", "--execute").ok()
    side.run(TOOL, "--describe", "--group", group).ok()
    side.run(*reset, "--to-latest", "--execute").ok()
    side.run(TOOL, "--describe", "--group", group).ok()
    side.run(*reset, "--to-datetime", "2020-01-01T00:00:00.000", "--execute").ok()
    side.run(TOOL, "--describe", "--group", group).ok()
    side.run(TOOL, "--reset-offsets", "--group", group, "--all-topics", "--to-latest", "--execute").ok()
    side.run(TOOL, "--reset-offsets", "--group", group, "--topic", missing, "--to-latest", "--execute")
    side.run(TOOL, "--delete-offsets", "--group", group, "--topic", topic).ok().prints("Successful")
    side.run(TOOL, "--delete-offsets", "--group", group, "--topic", topic)
    side.run(TOOL, "--delete-offsets", "--group", group, "--topic", missing)
    side.run(TOOL, "--delete-offsets", "--group", missing, "--topic", topic)
    side.run(TOOL, "--delete", "--group", group).ok().prints("was successful")
    side.run(TOOL, "--delete", "--group", group).prints("is not a share group")


@scenario
def unknown(side: Side) -> None:
    missing, consumer, topic = side.named("missing"), side.named("consumer"), side.topic("t")
    for view in VIEWS:
        side.run(TOOL, "--describe", "--group", missing, *view).prints(f"Group {missing} not found.")
    side.prepare("kafka-consumer-groups", "--reset-offsets", "--group", consumer, "--topic", topic,
                 "--to-latest", "--execute")
    side.run(TOOL, "--describe", "--group", consumer)
    side.run(TOOL, "--delete", "--group", consumer).prints("is not a share group")
    side.run(CONSUMER, "--topic", topic, "--group", consumer, "--timeout-ms", 3000)
    side.run(TOOL, "--reset-offsets", "--group", consumer, "--topic", topic, "--to-earliest", "--execute")
