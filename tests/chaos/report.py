"""What a run comes to: figures from its faults and acknowledgements, as an object and as a table."""

import math
from bisect import bisect_left
from collections import Counter, defaultdict

from chaos.faults import Fault
from chaos.history import Ack, History
from chaos.run import ChaosRun

Figures = dict[str, float]


def figures(values: list[float]) -> Figures:
    """By nearest rank."""
    if not values:
        return {"count": 0}
    ordered = sorted(values)
    ranks = {"p50": 0.50, "p99": 0.99, "max": 1.0}
    found = {name: round(ordered[math.ceil(rank * len(ordered)) - 1], 3) for name, rank in ranks.items()}
    return {"count": len(ordered), **found}


class Interruptions:
    """How long faults kept producers from the partitions that the afflicted nodes led."""

    def __init__(self, history: History, partitions: int):
        self.by_partition: list[list[Ack]] = [[] for _ in range(partitions)]
        for ack in sorted(history.acks, key=lambda ack: ack.told):
            self.by_partition[ack.partition].append(ack)

    def next_produce(self, fault: Fault) -> float | None:
        """Until the last of those partitions took a record that was sent after the fault began."""
        moments = [self._next(partition, fault.begun) for partition in fault.led]
        return max(moments) - fault.begun if moments and None not in moments else None

    def _next(self, partition: int, begun: float) -> float | None:
        acks = self.by_partition[partition]
        for ack in acks[bisect_left(acks, begun, key=lambda ack: ack.told):]:
            if ack.sent >= begun:
                return ack.told
        return None

    def longest_wait(self, fault: Fault, until: float) -> float:
        """The longest that a record of those partitions waited which was sent meanwhile."""
        waits = [0.0]
        for partition in fault.led:
            acks = self.by_partition[partition]
            for ack in acks[bisect_left(acks, fault.begun, key=lambda ack: ack.told):]:
                if fault.begun <= ack.sent <= until:
                    waits.append(ack.told - ack.sent)
                elif ack.sent > until + 1:
                    break
        return max(waits)


def measured(run: ChaosRun) -> dict[str, dict[str, Figures]]:
    """By kind, of faults that no other fault was near: the time to the next produce, and the longest wait."""
    interruptions = Interruptions(run.history, run.world.shape.partitions)
    times, waits = defaultdict(list), defaultdict(list)
    for fault in run.faults:
        taken = interruptions.next_produce(fault)
        if taken is None or _disturbed(fault, taken, run.faults):
            continue
        kind = fault.kind
        if kind == "kill":
            if len(fault.nodes) > 1:
                kind = "kill of all"
            else:
                survived = fault.times == 1 and fault.begun + taken < fault.restored
                kind = "kill, failover" if survived else "kill, restart"
        elif kind == "store cut":
            kind = f"store cut, {fault.detail.split(',')[0]}"
        times[kind].append(taken)
        waits[kind].append(interruptions.longest_wait(fault, max(fault.healed, fault.begun + taken)))
    return {kind: {"next_produce": figures(times[kind]), "longest_wait": figures(waits[kind])}
            for kind in sorted(times)}


def _disturbed(fault: Fault, taken: float, faults: list[Fault]) -> bool:
    return not fault.apart or any(fault.begun < other.begun < fault.begun + taken for other in faults)


def report(run: ChaosRun, checks: dict[str, str], records: dict[str, int],
           missing: dict[str, str], seconds: float) -> dict:
    shape, counts = run.world.shape, Counter()
    for fault in run.faults:
        counts[fault.kind] += fault.times
    middle, high = run.history.latency()
    return {
        "ok": not run.problems, "seed": shape.seed, "nodes": shape.nodes, "store": shape.store_kind,
        "s3_latency": shape.s3_latency, "namespaces": run.world.network.can_cut, "seconds": round(seconds, 1),
        "faults": dict(sorted(counts.items())), "left_out": missing,
        "records": records,
        "acknowledgement": {"p50": round(middle, 3), "p99": round(high, 3)},
        "interruptions": measured(run),
        "shutdown_takes": figures([fault.ended_after for fault in run.faults if fault.ended_after]),
        "catch_up": figures(run.catch_ups),
        "ended_by_themselves": dict(run.world.ends.most_common()), "locked_up": run.history.locked_up(),
        "checkers": checks, "violations": run.problems,
    }


def table(found: dict) -> str:
    lines = [f"faults: {', '.join(f'{count} {kind}' for kind, count in found['faults'].items()) or 'none'}"]
    for kind, why in found["left_out"].items():
        lines.append(f"left out: {kind}, {why}")
    lines.append("records: " + ", ".join(f"{count} {what}" for what, count in found["records"].items()))
    lines.append(f"acknowledged after {_figures(found['acknowledgement'])}")
    lines.append(f"{'seconds, of faults apart from others':37}{'count':>6}"
                 f"{'next produce p50':>18}{'p99':>8}{'max':>8}{'longest wait p50':>18}{'p99':>8}{'max':>8}")
    for kind, row in found["interruptions"].items():
        cells = "".join(f"{row[name][rank]:>{width}.3f}" for name in ("next_produce", "longest_wait")
                        for rank, width in (("p50", 18), ("p99", 8), ("max", 8)))
        lines.append(f"  {kind:35}{row['next_produce']['count']:>6}{cells}")
    lines.append(f"a planned shutdown takes {_figures(found['shutdown_takes'])}")
    lines.append(f"calm again after {_figures(found['catch_up'])}")
    if found["locked_up"]:
        lines.append(f"consumers that librdkafka locked up, and that were replaced: {found['locked_up']}")
    lines += [f"ended by itself, {count} times: {end}" for end, count in found["ended_by_themselves"].items()]
    lines += [f"checked by {name}: {word}" for name, word in found["checkers"].items()]
    lines += [f"VIOLATION {text}" for text in found["violations"][:50]]
    return "\n".join(lines)


def _figures(values: Figures) -> str:
    return ", ".join(f"{name} {value}{'' if name == 'count' else ' s'}" for name, value in values.items())
