"""Which faults come, in which order, and which may overlap."""

import random

from chaos.faults import OF_THE_STORE, PARTITIONS, Fault
from chaos.world import World

LONG = {"kill": 200, "stop": 100, "partition": 50, "store restart": 50, "full": 10, "shutdown": 40,
        "denied": 20, "slow": 10}
SHORT = {"kill": 6, "stop": 3, "partition": 6, "store restart": 2, "full": 1, "shutdown": 3, "denied": 1,
         "slow": 1}
OVERLAP = 0.3
"""Faults per second that begin while another lasts."""
CALM = 0.75
"""How often, after a fault, the next one waits until all is well again."""
LEADING = 0.8
"""How many faults choose among nodes that lead partitions."""
KILL_ALL = 0.05
"""How many of the kills are of all nodes at once."""


def drawn(counts: dict[str, int], left_out: dict[str, str], seed: int) -> tuple[list[str], dict[str, str]]:
    """The kinds of the faults in their order, and why any were left out."""
    draw = random.Random(seed)
    paths = [kind for kind in PARTITIONS if kind not in left_out]
    missing = {kind: why for kind, why in left_out.items()
               if counts.get(kind) or kind in PARTITIONS and counts.get("partition")}
    plan = []
    for kind, count in counts.items():
        if kind == "partition":
            # In turn, so that a short plan has them all; a lost store is the commonest of them.
            wheel = [*paths, "store cut"] if "store cut" in paths else paths
            plan += [wheel[number % len(wheel)] for number in range(count if wheel else 0)]
        elif kind not in left_out:
            plan += [kind] * count
    draw.shuffle(plan)
    return plan, missing


def choose_nodes(kind: str, world: World, leaders: dict[int, str | None], busy: set[int],
                 draw: random.Random, sharp: bool) -> tuple[int, ...] | None:
    """The nodes for a fault, or none when it has to wait: one node of several is left to serve.

    A sharp fault is of one node, and of one that leads partitions.
    """
    if kind in OF_THE_STORE:
        return ()
    count = len(world.nodes)
    free = [number for number in range(count) if number not in busy]
    if kind == "kill" and not busy and not sharp and draw.random() < KILL_ALL:
        return tuple(range(count))
    needed = 2 if kind == "pair cut" else 1
    impaired = len(busy) + (1 if kind != "pair cut" else 0)
    if len(free) < needed or busy and impaired > count - 1:
        return None
    leading = [number for number in free if world.nodes[number].bootstrap in leaders.values()]
    if leading and (sharp or draw.random() < LEADING):
        first = draw.choice(leading)
        return (first, *draw.sample([number for number in free if number != first], needed - 1))
    return tuple(draw.sample(free, needed))


def busy_nodes(active: list[Fault]) -> set[int]:
    return {number for fault in active for number in fault.nodes}
