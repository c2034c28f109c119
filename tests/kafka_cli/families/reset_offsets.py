"""kafka-consumer-groups --reset-offsets, in all its modes."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

TOOL = "kafka-consumer-groups"
OLD = 1_000_000_000_000
"""September 2001: what lies between it and now can be asked for by time."""


def reset(side: Side, group: str, *arguments, **options):
    return side.run(TOOL, "--reset-offsets", "--group", group, *arguments, unordered=True, **options)


def described(side: Side, group: str) -> None:
    side.run(TOOL, "--describe", "--group", group, unordered=True).ok()


@scenario
def to_ends(side: Side) -> None:
    group, topic = side.named("group"), side.six_keyed("t")
    side.consume(group, topic, 6)
    side.until_state(group, "Empty")
    reset(side, group, "--topic", topic, "--to-earliest").ok().prints("the --execute option is missing")
    reset(side, group, "--topic", topic, "--to-earliest", "--dry-run").ok()
    described(side, group)
    reset(side, group, "--topic", topic, "--to-earliest", "--execute").ok()
    described(side, group)
    reset(side, group, "--topic", topic, "--to-latest", "--execute").ok()
    described(side, group)


@scenario
def to_offset_and_shift(side: Side) -> None:
    group, topic = side.named("group"), side.six_keyed("t")
    side.consume(group, topic, 6)
    side.until_state(group, "Empty")
    for arguments in (("--to-offset", 1), ("--to-offset", 200), ("--shift-by", -1), ("--shift-by", -100),
                      ("--shift-by", 3), ("--shift-by", 100), ("--to-current",)):
        reset(side, group, "--topic", topic, *arguments, "--execute").ok()
    described(side, group)
    reset(side, group, "--topic", f"{topic}:0", "--to-offset", 2, "--execute").ok()
    reset(side, group, "--topic", f"{topic}:0,1", "--shift-by", -1, "--execute").ok()
    described(side, group)


@scenario
def by_time(side: Side) -> None:
    group, topic, empty = side.named("group"), side.topic("t"), side.topic("empty")
    side.prepare("kafka-verifiable-producer", "--topic", topic, "--max-messages", 3, "--message-create-time", OLD)
    side.produce(topic, "4", "5")
    for time in ("2001-01-01T00:00:00.000", "2010-06-01T00:00:00.000Z", "2010-06-01T00:00:00.000+05:00",
                 "2010-06-01T00:00:00", "2099-01-01T00:00:00.000"):
        reset(side, group, "--topic", topic, "--topic", empty, "--to-datetime", time, "--execute").ok()
    reset(side, group, "--topic", topic, "--to-datetime", "nonsense", "--execute").prints("does not contain a 'T'")
    reset(side, group, "--topic", topic, "--by-duration", "P1D", "--execute").ok()
    reset(side, group, "--topic", topic, "--by-duration", "P40000D", "--execute").ok()
    reset(side, group, "--topic", topic, "--by-duration", "nonsense", "--execute").prints("cannot be parsed")
    described(side, group)


@scenario
def export_and_import(side: Side) -> None:
    group, other, topic, second = side.named("group"), side.named("other"), side.six_keyed("t"), side.topic("second")
    for each in (topic, second):
        side.prepare(TOOL, "--reset-offsets", "--group", group, "--topic", each, "--to-latest", "--execute")
    reset(side, group, "--topic", topic, "--to-current", "--export", "--dry-run").ok().prints(f"{topic},0,4")
    reset(side, group, "--all-topics", "--to-earliest", "--export", "--execute").ok()
    plan = side.file("plan.csv", f"{topic},0,3\n{topic},1,1\n")
    reset(side, other, "--from-file", plan, "--dry-run").ok()
    reset(side, other, "--from-file", plan, "--execute").ok()
    described(side, other)
    both = side.file("groups.csv", f"{group},{topic},0,2\n{other},{topic},1,0\n")
    side.run(TOOL, "--reset-offsets", "--group", group, "--group", other, "--from-file", both, "--execute",
             unordered=True).ok()
    described(side, group)
    described(side, other)
    reset(side, other, "--from-file", side.file("bad.csv", f"{side.named('missing')},0,1\n"), "--execute")
    reset(side, other, "--from-file", side.file("missing.csv", "") + "-not", "--execute")


@scenario
def scopes(side: Side) -> None:
    group, fresh, topic = side.named("group"), side.named("fresh"), side.six_keyed("t")
    side.consume(group, topic, 6, "consumer")
    side.until_state(group, "Empty")
    reset(side, group, "--all-topics", "--to-earliest", "--execute").ok()
    reset(side, fresh, "--all-topics", "--to-earliest", "--execute").ok()
    side.run(TOOL, "--describe", "--group", fresh).prints(f"Group {fresh} not found.")
    reset(side, fresh, "--topic", topic, "--to-earliest", "--execute").ok()
    described(side, fresh)
    side.run(TOOL, "--list", "--type", "--state", only=side.tag, unordered=True).ok()
    reset(side, group, "--topic", side.named("missing"), "--to-earliest", "--execute")
    reset(side, group, "--topic", f"{topic}:9", "--to-earliest", "--execute").prints("do not exist")
    reset(side, group, "--to-earliest", "--execute").fails("One of the reset scopes should be defined")
    reset(side, group, "--topic", topic, "--execute").fails()


@scenario
def while_members_live(side: Side) -> None:
    topic = side.six_keyed("t")
    for protocol in ("classic", "consumer"):
        group = side.named(protocol)
        with side.member(group, topic, "--reset-policy", "earliest", protocol=protocol) as member:
            member.until_assigned(2).until_committed(6)
            side.until_state(group, "Stable")
            reset(side, group, "--topic", topic, "--to-earliest", "--execute").prints(
                "Assignments can only be reset if the group")
            reset(side, group, "--topic", topic, "--to-earliest", "--dry-run")
            described(side, group)
