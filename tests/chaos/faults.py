"""The faults. Each is a generator that inflicts its fault, waits by yielding seconds, and heals it."""

import random
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from chaos.store_proxy import MODES
from chaos.world import CLIENTS, Node, World
from harness.process import LOOPBACK, Failed

START_SECONDS = 60
STOP_SECONDS = 60
AWAY_SECONDS = 25
RECORD_BYTES = 800
"""What the store gets for a record, all told, when few are in a batch."""


@dataclass
class Fault:
    """One fault as it was. Times are of the monotonic clock, 0 until they come."""

    kind: str
    nodes: tuple[int, ...] = ()
    detail: str = ""
    begun: float = 0.0
    restored: float = 0.0
    """When its undoing began, which may take a while to have an effect."""
    healed: float = 0.0
    apart: bool = False
    """Whether all was calm when it began."""
    led: tuple[int, ...] = ()
    """Partitions that the nodes led when it began."""
    times: int = 1
    ended_after: float = 0.0
    """Of a planned shutdown: how long the process took to end."""

    def begin(self, detail: str) -> None:
        self.detail, self.begun = detail, time.monotonic()


@dataclass
class Scene:
    """What a fault is given."""

    world: World
    fault: Fault
    draw: random.Random
    nodes: list[Node] = field(default_factory=list)
    longest: float = 30.0
    lasting: float | None = None
    """How long the fault shall last, where that is not to be drawn."""

    def seconds(self, least: float, most: float) -> float:
        return self.lasting or self.draw.uniform(least, min(most, self.longest))

    def restored(self) -> None:
        self.fault.restored = time.monotonic()

    def until(self, condition: Callable[[], bool], what: str, timeout: float) -> Iterator[float]:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise Failed(f"gave up after {timeout:.0f} s waiting for {what}")
            yield 0.02

    def restart(self) -> Iterator[float]:
        self.restored()
        for node in self.nodes:
            node.spawn()
            node.wanted = True
        for node in self.nodes:
            yield from self.until(node.answers, f"{node.name} to answer", START_SECONDS)


def kill(scene: Scene) -> Iterator[float]:
    """kill -9, and a restart that may be killed in its turn."""
    down = scene.lasting or scene.draw.choice([0, 0.1, 1, 4, 8])
    scene.fault.begin(f"down {down} s")
    for node in scene.nodes:
        node.wanted = False
        node.kill()
    yield down
    while not scene.lasting and scene.draw.random() < 0.15:
        for node in scene.nodes:
            node.spawn()
        yield scene.draw.uniform(0, 0.5)
        for node in scene.nodes:
            node.kill()
        scene.fault.times += 1
        yield 0.05
    yield from scene.restart()


def stop(scene: Scene) -> Iterator[float]:
    """SIGSTOP, then SIGCONT: a machine that hangs and comes back with old convictions."""
    seconds = scene.seconds(1, 5 if scene.draw.random() < 0.6 else 30)
    scene.fault.begin(f"{seconds:.1f} s")
    scene.nodes[0].process.pause()
    yield seconds
    scene.restored()
    scene.nodes[0].process.resume()


def shutdown(scene: Scene) -> Iterator[float]:
    """SIGTERM, and a restart some time after it has ended."""
    down = scene.draw.choice([0, 1, 4])
    node = scene.nodes[0]
    scene.fault.begin(f"down {down} s")
    node.wanted = False
    node.process.begin_stop()
    yield from scene.until(lambda: not node.process.alive(), f"{node.name} to end", STOP_SECONDS)
    scene.fault.ended_after = time.monotonic() - scene.fault.begun
    node.stop()
    if node.process.child.returncode:
        scene.world.ends[f"at SIGTERM, {node.last_words()}"] += 1
    yield down
    yield from scene.restart()


def _cut(scene: Scene, paths: list[tuple[str, str]], detail: str = "both ways") -> Iterator[float]:
    seconds = scene.seconds(1, 15)
    network = scene.world.network
    for path in paths:
        network.cut(*path)
    scene.fault.begin(f"{detail}, {seconds:.1f} s")
    yield seconds
    scene.restored()
    for path in paths:
        network.mend(*path)


def _both(one: str, other: str) -> list[tuple[str, str]]:
    return [(one, other), (other, one)]


