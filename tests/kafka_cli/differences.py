"""Why the two sides may print different text: every rule that the comparison applies, and nothing else.

`NORMALISED` are values that no two clusters share: ids, ports, times, measurements. `ALLOWED` are those in
which Tidelog is meant to differ from Kafka; docs/kafka-support.md shows that table. A rule replaces what it matches
on both sides; an empty replacement of a whole line takes the line out.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    name: str
    pattern: str
    """A regular expression with `re.MULTILINE`."""
    replacement: str
    why: str
    tools: str = ""
    """Applies to commands that match this, from their beginning; empty for all."""
    on_request: bool = False
    """Applies only where a scenario names it."""

    def applied(self, command: str, text: str, differs: str | None = None) -> str:
        if (self.tools and not re.match(self.tools, command)) or (self.on_request and differs != self.name):
            return text
        return re.sub(self.pattern, self.replacement, text, flags=re.MULTILINE)


NORMALISED = (
    Rule("usage", r"\n(err\|)?Option +Description(.|\n)*", "\nUSAGE\n", "the tool's own help, after a wrong option"),
    Rule("stack frames", r"^(err\|)\s*(at .*|\.\.\. \d+ more)\n", "", "where in the tool an exception was thrown"),
    Rule("logged stack frames", r" at [\w.$/]+(\.<init>|\.<clinit>)?\([^)]*\)| \.\.\. \d+ more", "", "the same in a log"),
    Rule("log levels", r"^log\|(WARN|INFO|DEBUG) .*\n", "", "warnings depend on timing: only errors are compared"),
    Rule("address", r"/?(127\.0\.0\.1|localhost|/127\.0\.0\.1)(:\d+)+", "ADDRESS", "each node has a port of its own"),
    Rule("id", r"(?<![\w-])(?=[\w-]*[A-Z])(?!\w+Exception)[\w-]{22}(?![\w-])", "ID", "topic, cluster and member ids are random"),
    Rule("uuid", r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID", "ids of classic members are random"),
    Rule("client number", r"\b(consumer-(?:[\w.]+-)+|adminclient-|producer-|console-(?:share-)?consumer-)\d+(?=-UUID|[\s,:'\]]|$)",
         r"\1N", "clients number themselves, and name groups at random"),
    Rule("sets", r"(?<=Valid states are: ).*", "...", "the tool prints a set, in any order"),
    Rule("timeout", r"(?<=TimeoutException: ).*", "...", "how often the tool had tried", "kafka-delete-records"),
    Rule("sizes", r'"size":\d+', '"size":SIZE', "as producers happened to batch records", "kafka-log-dirs"),
    Rule("directory", r'"logDir":"[^"]*"', '"logDir":"PATH"', "where each keeps its data", "kafka-log-dirs"),
    Rule("throughput", r'"avg_throughput":[\d.E]+', '"avg_throughput":NUMBER', "as fast as it went", "kafka-verifiable"),
    Rule("epoch", r"Epoch: \d+", "Epoch: N", "counts the changes to a cluster", "kafka-features"),
    Rule("time", r"\b1[6-9]\d{11}\b", "TIME", "milliseconds of the day the test runs"),
    Rule("date", r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,:]\d{3}Z?", "DATE", "the same as text"),
    Rule("measurement", r"-?\b\d+[.,]\d+\b|\b\d+(?= ms)", "NUMBER",
         "throughput and latency; the consumer's counts its time to join twice where it is assigned nothing before it knows "
         "the topic, and is negative then", "kafka-(producer|consumer)-perf"),
    Rule("nothing assigned", r'^\{"timestamp":TIME,"name":"partitions_assigned","partitions":\[\]\}\n', "",
         "the consumer's first assignment is empty where its metadata has not named the topic yet", "kafka-verifiable"),
    Rule("assignment on the way", r"^log\|ERROR ConsumerMembershipManager .*Reconciliation failed\. .*PartitionsAssignedEvent "
         r"could not be completed before the consumer closed.*\n", "",
         "logged where another error ends the consumer between its assignment and the next poll", "kafka-console-consumer"),
    Rule("perf columns", r"(?<=, )-?\d+(?=,|$)", "NUMBER", "milliseconds and rates", "kafka-consumer-perf"),
    Rule("port", r"^(1 +127\.0\.0\.1 +)\d+", r"\1PORT", "the same in a column of its own", "kafka-cluster"),
    Rule("width", r"(?<=\S)[ \t]{2,}", " ", "columns are as wide as the ids in them"),
)

ALLOWED = (
    Rule("cluster-wide min.insync.replicas", r"(?<=Configs: )min\.insync\.replicas=1,?|"
         r",min\.insync\.replicas=1(?=,|\s*$)|DYNAMIC_DEFAULT_BROKER_CONFIG:min"
         r"\.insync\.replicas=1, (?=DEFAULT_CONFIG)|^ +min\.insync\.replicas=1 .*synonyms=\{DYNAMIC_DEFAULT_BROKER"
         r"_CONFIG:min\.insync\.replicas=1\}\n", "",
         "Kafka sets it by itself with eligible leader replicas (KIP-966), and shows it with every topic. "
         "Tidelog has no replicas to be in sync", "kafka-(topics|configs)"),
    Rule("topics with overrides", r"^Topic: .*Configs: *\n", "", "so with Kafka every topic counts as one",
         "kafka-topics --describe --topics-with-overrides"),
    Rule("replication factor", r"(.|\n)+", "TAKEN OR REFUSED\n", "any factor from 1 is taken: "
         "the object store replicates, and a factor above the number of nodes promises nothing less", on_request=True),
    Rule("a topic default of one node", r"(.|\n)+", "TAKEN OR REFUSED\n", "settings such as `message.max.bytes` can be "
         "changed for all nodes only: partitions move between nodes", on_request=True),
    Rule("listeners", r": (Error creating broker listeners from|Cannot update these configs dynamically: \[listeners\]).*",
         ": REFUSED", "they are what a node is started with, and refused as every setting that cannot be changed while "
         "it runs", "kafka-configs"),
    Rule("tiered storage", r": (Tiered Storage functionality is disabled|Invalid value true for configuration"
         r" remote\.storage\.enable: only false).*", ": REFUSED",
         "`remote.storage.enable=true` is refused with the same error, in words that tell why", "kafka-(topics|configs)"),
    Rule("features of the quorum", r"^Feature: (eligible\.leader\.replicas\.version|kraft\.version|metadata\.version) .*\n",
         "", "Tidelog has no controller quorum", "kafka-features"),
    Rule("features not served", r"^Feature: (streams|transaction)\.version .*\n", "",
         "neither streams groups nor transactions are served", "kafka-features"),
    Rule("APIs not served", r"^\t(Sasl(Handshake|Authenticate)|Add(Partitions|Offsets)ToTxn|EndTxn|WriteTxnMarkers|TxnOffset"
         r"Commit|\w+Acls|\w+ClientQuotas|\w+UserScramCredentials|(Describe|List)Transactions|StreamsGroup\w+)\(\d\d\): .*\n", "",
         "transactions, security, quotas and streams groups are not served, and nothing is advertised that isn't",
         "kafka-broker-api-versions"),
    Rule("state of share groups", r"^\t\w+ShareGroupState(Summary)?\(8\d\): .*\n", "",
         "APIs that only Kafka's brokers use among themselves, though they list them", "kafka-broker-api-versions"),
    Rule("epochs of share groups", r"^(\S+ ADDRESS \(\d+\) \S+) \d+ \d+ (?=\d+$)|^(\S+ ID \S+ \S+ \d+) \d+ (?=\S+$)",
         r"\1\2 EPOCH ", "Kafka raises a share group's epoch once more when each partition's state has been set up, which "
         "Tidelog does with the first fetch", "kafka-share-groups"),
    Rule("start of a share group", r"^(\S+ \S+ \d+ (?:\S+ )?)\d+ (\d+)$", r"\1START \2",
         "Kafka shows the start offset that it last wrote, which may lie before records that are settled",
         on_request=True),
)

AFTER_ALL = Rule("ends of lines", r"[ \t]+$", "", "what the rules above may leave, and padding")


def markdown() -> str:
    """The allowed differences as docs/kafka-support.md has them."""
    rows = [f"| {rule.name} | {rule.why} |" for rule in ALLOWED]
    return "\n".join(["| where the tools print something else | why |", "|---|---|", *rows])
