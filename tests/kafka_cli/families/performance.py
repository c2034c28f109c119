"""kafka-producer-perf-test, kafka-consumer-perf-test, and the verifiable clients."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side


@scenario
def producer_perf(side: Side) -> None:
    topic = side.topic("t", partitions=3)
    payloads = side.file("payloads", "one\ntwo\n")
    for arguments in (("--record-size", 500), ("--payload-file", payloads)):
        side.run("kafka-producer-perf-test", "--topic", topic, "--num-records", 1000, *arguments, "--throughput", -1,
                 "--command-property", "acks=all").ok().prints("1000 records sent")
    side.run("kafka-producer-perf-test", "--topic", topic, "--num-records", 1, "--throughput", -1).fails()


@scenario
def transactional_producer_perf(side: Side) -> None:
    topic = side.topic("t")
    side.run("kafka-producer-perf-test", "--topic", topic, "--num-records", 100, "--record-size", 100,
             "--throughput", 1000, "--transaction-duration-ms", 50).ok().prints("100 records sent")
    side.run("kafka-console-consumer", "--topic", topic, "--from-beginning", "--isolation-level", "read_committed",
             "--max-messages", 100, "--timeout-ms", 20000, only="Processed").ok().prints("a total of 100")


@scenario
def consumer_perf(side: Side) -> None:
    topic = side.topic("t")
    side.prepare("kafka-producer-perf-test", "--topic", topic, "--num-records", 1000, "--record-size", 100,
                 "--throughput", -1)
    for protocol in ("classic", "consumer"):
        side.run("kafka-consumer-perf-test", "--topic", topic, "--num-records", 1000, "--group", side.named(protocol),
                 "--command-property", f"group.protocol={protocol}").ok().prints(", 1000, ")
        side.run("kafka-consumer-groups", "--describe", "--group", side.named(protocol)).ok()


@scenario
def verifiable_producer(side: Side) -> None:
    topic = side.topic("t")
    for arguments in ((), ("--acks", 1), ("--value-prefix", 7), ("--repeating-keys", 2), ("--throughput", 1000)):
        side.run("kafka-verifiable-producer", "--topic", topic, "--max-messages", 3, *arguments).ok().prints(
            '"sent":3,"acked":3')
    side.run("kafka-get-offsets", "--topic", topic).ok().prints(f"{topic}:0:15")


@scenario
def verifiable_consumer(side: Side) -> None:
    topic = side.six_keyed("t")
    for protocol in ("classic", "consumer"):
        side.run("kafka-verifiable-consumer", "--topic", topic, "--group-id", side.named(protocol), "--max-messages", 6,
                 "--group-protocol", protocol, "--reset-policy", "earliest", only='"name":"partitions_').ok()
        side.until_state(side.named(protocol), "Empty")
        side.run("kafka-consumer-groups", "--describe", "--group", side.named(protocol), unordered=True).ok()
