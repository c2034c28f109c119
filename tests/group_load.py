#!/usr/bin/env python3
"""What very many groups cost a node: memory, processor time for heartbeats, and what others wait, for both protocols.

A node is started for each protocol, and measured when it is idle, when every member has its connection, when all
groups have settled, and after the heartbeats. Figures of a debug build say little: name a release build by TIDELOG_BIN.

Run by the Python of `tests/setup python`, or by any: it changes over to that one by itself.
"""

import argparse
import asyncio
import resource
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
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402
from groups.load import MEMBERS, Crowd  # noqa: E402
from groups.watch import Watch  # noqa: E402
from harness.process import end_children_on_signals  # noqa: E402

MIB = 1 << 20


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, default=1_000)
    parser.add_argument("--members", type=int, default=10, help="of each group")
    parser.add_argument("--rounds", type=int, default=10, help="heartbeats of each member that are measured")
    parser.add_argument("--protocol", choices=[*MEMBERS, "both"], default="both")
    parser.add_argument("--idle", type=float, default=10, help="seconds in which the idle node is measured")
    return parser.parse_args()


def measure(chosen: argparse.Namespace, protocol: str, directory: Path) -> dict:
    (directory / "store").mkdir(parents=True)
    with Broker(f"file://{directory / 'store'}", directory=directory) as node:
        topic = "tides"
        admin = AdminClient({"bootstrap.servers": node.bootstrap})
        admin.create_topics([NewTopic(topic, chosen.members, 1)])[topic].result(30)
        crowd = Crowd(node.bootstrap, protocol, topic, chosen.groups, chosen.members)
        return asyncio.run(course(chosen, node.process, crowd))


async def course(chosen: argparse.Namespace, process, crowd: Crowd) -> dict:
    found = {"protocol": crowd.protocol, "idle": process.resident_bytes()}
    await crowd.connect()
    found["connected"] = process.resident_bytes()
    begun, cpu = time.monotonic(), process.cpu_seconds()
    with Watch(crowd.bootstrap, crowd.topic) as watch:
        await crowd.join(lambda text: print(text, flush=True))
        found["commits"] = watch.end()
    found["joining"], found["joining_cpu"] = time.monotonic() - begun, process.cpu_seconds() - cpu
    found["joined"] = process.resident_bytes()
    cpu = process.cpu_seconds()
    await asyncio.sleep(chosen.idle)
    found["idle_cpu"] = (process.cpu_seconds() - cpu) / chosen.idle
    begun, cpu, beats = time.monotonic(), process.cpu_seconds(), 0
    for _ in range(chosen.rounds):
        beats += await crowd.beat()
    found["seconds"], found["beats"] = time.monotonic() - begun, beats
    # What the node uses anyway is not the heartbeats'.
    found["cpu"] = max(0.0, process.cpu_seconds() - cpu - found["idle_cpu"] * found["seconds"])
    found["after"] = process.resident_bytes()
    crowd.close()
    return found


def table(chosen: argparse.Namespace, results: list[dict]) -> str:
    members = chosen.groups * chosen.members
    rows = [
        ("RSS at start, MiB", lambda r: f"{r['idle'] / MIB:.1f}"),
        (f"with {members} connections, MiB", lambda r: f"{r['connected'] / MIB:.1f}"),
        (f"with {chosen.groups} groups of {chosen.members}, MiB", lambda r: f"{r['joined'] / MIB:.1f}"),
        ("after the heartbeats, MiB", lambda r: f"{r['after'] / MIB:.1f}"),
        ("a connection, KiB", lambda r: f"{(r['connected'] - r['idle']) / members / 1024:.1f}"),
        ("a member, KiB", lambda r: f"{(r['joined'] - r['connected']) / members / 1024:.1f}"),
        ("joining, s", lambda r: f"{r['joining']:.1f}"),
        ("joining, CPU s", lambda r: f"{r['joining_cpu']:.1f}"),
        ("commits of other groups meanwhile", lambda r: f"{len(r['commits'])}"),
        ("99 of 100 of them within, ms", lambda r: f"{r['commits'][len(r['commits']) * 99 // 100] * 1_000:.1f}"),
        ("the slowest, ms", lambda r: f"{r['commits'][-1] * 1_000:.1f}"),
        ("idle with all of them, CPU s per s", lambda r: f"{r['idle_cpu']:.3f}"),
        ("heartbeats measured", lambda r: f"{r['beats']}"),
        ("heartbeats/s taken", lambda r: f"{r['beats'] / r['seconds']:.0f}"),
        ("1,000 heartbeats, CPU s", lambda r: f"{r['cpu'] * 1_000 / r['beats']:.4f}"),
    ]
    lines = ["| | " + " | ".join(result["protocol"] for result in results) + " |", "|---|" + "---|" * len(results)]
    lines += [f"| {name} | " + " | ".join(value(result) for result in results) + " |" for name, value in rows]
    return "\n".join(lines)


def main() -> int:
    chosen = parse()
    end_children_on_signals()
    wanted = chosen.groups * chosen.members + 200
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        sys.exit(f"{wanted} open files are needed, and {hard} are allowed (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    directory = Path(tempfile.mkdtemp(prefix="tidelog-group-load-"))
    try:
        protocols = list(MEMBERS) if chosen.protocol == "both" else [chosen.protocol]
        print(table(chosen, [measure(chosen, protocol, directory / protocol) for protocol in protocols]))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
