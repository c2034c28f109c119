#!/usr/bin/env python3
"""Kills the node that owns a group with -9 while offsets are committed, and looks for every acknowledged commit.

Members of classic and of consumer groups commit one offset after the other, several on their way at once. Whoever
owns the group next is first asked what is committed: nothing acknowledged may be missing, and nothing may go back.
The members live on: a node's end is no reason for a rebalance.

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

from broker import Cluster  # noqa: E402
from groups.kills import Kills  # noqa: E402
from harness.process import Failed, end_children_on_signals  # noqa: E402
from harness.s3 import SERVERS  # noqa: E402


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 3], help="sizes of the clusters, one after the other")
    parser.add_argument("--kills", type=int, default=50, help="of each cluster")
    parser.add_argument("--groups", type=int, default=6)
    parser.add_argument("--store", choices=["file", *SERVERS], default=None,
                        help="default: file for one node, minio for several; `s3` is ministack")
    parser.add_argument("--seed", type=int, default=None, help="default: drawn, and printed")
    parser.add_argument("--keep", action="store_true", help="keep the folders with logs and data")
    return parser.parse_args()


def run(nodes: int, chosen: argparse.Namespace, seed: int) -> bool:
    store = chosen.store or ("file" if nodes == 1 else "minio")
    directory = Path(tempfile.mkdtemp(prefix="tidelog-commits-"))
    (directory / "store").mkdir()
    print(f"{nodes} nodes on {store}, logs in {directory}", flush=True)
    server = SERVERS[store](directory / "store").start() if store in SERVERS else None
    begun = time.monotonic()
    try:
        url, env = (server.store_url(), server.env) if server else (f"file://{directory / 'store'}", {})
        test = Kills(Cluster(nodes, url, env, directory), chosen.groups, random.Random(f"{seed} {nodes}"))
        try:
            problems = test.run(chosen.kills)
        except Failed as failed:
            problems = [*test.problems(), str(failed)]
        print(test.summary())
    finally:
        if server:
            server.stop()
    for problem in problems[:50]:
        print(f"  {problem}")
    print(f"commits, {nodes} nodes on {store}: {f'FAILED, {len(problems)} problems' if problems else 'ok'}, "
          f"{test.kills} kills in {time.monotonic() - begun:.0f} s", flush=True)
    if not problems and not chosen.keep:
        shutil.rmtree(directory, ignore_errors=True)
    return not problems


def main() -> int:
    chosen = parse()
    end_children_on_signals()
    seed = chosen.seed if chosen.seed is not None else int.from_bytes(os.urandom(4), "big")
    nodes = " ".join(map(str, chosen.nodes))
    print(f"repeat with: tests/commits.py --nodes {nodes} --kills {chosen.kills} --groups {chosen.groups} --seed {seed}")
    return 0 if all([run(nodes, chosen, seed) for nodes in chosen.nodes]) else 1


if __name__ == "__main__":
    sys.exit(main())
