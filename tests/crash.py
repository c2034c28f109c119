#!/usr/bin/env python3
"""Kills a broker with -9 again and again under load, and checks that nothing acknowledged is missing.

Two idempotent producers write to six partitions of two topics all the while, and eight clients create topics
and write their first records at once. After every round, and over the whole log at the end, an independent
consumer must find every acknowledged record exactly once, at its acknowledged offset and in its producer's
order, and no record twice.

Run by the Python of `tests/setup python`, or by any: it changes over to that one by itself.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from harness.venv import enter  # noqa: E402

if __name__ == "__main__":
    enter("python")

from broker import Broker  # noqa: E402
from durability.run import CrashRun  # noqa: E402
from harness.kafka_node import KafkaNode  # noqa: E402
from harness.process import Failed, end_children_on_signals  # noqa: E402
from harness.s3 import SERVERS  # noqa: E402


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default="file", choices=["file", *SERVERS, "kafka"],
                        help="`s3` is ministack; `kafka` restarts an Apache Kafka node in good order, "
                        "to test this program itself")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="default: drawn, and printed")
    parser.add_argument("--rate", type=float, default=2_000, help="records/s of each producer")
    parser.add_argument("--new-topics", type=float, default=100, metavar="RATE",
                        help="topics/s that are created meanwhile, with their first records; 0: none")
    parser.add_argument("--max-recovery", type=float, default=None, metavar="SECONDS",
                        help="fail if a restarted broker takes longer to take a record; "
                        "default: only report")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    parser.add_argument("broker_args", nargs="*", help="further arguments of `tidelog serve`, after --")
    return parser.parse_args()


def shortened(error: Failed) -> str:
    """What happened, and the last words of who is to blame; the rest is in the log."""
    lines = str(error).splitlines() or [""]
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"


def main() -> int:
    chosen = parse()
    end_children_on_signals()
    seed = chosen.seed if chosen.seed is not None else int.from_bytes(os.urandom(4), "big")
    directory = Path(tempfile.mkdtemp(prefix="tidelog-crash-"))
    print(f"repeat with: tests/crash.py --store {chosen.store} --rounds {chosen.rounds} --seed {seed}")
    print(f"logs in {directory}", flush=True)
    server = SERVERS[chosen.store](directory / "store") if chosen.store in SERVERS else None
    try:
        if chosen.store == "kafka":
            target = KafkaNode(directory / "kafka")
        elif server:
            server.start()
            target = Broker(server.store_url(), chosen.broker_args, server.env, directory)
        else:
            (directory / "store").mkdir()
            target = Broker(f"file://{directory / 'store'}", chosen.broker_args, directory=directory)
        run = CrashRun(target, directory, random.Random(seed), chosen.rate, chosen.new_topics)
        begun = time.monotonic()
        try:
            violations = run.rounds(chosen.rounds, in_good_order=chosen.store == "kafka")
        except Failed as error:
            violations = [*run.problems, *run.checker.violations, f"abandoned: {shortened(error)}"]
        print(run.summary(time.monotonic() - begun))
    finally:
        if server:
            server.stop()
    if chosen.max_recovery is not None and run.slowest_recovery() > chosen.max_recovery:
        violations.append(f"slow: recovery took longer than {chosen.max_recovery} s")
    for violation in violations[:50]:
        print(f"  {violation}")
    failed = bool(violations)
    print(f"crash {chosen.store}: {'FAILED, ' + str(len(violations)) + ' violations' if failed else 'ok'}")
    if not failed and not chosen.keep:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
