"""One of the two clusters as a scenario sees it."""

import shlex

from harness.java_tools import JavaTools, Outcome
from harness.process import Failed, wait_until
from kafka_cli.member import Member
from kafka_cli.step import Broken, Step
from kafka_cli.tools import MAIN_CLASSES


class Side:
    """A cluster and the tools to use on it. Names are the same on both sides and new in each run."""

    def __init__(self, name: str, bootstrap: str, tools: JavaTools, tag: str, patience: float = 30):
        """`patience`: seconds until something that does not come has a scenario broken off."""
        self.name, self.bootstrap, self.tools, self.tag = name, bootstrap, tools, tag
        self.patience = patience
        self.steps: list[Step] = []

    def named(self, name: str) -> str:
        """A name for a topic or group that no other scenario or run has."""
        return f"{self.tag}-{name}"

    def _call(self, tool: str, arguments, at: tuple[str, ...] | None = None) -> tuple[str, list[str]]:
        words = [str(word) for word in arguments]
        if "--bootstrap-server" not in words:
            # Tools with a sub-command take the address behind it.
            place = 1 if tool in ("kafka-cluster",) else 0
            words[place:place] = ["--bootstrap-server", self.bootstrap]
        return MAIN_CLASSES[tool], words

    def run(self, tool: str, *arguments, stdin: bytes = b"", unordered: bool = False,
            only: str | None = None, differs: str | None = None, timeout: float = 60) -> Step:
        """Runs a tool and keeps what it printed for the comparison. `unordered`: the order of lines
        means nothing. `only`: lines without this text belong to others. `differs`: the name of a rule
        of `differences.py` that is only applied on request."""
        main, words = self._call(tool, arguments)
        shown = " ".join([tool, *(shlex.quote(str(word)) for word in arguments)])
        try:
            outcome = self.tools.run(main, *words, stdin=stdin, timeout=timeout)
        except AssertionError as hung:
            raise Broken(f"{shown}\n  {hung}") from None
        step = Step(shown, outcome, unordered, only, differs)
        self.steps.append(step)
        return step

    def run_hidden(self, tool: str, *arguments, hide: str, **options) -> Step:
        """As `run`, with an argument that differs between the sides."""
        step = self.run(tool, *arguments, **options)
        step.command = step.command.replace(hide, "...")
        return step

    def quiet(self, tool: str, *arguments, stdin: bytes = b"") -> Outcome:
        """Runs a tool whose output is not compared, be it to prepare or to ask."""
        main, words = self._call(tool, arguments)
        return self.tools.run(main, *words, stdin=stdin, timeout=60)

    def prepare(self, tool: str, *arguments, stdin: bytes = b"") -> str:
        """As `quiet`; the scenario ends unless it succeeds."""
        outcome = self.quiet(tool, *arguments, stdin=stdin)
        if outcome.status != 0:
            raise Broken(f"{tool} {' '.join(map(str, arguments))}\n  status {outcome.status}: "
                         f"{outcome.text}\n{outcome.stderr}")
        return outcome.text

    def until(self, condition, what: str):
        try:
            return wait_until(condition, what, self.patience, interval=0.1)
        except Failed as gave_up:
            raise Broken(str(gave_up)) from None

    def topic(self, name: str, *arguments, partitions: int = 1) -> str:
        """Creates a topic and waits until it can be described with its leaders."""
        topic = self.named(name)
        self.prepare("kafka-topics", "--create", "--topic", topic, "--partitions", partitions, *arguments)

        def led() -> bool:
            found = self.quiet("kafka-topics", "--describe", "--topic", topic).text
            return found.count("Leader: ") == partitions and "Leader: none" not in found

        self.until(led, f"{topic} to be led")
        return topic

    def file(self, name: str, text: str) -> str:
        """A file for a tool, at a path that is the same on both sides."""
        path = self.tools.directory / self.named(name)
        written = path.with_name(f"{path.name}.{self.name}")
        written.write_text(text)
        written.replace(path)
        return str(path)

    def produce(self, topic: str, *lines: str) -> None:
        """A record a line, `key=value` or a value; a key decides the partition as it does everywhere."""
        keyed = any("=" in line for line in lines)
        parsed = ("--reader-property", "parse.key=true", "--reader-property", "key.separator==") if keyed else ()
        self.prepare("kafka-console-producer", "--topic", topic, *parsed,
                     stdin="".join(line + "\n" for line in lines).encode())

    def six_keyed(self, name: str) -> str:
        """A topic of two partitions with four and two records."""
        topic = self.topic(name, partitions=2)
        self.produce(topic, "a=1", "b=2", "c=3", "d=4", "e=5", "f=6")
        return topic

    def consume(self, group: str, topic: str, records: int, protocol: str = "classic") -> None:
        """Has a group consume and commit from the beginning, and leaves it without members."""
        self.prepare("kafka-verifiable-consumer", "--topic", topic, "--group-id", group, "--group-protocol", protocol,
                     "--max-messages", records, "--reset-policy", "earliest")

    def until_state(self, group: str, state: str, tool: str = "kafka-consumer-groups") -> None:
        self.until(lambda: state in self.quiet(tool, "--describe", "--state", "--group", group).text.split(),
                   f"group {group} to be {state}")

    def member(self, group: str, topic: str, *arguments, protocol: str = "classic") -> Member:
        main, words = self._call("kafka-verifiable-consumer", (
            "--topic", topic, "--group-id", group, "--group-protocol", protocol, *arguments))
        return Member(self, self.tools.start(main, *words), group)

    def share_member(self, group: str, topic: str) -> Member:
        main, words = self._call("kafka-verifiable-share-consumer", ("--topic", topic, "--group-id", group))
        return Member(self, self.tools.start(main, *words), group)
