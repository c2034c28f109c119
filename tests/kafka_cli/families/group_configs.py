"""kafka-configs for groups."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

TOOL = "kafka-configs"


def entity(name: str) -> tuple[str, ...]:
    return "--entity-type", "groups", "--entity-name", name


@scenario
def describe_and_alter(side: Side) -> None:
    group = side.named("group")
    side.run(TOOL, "--describe", *entity(group)).ok().prints("doesn't exist and doesn't have dynamic config")
    side.run(TOOL, "--describe", "--all", *entity(group)).ok()
    side.run(TOOL, "--alter", *entity(group), "--add-config",
             "consumer.session.timeout.ms=50000,consumer.heartbeat.interval.ms=6000").ok()
    side.run(TOOL, "--describe", *entity(group)).ok().prints("consumer.session.timeout.ms=50000")
    side.run(TOOL, "--describe", "--group", group).ok()
    side.run(TOOL, "--describe", "--all", *entity(group)).ok()
    side.run(TOOL, "--describe", "--entity-type", "groups", only=side.tag).ok().prints(group)
    side.run(TOOL, "--alter", *entity(group), "--delete-config", "consumer.session.timeout.ms").ok()
    side.run(TOOL, "--describe", *entity(group)).ok().lacks("50000")
    side.run(TOOL, "--alter", *entity(group), "--delete-config", "consumer.heartbeat.interval.ms").ok()
    side.run(TOOL, "--describe", *entity(group)).ok()


@scenario
def share_and_streams(side: Side) -> None:
    group = side.named("group")
    side.run(TOOL, "--alter", *entity(group), "--add-config", "share.auto.offset.reset=earliest,"
             "share.record.lock.duration.ms=20000,streams.num.standby.replicas=1").ok()
    side.run(TOOL, "--describe", *entity(group)).ok()


@scenario
def wrong_changes(side: Side) -> None:
    group = side.named("group")
    for config in ("nope=1", "consumer.session.timeout.ms=1", "consumer.session.timeout.ms=abc",
                   "consumer.session.timeout.ms=99999999", "consumer.heartbeat.interval.ms=1",
                   "consumer.heartbeat.interval.ms=50000", "share.auto.offset.reset=never", "share.auto.offset.reset=by_duration:-PT1H",
                   "share.record.lock.duration.ms=1", "streams.num.standby.replicas=99"):
        side.run(TOOL, "--alter", *entity(group), "--add-config", config).fails()
    side.run(TOOL, "--alter", *entity(group), "--delete-config", "nope")
    side.run(TOOL, "--alter", *entity(""), "--add-config", "consumer.session.timeout.ms=50000")
    side.run(TOOL, "--describe", *entity(group)).ok().prints("doesn't have dynamic config")
