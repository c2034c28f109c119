"""The stages of `tests/run`, in order. Each prints one summary line; a failed one does not stop the rest,
except where they need what it makes."""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness.toolbox import Unavailable, cache_root
from harness.tools import DEFAULT, TOOLS
from harness.venv import interpreter

TESTS = Path(__file__).resolve().parent.parent
REPO = TESTS.parent
SIMULATOR_MINUTES = 5
CORE_CLIENT_TESTS = ("test_librdkafka.py", "test_aiokafka.py", "test_refusals.py")


@dataclass
class Outcome:
    ok: bool
    note: str = ""


@dataclass
class Run:
    """What the stages share. `binary` is there once `build` has passed."""

    environment: dict[str, str]
    binary: Path | None = None
    left_out: list[str] = field(default_factory=list)

    def call(self, command, **environment) -> tuple[int, str]:
        """Runs a command with its output shown as it comes; returns its status and that output."""
        child = subprocess.Popen(
            [str(part) for part in command], cwd=REPO, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**self.environment, **{name: str(value) for name, value in environment.items()}},
        )
        output = []
        for line in child.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            output.append(line)
        return child.wait(), "".join(output)

    def broker(self) -> dict[str, str]:
        if not self.binary:
            raise Unavailable("the binary was not built")
        return {"TIDELOG_BIN": str(self.binary)}


def setup(run: Run) -> Outcome:
    for name in DEFAULT:
        try:
            TOOLS[name].ensure()
        except Unavailable as reason:
            run.left_out.append(f"{name} ({TOOLS[name].about}): {reason}")
    return Outcome(True, f"{len(DEFAULT) - len(run.left_out)} of {len(DEFAULT)} tools")


def build(run: Run) -> Outcome:
    status, _output = run.call(["cargo", "build", "--locked", "--bin", "tidelog"])
    if status:
        return Outcome(False)
    listed = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1", "--locked"],
        cwd=REPO, env=run.environment, check=True, stdout=subprocess.PIPE,
    )
    target = Path(json.loads(listed.stdout)["target_directory"])
    run.binary = target / "debug" / "tidelog"
    return Outcome(run.binary.is_file(), str(run.binary))


def rust(run: Run) -> Outcome:
    status, output = run.call(["cargo", "test", "--locked", "--workspace", "--no-fail-fast"])
    passed, failed = (
        sum(int(count) for count in re.findall(rf"^test result: .*?(\d+) {word}", output, re.M))
        for word in ("passed", "failed")
    )
    return Outcome(status == 0, f"{passed} passed, {failed} failed")


def _pytest(run: Run, *arguments, **environment) -> Outcome:
    status, output = run.call(
        [interpreter(), "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
         "-rs", "--durations=5", *arguments],
        **environment,
    )
    closing = re.findall(r"^(?:=+ )?(\d+ (?:passed|failed).*?)(?: =+)?$", output, re.M)
    return Outcome(status == 0, closing[-1] if closing else "")


def harness(run: Run) -> Outcome:
    return _pytest(run, TESTS / "durability", TESTS / "chaos", TESTS / "groups")


def _clients(run: Run, store: str, *files: str, without: str = "", nodes: int = 1, only: str = "") -> Outcome:
    chosen = [TESTS / "clients" / name for name in files] or [TESTS / "clients"]
    ignored = [f"--ignore-glob={TESTS / 'clients' / without}"] if without else []
    named = ["-k", only] if only else []
    return _pytest(run, *chosen, *ignored, *named, TIDELOG_TEST_STORE=store, TIDELOG_TEST_NODES=nodes, **run.broker())


def clients_file(run: Run) -> Outcome:
    return _clients(run, "file")


def clients_memory(run: Run) -> Outcome:
    # Groups take long, and are to outlive the broker.
    return _clients(run, "memory", without="test_group*")


def clients_s3(run: Run) -> Outcome:
    TOOLS["ministack"].ensure()
    return _clients(run, "s3", *CORE_CLIENT_TESTS)


def clients_nodes(run: Run) -> Outcome:
    TOOLS["ministack"].ensure()
    return _clients(run, "s3", "test_groups.py", "test_share_groups.py", nodes=3, only="not static")


