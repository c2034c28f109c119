"""kafka-configs for users, client ids and addresses: quotas."""

from kafka_cli.scenarios import scenario
from kafka_cli.side import Side

TOOL = "kafka-configs"


@scenario
def users_and_clients(side: Side) -> None:
    user = ("--entity-type", "users", "--entity-name", side.named("user"))
    client = ("--entity-type", "clients", "--entity-name", side.named("client"))
    both = (*user, *client)
    any_client = (*user, "--entity-type", "clients", "--entity-default")
    side.run(TOOL, "--describe", *user).ok()
    side.run(TOOL, "--alter", *user, "--add-config", "producer_byte_rate=1024,consumer_byte_rate=2048").ok()
    side.run(TOOL, "--alter", *client, "--add-config", "request_percentage=50.5").ok()
    side.run(TOOL, "--alter", *both, "--add-config", "controller_mutation_rate=3").ok()
    side.run(TOOL, "--alter", *any_client, "--add-config", "producer_byte_rate=4096").ok()
    for each in (user, client, both, any_client):
        side.run(TOOL, "--describe", *each).ok().prints("Quota configs for")
    side.run(TOOL, "--describe", "--user", side.named("user")).ok()
    side.run(TOOL, "--describe", "--client", side.named("client")).ok()
    for kind in (("users",), ("clients",), ("users", "--entity-type", "clients")):
        side.run(TOOL, "--describe", "--entity-type", *kind, only=side.tag, unordered=True).ok()
    side.run(TOOL, "--alter", *user, "--delete-config", "producer_byte_rate").ok()
    side.run(TOOL, "--describe", *user).ok().lacks("producer_byte_rate")
    side.run(TOOL, "--alter", *user, "--delete-config", "producer_byte_rate").fails("Invalid config(s)")
    side.run(TOOL, "--alter", *user, "--add-config", "producer_byte_rate=9",
             "--delete-config", "consumer_byte_rate").ok()
    side.run(TOOL, "--describe", *user).ok().prints("producer_byte_rate=9.0")


@scenario
def defaults(side: Side) -> None:
    user, client = ("--entity-type", "users", "--entity-default"), ("--entity-type", "clients", "--entity-default")
    for each in (user, client):
        side.run(TOOL, "--alter", *each, "--add-config", "request_percentage=1000000").ok()
        side.run(TOOL, "--describe", *each).ok().prints("request_percentage=1000000.0")
        side.run(TOOL, "--alter", *each, "--delete-config", "request_percentage").ok()
        side.run(TOOL, "--describe", *each).ok()
    side.run(TOOL, "--describe", "--user-defaults").ok()
    side.run(TOOL, "--describe", "--client-defaults").ok()


@scenario
def addresses(side: Side) -> None:
    address = ("--entity-type", "ips", "--entity-name", "10.9.8.7")
    side.run(TOOL, "--describe", *address).ok()
    side.run(TOOL, "--alter", *address, "--add-config", "connection_creation_rate=10").ok()
    side.run(TOOL, "--describe", *address).ok().prints("connection_creation_rate=10.0")
    side.run(TOOL, "--describe", "--entity-type", "ips").ok()
    side.run(TOOL, "--alter", *address, "--delete-config", "connection_creation_rate").ok()
    side.run(TOOL, "--alter", "--entity-type", "ips", "--entity-name", "nonsense..", "--add-config",
             "connection_creation_rate=10").fails()


@scenario
def wrong_changes(side: Side) -> None:
    user = ("--entity-type", "users", "--entity-name", side.named("user"))
    for config in ("nope=1", "producer_byte_rate=abc", "producer_byte_rate=-1", "producer_byte_rate=0",
                   "producer_byte_rate=1.5", "connection_creation_rate=5"):
        side.run(TOOL, "--alter", *user, "--add-config", config).fails()
    side.run(TOOL, "--alter", "--entity-type", "clients", "--entity-name", side.named("c"),
             "--add-config", "connection_creation_rate=5").fails()
    side.run(TOOL, "--describe", *user).ok()
