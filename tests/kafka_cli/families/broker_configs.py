"""kafka-configs for brokers and their loggers. Each scenario takes back what it changes."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

TOOL = "kafka-configs"
BROKER = ("--entity-type", "brokers", "--entity-name", "1")
ALL_BROKERS = ("--entity-type", "brokers", "--entity-default")
LOGGERS = ("--entity-type", "broker-loggers", "--entity-name", "1")


@scenario
def one_broker(side: Side) -> None:
    side.run(TOOL, "--describe", *BROKER).ok()
    side.run(TOOL, "--alter", *BROKER, "--add-config", "log.cleaner.threads=2,num.io.threads=9").ok()
    side.until(lambda: " log.cleaner.threads=2 " in side.quiet(TOOL, "--describe", *BROKER).text, "the change to be made")
    side.run(TOOL, "--describe", *BROKER).ok().prints("DYNAMIC_BROKER_CONFIG:log.cleaner.threads=2")
    side.run(TOOL, "--describe", "--broker", "1").ok()
    side.run(TOOL, "--alter", *BROKER, "--delete-config", "log.cleaner.threads,num.io.threads").ok()
    side.until(lambda: "threads" not in side.quiet(TOOL, "--describe", *BROKER).text, "the change to be taken back")
    side.run(TOOL, "--describe", *BROKER).ok()
    side.run(TOOL, "--alter", *BROKER, "--add-config", "message.max.bytes=2000000", differs="a topic default of one node")
    side.run(TOOL, "--alter", *BROKER, "--delete-config", "message.max.bytes").ok()
    side.until(lambda: "message" not in side.quiet(TOOL, "--describe", *BROKER).text, "that to be taken back")
    side.run(TOOL, "--describe", *BROKER).ok()


@scenario
def every_broker(side: Side) -> None:
    topic = side.topic("t")
    side.run(TOOL, "--describe", *ALL_BROKERS).ok()
    side.run(TOOL, "--alter", *ALL_BROKERS, "--add-config", "log.retention.ms=3600000").ok()
    side.until(lambda: "3600000" in side.quiet(TOOL, "--describe", *ALL_BROKERS).text, "the change to be seen")
    side.run(TOOL, "--describe", *ALL_BROKERS).ok()
    side.run(TOOL, "--describe", "--entity-type", "brokers").ok()
    side.run(TOOL, "--describe", "--broker-defaults").ok()
    side.run(TOOL, "--describe", "--all", "--entity-type", "topics", "--entity-name", topic, only="  retention.ms").ok()
    side.run(TOOL, "--alter", *ALL_BROKERS, "--delete-config", "log.retention.ms").ok()
    side.until(lambda: "3600000" not in side.quiet(TOOL, "--describe", *ALL_BROKERS).text, "it to be taken back")
    side.run(TOOL, "--describe", "--all", "--entity-type", "topics", "--entity-name", topic, only="  retention.ms").ok()


@scenario
def wrong_changes(side: Side) -> None:
    for config in ("node.id=3", "log.cleaner.threads=abc", "broker.rack=x", "num.io.threads=-1",
                   "listeners=nonsense"):
        side.run(TOOL, "--alter", *BROKER, "--add-config", config).fails()
    side.run(TOOL, "--alter", *ALL_BROKERS, "--add-config", "node.id=3").fails()
    side.run(TOOL, "--describe", "--entity-type", "brokers", "--entity-name", "9").ok().prints("The broker '9' doesn't exist")
    side.run(TOOL, "--describe", "--entity-type", "brokers", "--entity-name", "abc").fails("must be a valid integer")


@scenario
def loggers(side: Side) -> None:
    name = "org.apache.kafka.clients.NetworkClient"
    side.run(TOOL, "--describe", *LOGGERS, only="  root=").ok()
    for arguments in (("--add-config", "root=WARN"), ("--delete-config", "root"), ("--add-config", f"{name}=LOUD"),
                      ("--add-config", "root=LOUD"), ("--add-config", "nope=DEBUG")):
        side.run(TOOL, "--alter", *LOGGERS, *arguments)
    side.run(TOOL, "--describe", "--entity-type", "broker-loggers")
