#!/usr/bin/env python3
"""Sends malformed, truncated, stalled and excessive requests to a broker, beside an ordinary client.

The broker must stay up, its memory bounded, and the ordinary client must not be disturbed.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from harness.venv import enter  # noqa: E402

if __name__ == "__main__":
    enter("python")

from abuse import demands, schema  # noqa: E402
from abuse.connections import Crowd, allow_files, frames, throw  # noqa: E402
from abuse.generate import Generator  # noqa: E402
from abuse.workload import Workload  # noqa: E402
from broker import Broker  # noqa: E402
from harness import wire  # noqa: E402
from harness.kafka_node import KafkaNode  # noqa: E402
from harness.process import LOOPBACK, end_children_on_signals  # noqa: E402
from harness.toolbox import Unavailable  # noqa: E402

MIB = 1 << 20
# Far above what is seen on a slow and busy machine.
LONGEST_SECONDS = 30
# What changes a whole cluster, by good right: ACLs, configs, quotas, users, features, membership.
CLUSTER_WIDE = frozenset({30, 31, 33, 34, 43, 44, 45, 49, 51, 52, 53, 54, 57, 58, 59, 62, 63, 64, 80, 81})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--idle", type=int, default=5_000, help="idle connections held open")
    parser.add_argument("--stalled", type=int, default=400, help="connections in the middle of a frame")
    parser.add_argument("--demands", type=float, default=1.0, metavar="SCALE",
                        help="how much the excessive requests ask for; 0 leaves them out")
    parser.add_argument("--seed", type=int, default=None, help="default: drawn, and printed")
    parser.add_argument("--max-rss", type=int, default=200, metavar="MIB", help="0: only report")
    parser.add_argument("--store", default="memory://")
    parser.add_argument("--target", choices=["tidelog", "kafka"], default="tidelog")
    return parser.parse_args()


class Memory(threading.Thread):
    """Samples a process's resident memory."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.peak = process, 0

    def run(self) -> None:
        while self.process.alive():
            try:
                self.peak = max(self.peak, self.process.resident_bytes())
            except OSError:
                return
            time.sleep(0.1)


def good_requests(address, draw: random.Random) -> list[bytes]:
    """Well-formed requests of every API and version that the broker serves."""
    generator = Generator(draw)
    known = schema.requests()
    return [
        generator.request(known[key], version)
        for key, (low, high) in sorted(wire.api_versions(*address).items())
        if key in known and key not in CLUSTER_WIDE
        for version in range(low, high + 1)
        if not (key == 0 and version < 3)
        for _ in range(4)
    ]


def excessive(broker: demands.Broker, workload: Workload, process) -> None:
    """Asks for too much in every way there is, one after the other."""
    for kind in demands.KINDS:
        begun = time.monotonic()
        outcome, slowest = workload.beside(lambda kind=kind: kind(broker))
        process.check_alive()
        print(f"{kind.__name__}: {outcome}, in {time.monotonic() - begun:.1f} s; the ordinary client's slowest "
              f"round trip took {slowest:.3f} s", flush=True)
        if slowest > LONGEST_SECONDS:
            raise AssertionError(f"{kind.__name__} made the ordinary client wait for {slowest:.1f} s")


def main() -> int:
    chosen = parse()
    end_children_on_signals()
    seed = chosen.seed if chosen.seed is not None else int.from_bytes(os.urandom(4), "big")
    print(f"repeat with: tests/hostile.py --frames {chosen.frames} --idle {chosen.idle} "
          f"--stalled {chosen.stalled} --demands {chosen.demands} --seed {seed}", flush=True)
    draw = random.Random(seed)
    limit = allow_files(chosen.idle + chosen.stalled + 1_000)
    idle = min(chosen.idle, limit - chosen.stalled - 500)
    if idle < chosen.idle:
        print(f"the limit of open files allows {idle} idle connections")
    directory = Path(tempfile.mkdtemp(prefix="tidelog-hostile-"))
    target = KafkaNode(directory) if chosen.target == "kafka" else Broker(chosen.store, directory=directory)
    address = (LOOPBACK, target.port)
    with target:
        process = target.process
        idle_rss = process.resident_bytes()
        memory = Memory(process)
        memory.start()
        workload = Workload(target.bootstrap)
        workload.start()
        at = workload.check(more_than=0)
        try:
            bodies = good_requests(address, draw)
        except Unavailable as reason:
            print(f"hostile: left out, request schemas are not available: {reason}")
            return 0
        taken = Counter(throw(address, wire.frame(body), 0.2) for body in bodies)
        process.check_alive()
        at = workload.check(more_than=at)
        print(f"{len(bodies)} well-formed requests: {dict(taken)}", flush=True)

        begun = time.monotonic()
        taken = Counter()
        for number, (kind, data) in enumerate(frames(bodies, chosen.frames, draw), 1):
            taken[throw(address, data, 0.02)] += 1
            if not process.alive():
                print(f"the broker ended after bad frame {number} ({kind}): {data[:400].hex()}")
                process.check_alive()
        at = workload.check(more_than=at)
        print(f"{chosen.frames} bad frames in {time.monotonic() - begun:.0f} s: {dict(taken)}", flush=True)

        stalled, sleepers = Crowd(address), Crowd(address)
        # Apache Kafka sets aside what a frame announces, and dies of a hundred such connections.
        announced = (64 << 10) if chosen.target == "kafka" else (100 << 20) - 1
        stalled.partial(chosen.stalled, draw.choice(bodies), announced, draw)
        for _ in range(5):
            stalled.trickle()
            at = workload.check(more_than=at)
        print(f"{chosen.stalled} stalled connections, {stalled.still_open()} still open", flush=True)
        sleepers.idle(idle)
        at = workload.check(more_than=at + 20)
        print(f"{idle} idle connections, {sleepers.still_open()} still open", flush=True)
        stalled.close()
        sleepers.close()
        workload.check(more_than=at + 20)

        if chosen.demands and chosen.target == "tidelog":
            excessive(demands.Broker(address, (LOOPBACK, target.http_port), chosen.demands), workload, process)
        workload.end()
        process.check_alive()
        after = process.resident_bytes()
    peak = memory.peak / MIB
    print(f"the ordinary client made {workload.done} round trips, the slowest took {workload.slowest:.3f} s")
    print(f"resident memory: {idle_rss / MIB:.0f} MiB at first, {peak:.0f} at most, {after / MIB:.0f} after")
    too_much = bool(chosen.max_rss) and chosen.target == "tidelog" and peak > chosen.max_rss
    if not too_much:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"hostile: {f'FAILED, more than {chosen.max_rss} MiB resident' if too_much else 'ok'}")
    return 1 if too_much else 0


if __name__ == "__main__":
    sys.exit(main())
