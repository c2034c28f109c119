"""Faults that one node of several must not be missed in: every partition takes records while they last."""

import random
from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from chaos.faults import Fault
from chaos.run import ChaosRun

class Limits(NamedTuple):
    begin: float
    """Each partition takes a record that was sent since, within so many seconds of the fault's beginning..."""
    go_on: float
    """...and from then on another in every so many seconds, as long as the fault lasts."""
    last: float
    """How many seconds it lasts."""


USUAL = Limits(begin=15, go_on=5, last=30)
# What waited while the store was away comes first, and a slot takes its time.
KINDS = {"store cut": USUAL, "pair cut": USUAL, "kill": USUAL, "denied": USUAL, "slow": Limits(60, 30, 120)}


def assert_available(run: ChaosRun, rounds: int, kinds: Collection[str]) -> None:
    """One fault at a time, `rounds` of each kind; what does not hold is added to the run's problems."""
    for number in range(rounds):
        for kind in kinds:
            run.calm()
            fault = run.begin(kind, random.Random(f"{run.seed} {number} {kind}"), lasting=KINDS[kind].last)
            run.settle()
            run.history.take_up()
            run.problems += unavailable(run, fault)
    run.calm()


def unavailable(run: ChaosRun, fault: Fault) -> list[str]:
    found, limits = defaultdict(list), KINDS[fault.kind]
    for partition in range(run.world.shape.partitions):
        told = sorted(ack.told for ack in run.history.acks
                      if ack.partition == partition and ack.sent >= fault.begun and ack.told <= fault.restored)
        if not told or told[0] > fault.begun + limits.begin:
            found[f"no record taken within {limits.begin} s"].append(partition)
            continue
        begun = fault.begun + limits.begin
        moments = [begun, *(moment for moment in told if moment > begun), fault.restored]
        if max(later - earlier for earlier, later in zip(moments, moments[1:])) > limits.go_on:
            found[f"{limits.go_on} s without a record after the first {limits.begin} s"].append(partition)
    what = f"{fault.kind} of {', '.join(map(str, fault.nodes))} ({fault.detail})"
    return [f"unavailable: {what}: partitions {partitions}: {how}" for how, partitions in found.items()]
