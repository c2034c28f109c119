"""kafka-consumer-groups --delete and --delete-offsets."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

TOOL = "kafka-consumer-groups"


@scenario
def delete_groups(side: Side) -> None:
    topic = side.six_keyed("t")
    for protocol in ("classic", "consumer"):
        group = side.named(protocol)
        side.consume(group, topic, 6, protocol)
        side.until_state(group, "Empty")
        side.run(TOOL, "--delete", "--group", group).ok().prints("was successful")
        side.run(TOOL, "--describe", "--group", group).prints(f"Group {group} not found.")
        side.run(TOOL, "--delete", "--group", group).prints("The group id does not exist.")
    side.run(TOOL, "--list", only=side.tag).ok()


@scenario
def delete_several(side: Side) -> None:
    topic, one, two, missing = side.topic("t"), side.named("one"), side.named("two"), side.named("missing")
    for group in (one, two):
        side.prepare(TOOL, "--reset-offsets", "--group", group, "--topic", topic, "--to-latest", "--execute")
    side.run(TOOL, "--delete", "--group", one, "--group", missing).prints(
        "Deletion of some consumer groups failed", f"deleted successfully: '{one}'")
    side.run(TOOL, "--delete", "--group", two).ok()
    side.run(TOOL, "--delete", "--group", "").prints("could not be deleted")


@scenario
def delete_live(side: Side) -> None:
    topic = side.six_keyed("t")
    for protocol in ("classic", "consumer"):
        group = side.named(protocol)
        with side.member(group, topic, protocol=protocol) as member:
            member.until_assigned(2)
            side.until_state(group, "Stable")
            side.run(TOOL, "--delete", "--group", group).prints("could not be deleted", "GroupNotEmptyException")
        side.until_state(group, "Empty")
        side.run(TOOL, "--delete", "--group", group).ok().prints("was successful")


@scenario
def delete_offsets(side: Side) -> None:
    topic, missing = side.six_keyed("t"), side.named("missing")
    for protocol in ("classic", "consumer"):
        group = side.named(protocol)
        side.consume(group, topic, 6, protocol)
        side.until_state(group, "Empty")
        side.run(TOOL, "--delete-offsets", "--group", group, "--topic", f"{topic}:0", unordered=True).ok()
        side.run(TOOL, "--describe", "--group", group).ok()
        side.run(TOOL, "--delete-offsets", "--group", group, "--topic", topic, unordered=True).ok()
        side.run(TOOL, "--describe", "--group", group)
        side.run(TOOL, "--delete-offsets", "--group", group, "--topic", missing)
        side.run(TOOL, "--delete-offsets", "--group", group, "--topic", f"{topic}:9")
    side.run(TOOL, "--delete-offsets", "--group", missing, "--topic", topic, unordered=True).prints(
        "The group id does not exist.")


@scenario
def delete_offsets_of_live(side: Side) -> None:
    topic, other = side.six_keyed("t"), side.topic("unread")
    for protocol in ("classic", "consumer"):
        group = side.named(protocol)
        side.prepare(TOOL, "--reset-offsets", "--group", group, "--topic", other, "--to-latest", "--execute")
        with side.member(group, topic, "--reset-policy", "earliest", protocol=protocol) as member:
            member.until_assigned(2).until_committed(6)
            side.until_state(group, "Stable")
            side.run(TOOL, "--delete-offsets", "--group", group, "--topic", topic, unordered=True)
            side.run(TOOL, "--delete-offsets", "--group", group, "--topic", other).ok()
            side.run(TOOL, "--describe", "--group", group, unordered=True).ok()
