"""kafka-cluster, kafka-features, kafka-broker-api-versions and kafka-log-dirs."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side


@scenario
def cluster(side: Side) -> None:
    side.run("kafka-cluster", "cluster-id").ok().prints("Cluster ID: ")
    side.run("kafka-cluster", "list-endpoints").ok()
    side.run("kafka-cluster", "list-endpoints", "--include-fenced-brokers").ok()
    side.run("kafka-cluster", "unregister", "--id", "77").fails()


@scenario
def features(side: Side) -> None:
    side.run("kafka-features", "describe").ok().prints("group.version", "share.version")


@scenario
def api_versions(side: Side) -> None:
    side.run("kafka-broker-api-versions").ok().prints("Produce(0): 0 to 13 [usable: 13]")


@scenario
def log_dirs(side: Side) -> None:
    topic = side.six_keyed("t")
    side.run("kafka-log-dirs", "--describe", "--topic-list", topic).ok().prints(f"{topic}-0")
    side.run("kafka-log-dirs", "--describe", "--broker-list", "1", "--topic-list", topic).ok()
    side.run("kafka-log-dirs", "--describe", "--topic-list", side.named("missing")).ok()
    side.run("kafka-log-dirs", "--describe", "--broker-list", "9").fails("The given brokers do not exist")
