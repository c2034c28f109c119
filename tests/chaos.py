#!/usr/bin/env python3
"""Inflicts faults on a cluster of real nodes under load, and checks that it keeps every promise.

Nodes are killed, frozen, shut down and cut off from their store, from each other and from their clients;
one of them may only read; the store is killed, runs full, and is slow. Meanwhile idempotent producers write and
consumers read everything. No acknowledged record may be lost, doubled, moved or reordered, no consumer may see a
gap or go back, and within 30 s of healing every partition takes records and every consumer has caught up.

Without any count the long run is made, of several hours' worth of ordinary misfortune; with one, the
kinds not counted are absent. A seed repeats the plan, but not the timing of real processes.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from harness.toolbox import Unavailable  # noqa: E402
from harness.tools import TOOLS  # noqa: E402
from harness.venv import enter  # noqa: E402

if __name__ == "__main__":
    enter("python")

from confluent_kafka import KafkaException  # noqa: E402

from broker import binary_path  # noqa: E402
from chaos import check, isolation  # noqa: E402
from chaos.availability import KINDS, assert_available  # noqa: E402
from chaos.faults import PARTITIONS, possible  # noqa: E402
from chaos.plan import LONG, SHORT, drawn  # noqa: E402
from chaos.report import report, table  # noqa: E402
from chaos.run import ChaosRun  # noqa: E402
from chaos.world import Shape, World  # noqa: E402
from durability.records import split_key  # noqa: E402
from harness.process import Failed, end_children_on_signals  # noqa: E402

COUNTS = {"kills": "kill", "stops": "stop", "partitions": "partition", "store_restarts": "store restart",
          "full": "full", "shutdowns": "shutdown", "denied": "denied", "slow": "slow"}
RATE = 100
SLOW_RATE = 500
"""What a slow store needs to be slow: less than this fits into the kernel's buffers."""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, kind in COUNTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N",
                            help=f"in the long run {LONG[kind]}")
    parser.add_argument("--short", action="store_true", help="a few of each, about a minute and a half")
    parser.add_argument("--availability", type=int, nargs="?", const=3, metavar="ROUNDS",
                        help="instead: one fault at a time, while which every partition must take records")
    parser.add_argument("--only", nargs="+", metavar="KIND", default=[],
                        help="no other faults than these: " + ", ".join([*COUNTS.values(), *PARTITIONS]))
    parser.add_argument("--apart", action="store_true",
                        help="begin every fault in calm, as measuring needs it; default: let some overlap")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=None, help="default: drawn, and printed")
    parser.add_argument("--s3-latency", action="store_true", help="PUT and GET take as long as S3's do")
    parser.add_argument("--store-kind", choices=["minio", "file"], default="minio")
    parser.add_argument("--rate", type=float, help="records/s of each of two producers; default "
                        f"{RATE}, and {SLOW_RATE} with --availability where `slow` is among the faults")
    parser.add_argument("--binary", type=Path, help="default: TIDELOG_BIN")
    parser.add_argument("--sim", type=Path, help="tidelog-sim; default: beside the binary")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and history")
    parser.add_argument("broker_args", nargs="*", help="further arguments of `tidelog serve`, after --")
    chosen = parser.parse_args()
    if chosen.availability and chosen.nodes < 2:
        parser.error("--availability needs two nodes or more")
    for kind in chosen.only:
        if kind not in (KINDS if chosen.availability else {*COUNTS.values(), *PARTITIONS}):
            parser.error(f"--only: no such fault: {kind}")
    if chosen.availability:
        chosen.only = chosen.only or list(KINDS)
    if chosen.rate is None:
        chosen.rate = SLOW_RATE if chosen.availability and "slow" in chosen.only else RATE
    return chosen


def counts(chosen: argparse.Namespace) -> dict[str, int]:
    named = {kind: getattr(chosen, name) for name, kind in COUNTS.items() if getattr(chosen, name) is not None}
    found = {**(SHORT if chosen.short else dict.fromkeys(COUNTS.values(), 0) if named else LONG), **named}
    if not chosen.only:
        return found
    # Of the partitions, all are meant by their one name, and each by its own.
    one_by_one = {kind: found["partition"] for kind in PARTITIONS}
    return {kind: count for kind, count in {**found, **one_by_one}.items() if kind in chosen.only}


def perform(chosen: argparse.Namespace, seed: int, directory: Path) -> dict:
    shape = Shape(chosen.nodes, chosen.store_kind, chosen.s3_latency, seed, chosen.rate,
                  broker_args=tuple(chosen.broker_args))
    world, begun = World(shape, directory), time.monotonic()
    run = ChaosRun(world, seed, longest=4 if chosen.short else 30)
    left_out = possible(world)
    try:
        run.start()
        if chosen.availability:
            assert_available(run, chosen.availability, [kind for kind in chosen.only if kind not in left_out])
            left_out = {kind: why for kind, why in left_out.items() if kind in chosen.only}
        else:
            plan, left_out = drawn(counts(chosen), left_out, seed)
            run.inflict(plan, chosen.apart)
    except (Failed, OSError) as error:
        run.problems.append(f"abandoned: {error}")
        world.heal()
    try:
        run.end_clients()
        records, checks = verdict(run, chosen.sim or binary_path().with_name("tidelog-sim"))
        for node in world.nodes:
            node.stop()
    except (Failed, OSError, KafkaException) as error:
        run.problems.append(f"abandoned at the end: {error}")
        records, checks = {}, {}
    run.problems += [f"panic: {end}" for end in world.ends if "panicked" in end or "status 101" in end]
    if run.problems:
        world.keep_store()
    return report(run, checks, records, left_out, time.monotonic() - begun)


def verdict(run: ChaosRun, sim: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Reads the whole log and has everything checked; returns how many records there are, and who said what."""
    sent, unknown, problems = run.history.closing_words()
    log = check.final_log(run.world.bootstrap, run.world.pairs)
    word, violations = check.by_simulator(sim, run.history, log, run.world.directory / "history.jsonl")
    second = check.by_crash_checker(run.world.topic, run.history, log, sent)
    unplaced = run.history.lost_unplaced([(r.partition, r.offset, *map(int, split_key(r.key))) for r in log])
    run.problems += problems + violations + second + unplaced
    return ({"sent": sum(sent.values()), "acknowledged": len(run.history.acks), "unknown": unknown,
             "in_log": len(log)},
            {"tidelog-sim check": word, "tests/durability": f"{len(second)} violations"})


def main() -> int:
    chosen = parse()
    if chosen.binary:
        os.environ["TIDELOG_BIN"] = str(chosen.binary.resolve())
    if chosen.store_kind == "minio":
        try:
            # Inside the namespaces there is no way to a registry.
            TOOLS["minio"].ensure()
        except Unavailable as reason:
            sys.exit(f"MinIO is left out: {reason}")
    binary_path()
    isolation.enter()
    end_children_on_signals()
    seed = chosen.seed if chosen.seed is not None else int.from_bytes(os.urandom(4), "big")
    directory = Path(tempfile.mkdtemp(prefix="tidelog-chaos-"))
    print(f"seed {seed}, logs in {directory}", file=sys.stderr, flush=True)
    found = perform(chosen, seed, directory)
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    word = "ok" if found["ok"] else f"FAILED, {len(found['violations'])} violations, seed {seed}"
    print(f"chaos {chosen.store_kind}, {chosen.nodes} nodes: {word} in {found['seconds']:.0f} s",
          file=sys.stderr if chosen.json else sys.stdout, flush=True)
    if found["ok"] and not chosen.keep:
        shutil.rmtree(directory, ignore_errors=True)
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
