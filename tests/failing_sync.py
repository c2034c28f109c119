#!/usr/bin/env python3
"""Lets a broker's syncs fail, or take longer than an attempt may, and looks at what it acknowledges meanwhile.

While syncs fail nothing may be acknowledged, and the log must say why; while they are slow nothing before a sync has
returned. Afterwards the same process goes on, and after a kill -9 every acknowledged record is there once.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from harness.venv import enter  # noqa: E402

if __name__ == "__main__":
    enter("python")

from confluent_kafka import Producer  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

from broker import Broker  # noqa: E402
from durability.reader import Reader  # noqa: E402
from durability.records import value_of  # noqa: E402
from harness.process import end_children_on_signals  # noqa: E402
from harness.toolbox import Unavailable, need  # noqa: E402

SOURCE = Path(__file__).parent / "durability" / "failing_sync.c"
TOPIC = "tides"
SLOW_SECONDS = 4
MODES = {
    "directories fail": {},
    "files fail": {"FAILING_SYNC_FILES": "1"},
    "directories are slow": {"FAILING_SYNC_SECONDS": str(SLOW_SECONDS)},
}


class Faulty:
    """A producer and a node whose syncs go wrong while the flag is there."""

    def __init__(self, mode: str, shim: Path, directory: Path):
        self.mode, self.flag, self.directory = mode, directory / "failing", directory
        (directory / "store").mkdir(parents=True)
        env = {"LD_PRELOAD": str(shim), "FAILING_SYNC": str(self.flag), **MODES[mode]}
        # An attempt ends before a slow sync does.
        self.broker = Broker(f"file://{directory / 'store'}", ("--store-attempt-timeout", "1s"), env, directory)
        self.acked: dict[str, int] = {}
        self.sent = 0
        self.problems: list[str] = []

    def produce(self, seconds: float) -> int:
        """Sends records one by one for so long, and counts the acknowledged ones."""
        before, until = len(self.acked), time.monotonic() + seconds

        def delivered(error, message):
            if error is None:
                key = message.key().decode()
                if key in self.acked:
                    self.problems.append(f"{key} was acknowledged twice")
                self.acked[key] = message.offset()

        while time.monotonic() < until:
            key = f"ebb:{self.sent}"
            self.sent += 1
            self.producer.produce(TOPIC, value_of(key), key, on_delivery=delivered)
            self.producer.poll(0.05)
        return len(self.acked) - before

    def run(self) -> list[str]:
        self.broker.start()
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)
        self.producer = Producer({
            "bootstrap.servers": self.broker.bootstrap, "enable.idempotence": True, "linger.ms": 0,
            "retry.backoff.ms": 50, "log_level": 0,
        })
        if not self.produce(2):
            self.problems.append("nothing was acknowledged before anything was wrong")
        self.producer.flush(30)
        self.flag.touch()
        wrong = self.produce(SLOW_SECONDS - 1)
        if wrong:
            self.problems.append(f"{wrong} records were acknowledged before a sync had succeeded")
        time.sleep(SLOW_SECONDS if "slow" in self.mode else 1)
        self.flag.unlink()
        self.producer.flush(30)
        if not self.produce(2) or self.producer.flush(30):
            self.problems.append("nothing is acknowledged any more, though all is well")
        log = self.broker.log.read_text(errors="replace")
        told = [line for line in log.splitlines() if "the session ended" in line and "the sync of" in line]
        if "fail" in self.mode and not told:
            self.problems.append(f"the log does not say why the session ended:\n{log[-2000:]}")
        print(f"{self.mode}: {len(self.acked)} of {self.sent} acknowledged; {(told or ['no session ended'])[0]}")
        self.broker.kill()
        self.broker.start()
        self._look_up()
        self.broker.stop()
        return self.problems

    def _look_up(self) -> None:
        found: dict[str, list[int]] = {}
        for read in Reader(self.broker.bootstrap).read([(TOPIC, 0)], {}):
            found.setdefault(read.key, []).append(read.offset)
        twice = [key for key, offsets in found.items() if len(offsets) > 1]
        gone = [key for key, offset in self.acked.items() if found.get(key) != [offset]]
        if twice or gone:
            self.problems.append(f"{len(gone)} acknowledged records are not there, {len(twice)} are there twice")


def main() -> int:
    end_children_on_signals()
    directory = Path(tempfile.mkdtemp(prefix="tidelog-failing-sync-"))
    shim = directory / "failing_sync.so"
    try:
        compiler = need("cc", "syncs that fail")
    except Unavailable as reason:
        print(f"left out: {reason}")
        return 0
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, SOURCE, "-ldl"], check=True)
    problems = []
    for number, mode in enumerate(MODES):
        problems += [f"{mode}: {problem}" for problem in Faulty(mode, shim, directory / str(number)).run()]
    for problem in problems:
        print(f"  {problem}")
    print(f"failing syncs: {f'FAILED, logs in {directory}' if problems else f'{len(MODES)} kinds, ok'}")
    if not problems:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
