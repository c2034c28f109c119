"""Faults that one node of several must not be missed in: every partition takes records while they last."""

import random
from collections import defaultdict

from chaos.faults import Fault
from chaos.run import ChaosRun

KINDS = ("store cut", "pair cut", "kill")
BEGIN_SECONDS = 15
"""Each partition takes a record that was sent since, within this time of the fault's beginning..."""
GO_ON_SECONDS = 5
"""...and from then on another in every such time, as long as the fault lasts."""
LAST_SECONDS = 30


def assert_available(run: ChaosRun, rounds: int, left_out: dict[str, str]) -> None:
    """One fault at a time, `rounds` of each kind; what does not hold is added to the run's problems."""
    for number in range(rounds):
        for kind in KINDS:
            if kind in left_out:
                continue
            run.calm()
            fault = run.begin(kind, random.Random(f"{run.seed} {number} {kind}"), lasting=LAST_SECONDS)
            run.settle()
            run.history.take_up()
            run.problems += unavailable(run, fault)
    run.calm()


def unavailable(run: ChaosRun, fault: Fault) -> list[str]:
    found = defaultdict(list)
    for partition in range(run.world.shape.partitions):
        told = sorted(ack.told for ack in run.history.acks
                      if ack.partition == partition and ack.sent >= fault.begun and ack.told <= fault.restored)
        if not told or told[0] > fault.begun + BEGIN_SECONDS:
            found[f"no record taken within {BEGIN_SECONDS} s"].append(partition)
            continue
        begun = fault.begun + BEGIN_SECONDS
        moments = [begun, *(moment for moment in told if moment > begun), fault.restored]
        if max(later - earlier for earlier, later in zip(moments, moments[1:])) > GO_ON_SECONDS:
            found[f"{GO_ON_SECONDS} s without a record after the first {BEGIN_SECONDS} s"].append(partition)
    what = f"{fault.kind} of {', '.join(map(str, fault.nodes))} ({fault.detail})"
    return [f"unavailable: {what}: partitions {partitions}: {how}" for how, partitions in found.items()]
