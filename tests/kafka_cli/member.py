"""A group's member that goes on in the background while a scenario looks at its group."""

import json

from harness.java_tools import Running
from kafka_cli.step import Broken


class Member:
    """Lives until the `with` block is left. What it does it prints, and is waited for by that."""

    def __init__(self, side, running: Running, group: str):
        self.side, self.running, self.group = side, running, group

    def __enter__(self) -> "Member":
        return self

    def __exit__(self, *_exception) -> None:
        self.running.stop()

    def events(self, *names: str) -> list[dict]:
        lines = [line for line in self.running.output().splitlines() if line.startswith("{") and line.endswith("}")]
        return [event for event in map(json.loads, lines) if event["name"] in names]

    def owned(self) -> set:
        """The partitions it has by what it was given and what was taken from it."""
        mine: set = set()
        for event in self.events("partitions_assigned", "partitions_revoked"):
            changed = {(each["topic"], each["partition"]) for each in event["partitions"]}
            mine = mine | changed if event["name"] == "partitions_assigned" else mine - changed
        return mine

    def until(self, condition, what: str):
        def alive():
            if condition():
                return True
            if self.running.ended():
                outcome = self.running.wait()
                raise Broken(f"a member of {self.group} ended: {outcome.text}{outcome.stderr}")
            return False

        return self.side.until(alive, what)

    def until_assigned(self, partitions: int) -> "Member":
        self.until(lambda: len(self.owned()) == partitions, f"{partitions} partitions to be assigned in {self.group}")
        return self

    def until_committed(self, records: int) -> "Member":
        """Waits until it has consumed so many records and committed all of them."""

        def committed() -> bool:
            ends: dict = {}
            for event in self.events("offsets_committed"):
                if event["success"]:
                    ends |= {each["partition"]: each["offset"] for each in event["offsets"]}
            return sum(ends.values()) >= records

        self.until(committed, f"{records} records to be committed in {self.group}")
        return self