def store_cut(scene: Scene) -> Iterator[float]:
    """One node loses its store, in one of the proxy's ways; its peers keep theirs."""
    node, mode = scene.nodes[0], scene.draw.choice(MODES)
    seconds = scene.seconds(1, 15)
    node.proxy.mode = mode
    scene.fault.begin(f"{mode}, {seconds:.1f} s")
    yield seconds
    scene.restored()
    node.proxy.mode = "pass"


def denied(scene: Scene) -> Iterator[float]:
    """One node may read and not write: its credentials have lost a right. Its peers keep theirs."""
    node = scene.nodes[0]
    seconds = scene.seconds(2, 15)
    node.proxy.mode = "denied"
    scene.fault.begin(f"{seconds:.1f} s")
    yield seconds
    scene.restored()
    node.proxy.mode = "pass"


def slow(scene: Scene) -> Iterator[float]:
    """The store is away for everybody, and then takes only twice as many bytes a second as it usually gets: what
    has waited meanwhile must be stored as well. The fault is the second part."""
    away = AWAY_SECONDS if scene.lasting else scene.seconds(1, 5)
    seconds = scene.seconds(2, 15)
    link, shape = scene.world.link, scene.world.shape
    rate = 2 * shape.producers * shape.rate * RECORD_BYTES
    scene.fault.begin(f"away {away:.1f} s, then {rate / 1e6:.2f} MB/s for {seconds:.1f} s")
    link.down = True
    yield away
    link.down, link.rate = False, rate
    scene.fault.begun = time.monotonic()
    yield seconds
    scene.restored()
    link.rate = None


def pair_cut(scene: Scene) -> Iterator[float]:
    """Two nodes cannot reach each other, or one not the other; both reach everything else."""
    one, other = (node.name for node in scene.nodes)
    paths = scene.draw.choice([_both(one, other), _both(one, other), [(one, other)]])
    return _cut(scene, paths, "both ways" if len(paths) == 2 else "one way")


def client_cut(scene: Scene) -> Iterator[float]:
    """The clients cannot reach one node."""
    return _cut(scene, _both(scene.nodes[0].name, CLIENTS))


def isolation(scene: Scene) -> Iterator[float]:
    """One node reaches nobody at all."""
    name = scene.nodes[0].name
    peers = [node.name for node in scene.world.nodes if node.name != name]
    return _cut(scene, [path for host in (*peers, CLIENTS, "hub") for path in _both(name, host)])


def store_restart(scene: Scene) -> Iterator[float]:
    """kill -9 of the store, and a start on the same data."""
    down = scene.draw.choice([0, 0.5, 2, 5])
    server = scene.world.server
    scene.fault.begin(f"down {down} s")
    server.process.kill()
    yield down
    scene.restored()
    server.spawn()
    yield from scene.until(lambda: _accepts(server.port), "the store to answer", START_SECONDS)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
        return True
    except OSError:
        return False


def full(scene: Scene) -> Iterator[float]:
    """The store has no space left for some seconds."""
    seconds = scene.seconds(2, 10)
    world = scene.world
    scene.fault.begin(f"{seconds:.1f} s, {'its disk' if world.disk else 'by the proxies'}")
    if world.disk:
        world.disk.fill()
    else:
        for proxy in world.proxies:
            proxy.mode = "full"
    yield seconds
    scene.restored()
    if world.disk:
        world.disk.free()
    else:
        for proxy in world.proxies:
            proxy.mode = "pass"


INFLICT: dict[str, Callable[[Scene], Iterator[float]]] = {
    "kill": kill, "stop": stop, "shutdown": shutdown, "store cut": store_cut, "pair cut": pair_cut,
    "client cut": client_cut, "isolation": isolation, "store restart": store_restart, "full": full,
    "denied": denied, "slow": slow,
}
PARTITIONS = ("store cut", "pair cut", "client cut", "isolation")
BY_PROXY = ("store cut", "store restart", "denied", "slow")
OF_THE_STORE = ("store restart", "full", "slow")


def possible(world: World) -> dict[str, str]:
    """Why a kind of fault cannot be inflicted here, by kind; those that can are absent."""
    reasons = {}
    if not world.server:
        reasons |= {kind: "the store is a directory" for kind in BY_PROXY}
    if not world.network.can_cut:
        reasons |= {kind: "namespaces cannot be had" for kind in ("pair cut", "client cut", "isolation")}
    if len(world.nodes) < 2:
        reasons.setdefault("pair cut", "there is one node")
    if not world.disk and not world.server:
        reasons["full"] = "mounting is not permitted"
    return reasons
