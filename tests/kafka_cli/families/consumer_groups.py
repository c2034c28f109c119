"""kafka-consumer-groups --list and --describe, and kafka-groups."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

TOOL = "kafka-consumer-groups"
VIEWS = ((), ("--offsets",), ("--offsets", "--verbose"), ("--members",), ("--members", "--verbose"), ("--state",),
         ("--state", "--verbose"))


def describe_all_ways(side: Side, group: str) -> None:
    for view in VIEWS:
        side.run(TOOL, "--describe", "--group", group, *view, unordered=True).ok()


@scenario
def lists(side: Side) -> None:
    topic = side.six_keyed("t")
    for protocol in ("classic", "consumer"):
        side.consume(side.named(protocol), topic, 6, protocol)
        side.until_state(side.named(protocol), "Empty")
    side.prepare(TOOL, "--reset-offsets", "--group", side.named("simple"), "--topic", topic, "--to-latest", "--execute")
    for arguments in ((), ("--state",), ("--state", "Empty"), ("--state", "empty,stable"), ("--state", "Stable"),
                      ("--type",), ("--type", "classic"), ("--type", "Consumer"), ("--state", "--type"),
                      ("--state", "Empty", "--type", "consumer")):
        side.run(TOOL, "--list", *arguments, only=side.tag, unordered=True).ok()
    side.run(TOOL, "--list", "--state", "nonsense").fails("Invalid state list 'nonsense'")
    side.run(TOOL, "--list", "--type", "share").fails("Invalid types list 'share'")
    for arguments in ((), ("--group-type", "classic"), ("--group-type", "consumer"), ("--protocol", "consumer"),
                      ("--consumer",), ("--share",), ("--streams",), ("--protocol", "nonsense")):
        side.run("kafka-groups", "--list", *arguments, only=side.tag, unordered=True).ok()
    side.run("kafka-groups", "--list", "--group-type", "nonsense").fails("must be a valid group type")


@scenario
def empty_classic(side: Side) -> None:
    group, topic = side.named("group"), side.six_keyed("t")
    side.consume(group, topic, 6)
    side.until_state(group, "Empty")
    describe_all_ways(side, group)
    side.produce(topic, "a=7")
    side.run(TOOL, "--describe", "--group", group, unordered=True).ok().prints("no active members")


@scenario
def empty_consumer(side: Side) -> None:
    group, topic = side.named("group"), side.six_keyed("t")
    side.consume(group, topic, 6, "consumer")
    side.until_state(group, "Empty")
    describe_all_ways(side, group)


@scenario
def live_classic(side: Side) -> None:
    group, topic = side.named("group"), side.six_keyed("t")
    with side.member(group, topic, "--reset-policy", "earliest") as member:
        member.until_assigned(2).until_committed(6)
        side.until_state(group, "Stable")
        describe_all_ways(side, group)
        side.run(TOOL, "--list", "--state", "Stable", only=side.tag).ok().prints(group)
    side.until_state(group, "Empty")
    side.run(TOOL, "--describe", "--group", group, "--state").ok().prints("Empty")


@scenario
def live_consumer(side: Side) -> None:
    group, topic = side.named("group"), side.six_keyed("t")
    with side.member(group, topic, "--reset-policy", "earliest", protocol="consumer") as member:
        member.until_assigned(2).until_committed(6)
        side.until_state(group, "Stable")
        describe_all_ways(side, group)
        side.run(TOOL, "--list", "--type", "consumer", "--state", "Stable", only=side.tag).ok().prints(group)
    side.until_state(group, "Empty")
    side.run(TOOL, "--describe", "--group", group, "--state").ok().prints("Empty")


@scenario
def static_member(side: Side) -> None:
    group, topic = side.named("group"), side.six_keyed("t")
    with side.member(group, topic, "--group-instance-id", "instance", "--reset-policy", "earliest") as member:
        member.until_assigned(2).until_committed(6)
        side.until_state(group, "Stable")
        describe_all_ways(side, group)


@scenario
def assignors(side: Side) -> None:
    topic = side.topic("t", partitions=4)
    for name, protocol, option in (
            ("roundrobin", "classic", "org.apache.kafka.clients.consumer.RoundRobinAssignor"),
            ("sticky", "classic", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"),
            ("range", "consumer", "range"), ("uniform", "consumer", "uniform")):
        group = side.named(name)
        flag = "--assignment-strategy" if protocol == "classic" else "--group-remote-assignor"
        with side.member(group, topic, flag, option, protocol=protocol) as member:
            member.until_assigned(4)
            side.until_state(group, "Stable")
            side.run(TOOL, "--describe", "--group", group, "--state").ok().prints(name if name != "sticky" else "Stable")
            side.run(TOOL, "--describe", "--group", group, "--members", "--verbose").ok()
    side.run("kafka-console-consumer", "--topic", topic, "--group", side.named("bad"), "--timeout-ms", 5000,
             "--command-property", "group.protocol=consumer", "--command-property", "group.remote.assignor=nonsense")


@scenario
def two_members(side: Side) -> None:
    topic = side.topic("t", partitions=4)
    for protocol in ("classic", "consumer"):
        group = side.named(protocol)
        with side.member(group, topic, protocol=protocol) as one:
            one.until_assigned(4)
            with side.member(group, topic, protocol=protocol) as two:
                one.until_assigned(2)
                two.until_assigned(2)
                side.until_state(group, "Stable")
                side.run(TOOL, "--describe", "--group", group, "--state").ok().prints("Stable")
                side.run(TOOL, "--describe", "--group", group, "--members", unordered=True).ok()
        side.until_state(group, "Empty")


@scenario
def unknown(side: Side) -> None:
    missing = side.named("missing")
    for view in VIEWS:
        side.run(TOOL, "--describe", "--group", missing, *view).prints(f"Group {missing} not found.")
    side.run(TOOL, "--describe", "--group", "").prints("The group id is invalid.")
    topic = side.topic("t")
    side.prepare(TOOL, "--reset-offsets", "--group", side.named("g"), "--topic", topic, "--to-latest", "--execute")
    side.run(TOOL, "--describe", "--group", missing, "--group", side.named("g"))
    side.run(TOOL, "--describe", "--all-groups", only=side.tag, unordered=True).ok()
    side.run(TOOL, "--describe", "--all-groups", "--state", only=side.tag, unordered=True).ok()
    side.run(TOOL, "--describe", "--all-groups", "--members", only=side.tag, unordered=True).ok()


@scenario
def topic_of_the_group_is_gone(side: Side) -> None:
    group, topic, other = side.named("group"), side.topic("t"), side.topic("stays")
    for each in (topic, other):
        side.prepare(TOOL, "--reset-offsets", "--group", group, "--topic", each, "--to-latest", "--execute")
    side.prepare("kafka-topics", "--delete", "--topic", topic)
    side.until(lambda: topic not in side.quiet("kafka-topics", "--list").text.split(), f"{topic} to be gone")
    side.until(lambda: topic not in side.quiet(TOOL, "--describe", "--group", group).text, "its offsets to be gone")
    side.run(TOOL, "--describe", "--group", group).ok().prints(other)
