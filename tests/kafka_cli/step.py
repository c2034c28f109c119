"""One call of a tool in a scenario: what came of it, and what the scenario expects of it on either side."""

from dataclasses import dataclass, field

from harness.java_tools import Outcome


class Broken(Exception):
    """A scenario cannot go on: what it prepares, or waits for, did not come."""


@dataclass
class Step:
    """One call of a tool whose result is compared."""

    command: str
    outcome: Outcome
    unordered: bool = False
    only: str | None = None
    differs: str | None = None
    unmet: list[str] = field(default_factory=list)
    """What the scenario expects of this call on either side and did not find."""

    @property
    def text(self) -> str:
        return self.outcome.text

    @property
    def everything(self) -> str:
        return self.outcome.text + "\n" + self.outcome.stderr

    def _expect(self, met: bool, what: str) -> "Step":
        if not met:
            self.unmet.append(f"{self.command}\n  expected {what}")
        return self

    def ok(self) -> "Step":
        return self._expect(self.outcome.status == 0, f"status 0, got {self.outcome.status}")

    def fails(self, *texts: str) -> "Step":
        self._expect(self.outcome.status != 0, "a status other than 0")
        return self.prints(*texts)

    def prints(self, *texts: str) -> "Step":
        for text in texts:
            self._expect(text in self.everything, f"to print {text!r}")
        return self

    def lacks(self, *texts: str) -> "Step":
        for text in texts:
            self._expect(text not in self.everything, f"not to print {text!r}")
        return self