def kafka_cli(run: Run) -> Outcome:
    TOOLS["kafka"].ensure()
    return _pytest(run, TESTS / "kafka_cli", **run.broker())


def _program(run: Run, *command) -> Outcome:
    status, output = run.call([interpreter(), "-B", *command], **run.broker())
    lines = output.strip().splitlines()
    return Outcome(status == 0, lines[-1] if lines else "")


def crash(run: Run) -> Outcome:
    outcomes = [_program(run, TESTS / "crash.py", "--store", "file", "--rounds", "5"),
                _program(run, TESTS / "failing_sync.py")]
    return Outcome(all(outcome.ok for outcome in outcomes), "; ".join(outcome.note for outcome in outcomes))


def groups(run: Run) -> Outcome:
    TOOLS["ministack"].ensure()
    came = _program(run, TESTS / "groups.py", "--seconds", "10")
    commits = [_program(run, TESTS / "commits.py", "--nodes", *options)
               for options in (("1", "--kills", "6"), ("3", "--kills", "3", "--store", "s3"))]
    outcomes = [came, *commits]
    return Outcome(all(outcome.ok for outcome in outcomes), "; ".join(outcome.note for outcome in outcomes))


def simulator(run: Run) -> Outcome:
    status, _output = run.call(["cargo", "build", "--locked", "--bin", "tidelog-sim"])
    if status:
        return Outcome(False)
    search = run.binary.with_name("tidelog-sim") if run.binary else None
    if not search:
        raise Unavailable("the binary was not built")
    status, output = run.call([search, "--minutes", str(SIMULATOR_MINUTES)])
    lines = output.strip().splitlines()
    return Outcome(status == 0, lines[-1] if lines else "")


def chaos(run: Run) -> Outcome:
    TOOLS["minio"].ensure()
    return _program(run, TESTS / "chaos.py", "--short")


def hostile(run: Run) -> Outcome:
    TOOLS["kafka"].ensure()
    return _program(run, TESTS / "hostile.py", "--frames", "2000", "--idle", "500", "--stalled", "100",
                    "--demands", "0.25")


def memory(run: Run) -> Outcome:
    return _program(run, TESTS / "memory.py")


STAGES = {
    "setup": setup, "build": build, "rust": rust, "harness": harness, "clients-file": clients_file,
    "clients-memory": clients_memory, "clients-s3": clients_s3, "clients-nodes": clients_nodes,
    "kafka-cli": kafka_cli, "crash": crash, "groups": groups, "hostile": hostile, "memory": memory, "simulator": simulator, "chaos": chaos,
}
NEEDS_NO_BINARY = ("setup", "rust", "harness")


def environment() -> dict[str, str]:
    found = dict(os.environ)
    if found.get("CI") == "true" and not found.get("CARGO_TARGET_DIR"):
        found["CARGO_TARGET_DIR"] = str(cache_root() / "target")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tests/run", description="Runs the stages named, or all of them.",
        epilog="stages: " + " ".join(STAGES) + "; those that need the binary bring build with them",
    )
    parser.add_argument("stage", nargs="*", metavar="STAGE")
    chosen = parser.parse_args().stage
    unknown = set(chosen) - set(STAGES)
    if unknown:
        parser.error(f"unknown stage {sorted(unknown)[0]!r}; known: {' '.join(STAGES)}")
    if not chosen:
        chosen = list(STAGES)
    elif not set(chosen) <= set(NEEDS_NO_BINARY):
        chosen.append("build")
    run = Run(environment())
    lines, failed, passed = [], 0, 0
    for name, stage in STAGES.items():
        if name not in chosen:
            continue
        print(f"==> {name}", flush=True)
        begun = time.monotonic()
        try:
            outcome = stage(run)
        except Unavailable as reason:
            run.left_out.append(f"stage {name}: {reason}")
            continue
        passed += outcome.ok
        failed += not outcome.ok
        word = "ok" if outcome.ok else "FAILED"
        lines.append(f"{name}: {word} in {time.monotonic() - begun:.0f} s. {outcome.note}".rstrip())
        print(lines[-1], flush=True)
    print("\n==> summary")
    print("\n".join(lines))
    print("left out: " + ("; ".join(run.left_out) if run.left_out else "nothing"))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
