"""Plays a scenario on every side at once, and says where what was printed differs."""

import difflib
import threading
import time
import traceback
from dataclasses import dataclass, field

from harness.java_tools import LOG_PREFIX
from kafka_cli.differences import AFTER_ALL, ALLOWED, NORMALISED
from kafka_cli.scenarios import Scenario
from kafka_cli.side import Side
from kafka_cli.step import Broken, Step


def shown(step: Step) -> list[str]:
    """A step as lines that can be compared."""
    stdout, stderr = ([line for line in text.splitlines() if step.only is None or step.only in line]
                      for text in (step.text, step.outcome.stderr))
    errors = [f"err|{line}" for line in stderr if not line.startswith(LOG_PREFIX)]
    # Several threads of a tool log, in any order, and as often as they try.
    logged = dict.fromkeys(sorted(line for line in stderr if line.startswith(LOG_PREFIX)))
    text = "\n".join([f"status {step.outcome.status}", *stdout, *errors, *logged, ""])
    for rule in (*NORMALISED, *ALLOWED, AFTER_ALL):
        text = rule.applied(step.command, text, step.differs)
    status, *lines = [line for line in text.splitlines() if line not in ("", "err|")]
    return [f"$ {step.command}", status, *(sorted(lines) if step.unordered else lines), ""]


@dataclass
class Played:
    """What a scenario did on one side."""

    side: Side
    broken: str = ""
    seconds: float = 0.0

    def transcript(self) -> list[str]:
        lines = [line for step in self.side.steps for line in shown(step)]
        return [*lines, f"BROKEN {self.broken}"] if self.broken else lines

    def unmet(self) -> list[str]:
        return [each for step in self.side.steps for each in step.unmet]


@dataclass
class Verdict:
    scenario: Scenario
    played: list[Played] = field(default_factory=list)

    def problems(self) -> str:
        found = []
        for each in self.played:
            if each.broken:
                found.append(f"on {each.side.name} the scenario broke off: {each.broken}")
            found += [f"on {each.side.name}: {unmet}" for unmet in each.unmet()]
        if len(self.played) == 2:
            found += difflib.unified_diff(*(each.transcript() for each in self.played), *(
                each.side.name for each in self.played), lineterm="", n=4)
        return "\n".join(found)


def play(scenario: Scenario, sides: list[Side]) -> Verdict:
    verdict = Verdict(scenario, [Played(side) for side in sides])

    def one(played: Played) -> None:
        begun = time.monotonic()
        try:
            scenario.play(played.side)
        except (Broken, AssertionError) as broken:
            played.broken = str(broken)
        except Exception:
            played.broken = traceback.format_exc()
        played.seconds = time.monotonic() - begun

    threads = [threading.Thread(target=one, args=(played,)) for played in verdict.played]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return verdict
