"""The course of a run: faults from a plan while clients load the cluster, calm in between, and the end."""

import heapq
import itertools
import random
import signal
import sys
import time
from collections.abc import Iterator

from chaos.faults import INFLICT, OF_THE_STORE, Fault, Scene
from chaos.history import History
from chaos.plan import CALM, OVERLAP, busy_nodes, choose_nodes
from chaos.world import World
from harness.process import Failed, Process

CATCH_UP_SECONDS = 30
PATIENCE_SECONDS = 120
TICK = 0.01


class ChaosRun:
    def __init__(self, world: World, seed: int, longest: float):
        self.world, self.seed, self.longest = world, seed, longest
        shape = world.shape
        self.history = History(
            [world.client_file("produce", index) for index in range(shape.producers)],
            [world.client_file("read", index) for index in range(shape.readers)], shape.partitions,
        )
        self.clients: list[Process] = []
        self.faults: list[Fault] = []
        self.catch_ups: list[float] = []
        self.problems: list[str] = []
        self.active: list[Fault] = []
        self.is_calm = False
        """Whether no fault has begun since the cluster was last found in order."""
        self.waiting: list[tuple[float, int, Fault, Iterator[float]]] = []
        self.numbers = itertools.count()
        self.begun = time.monotonic()

    def start(self) -> None:
        self.clients = self.world.start()
        self.calm()
        self.catch_ups.clear()

    # Faults

    def inflict(self, plan: list[str], apart: bool) -> None:
        """All of the plan, then calm."""
        for number, kind in enumerate(plan):
            draw = random.Random(f"{self.seed} {number} {kind}")
            while self.active and (apart or not self._may_overlap(kind, draw)):
                self.tick()
            if not self.active and (apart or draw.random() < CALM):
                self.calm()
            self.wait(draw.uniform(0.2, 1.5))
            self.begin(kind, draw)
        self.settle()
        self.calm()

    def _may_overlap(self, kind: str, draw: random.Random) -> bool:
        """Asked again and again until it is so; the odds are for a wait of about a second."""
        if kind in OF_THE_STORE and any(fault.kind in OF_THE_STORE for fault in self.active):
            return False
        return draw.random() < OVERLAP * TICK

    def begin(self, kind: str, draw: random.Random, lasting: float | None = None) -> Fault:
        """Begins a fault as soon as there are nodes for it, and does not wait for its end."""
        while True:
            busy = busy_nodes(self.active)
            leaders = self.world.leaders(busy)
            nodes = choose_nodes(kind, self.world, leaders, busy, draw, sharp=lasting is not None)
            if nodes is not None:
                break
            self.tick()
        addresses = [self.world.nodes[number].bootstrap for number in nodes]
        led = tuple(part for part, leader in leaders.items() if leader in addresses or not nodes)
        fault = Fault(kind, nodes, led=led, apart=self.is_calm)
        self.is_calm = False
        scene = Scene(self.world, fault, draw, [self.world.nodes[number] for number in nodes],
                      self.longest, lasting)
        if kind == "kill" and len(nodes) > 1:
            fault.times = len(nodes)
        self.faults.append(fault)
        self.active.append(fault)
        self._resume(fault, INFLICT[kind](scene))
        where = ", ".join(str(number) for number in nodes) or "store"
        self.say(f"{kind} of {where} ({fault.detail}), led {len(led)}")
        return fault

    def _resume(self, fault: Fault, course: Iterator[float]) -> None:
        try:
            due = time.monotonic() + next(course)
            heapq.heappush(self.waiting, (due, next(self.numbers), fault, course))
        except StopIteration:
            fault.healed = time.monotonic()
            self.active.remove(fault)

    def tick(self) -> None:
        """Takes every fault on whose time has come, and whatever else is to be done all the while."""
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            _due, _number, fault, course = heapq.heappop(self.waiting)
            self._resume(fault, course)
        self.world.supervise()
        for client in self.clients:
            if not client.alive():
                raise Failed(f"{client.log.stem} ended")
        time.sleep(TICK)

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tick()

    def settle(self) -> None:
        while self.active:
            self.tick()

    # What must hold

    def calm(self) -> None:
        """With every fault healed: each partition takes a record, and all readers catch up, in time."""
        healed = time.monotonic()
        self.history.take_up()
        goal, everywhere = list(self.history.acked), set(range(self.world.shape.partitions))
        late = False
        while True:
            self.tick()
            self.history.take_up()
            taken = self.history.taken_since(healed)
            if taken == everywhere and self.history.caught_up(goal):
                break
            passed = time.monotonic() - healed
            if passed > CATCH_UP_SECONDS and not late:
                late = True
                self.problems.append(
                    f"late: {CATCH_UP_SECONDS} s after healing {self._last_faults()}, no record taken by "
                    f"{sorted(everywhere - taken) or 'none'}, readers at {self.history.seen} of {goal}")
                self.say(self.problems[-1])
                for client in self.clients:
                    # Its log then says where it hangs.
                    client.child.send_signal(signal.SIGUSR1)
            if passed > PATIENCE_SECONDS:
                raise Failed("the cluster does not recover")
        self.catch_ups.append(time.monotonic() - healed)
        self.is_calm = True

    def _last_faults(self) -> str:
        return "; ".join(f"{fault.kind} of {fault.nodes} ({fault.detail})" for fault in self.faults[-3:])

    # The end

    def end_clients(self) -> None:
        """Producers flush, readers see the last of it, all of them end."""
        count = self.world.shape.producers
        producers, readers = self.clients[:count], self.clients[count:]
        self._end(producers)
        self.history.take_up()
        goal, deadline = list(self.history.acked), time.monotonic() + CATCH_UP_SECONDS
        while not self.history.caught_up(goal):
            if time.monotonic() > deadline:
                self.problems.append(f"late: readers end at {self.history.seen} of {goal}")
                break
            time.sleep(0.1)
            self.history.take_up()
        self._end(readers)
        self.history.take_up()
        self.clients = []

    def _end(self, clients: list[Process]) -> None:
        for client in clients:
            client.child.send_signal(signal.SIGTERM)
        for client in clients:
            if client.child.wait(180):
                self.problems.append(f"ended: {client.log.stem} with status {client.child.returncode}: "
                                     f"{client.log_tail(5)}")

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.begun:7.1f} s, {len(self.history.acks)} acks: {text}",
              file=sys.stderr, flush=True)
