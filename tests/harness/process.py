"""Child processes of the tests: started with a log file, measured by procfs, always ended."""

import atexit
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

LOOPBACK = "127.0.0.1"


class Failed(Exception):
    """A child process did not do what a test needs of it."""


def wait_until(condition, what: str, timeout: float = 60.0, interval: float = 0.02):
    """Polls until `condition()` is truthy and returns that; fails after a generous deadline."""
    deadline = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"gave up after {timeout:.0f} s waiting for {what}")
        time.sleep(interval)


def free_ports(count: int) -> list[int]:
    """Ports that are free now and stay free while a server on them is down.

    They lie outside the kernel's ephemeral range. Inside it, a client that redials a dead server can
    be given the very port it dials and connect to itself, which keeps the server from coming back.
    """
    try:
        low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    except OSError:
        low, high = 32768, 60999
    candidates = [port for port in range(10000, 65536) if not low <= port <= high]
    random.SystemRandom().shuffle(candidates)
    held = []
    try:
        for port in candidates or [0] * count:
            listener = socket.socket()
            try:
                listener.bind((LOOPBACK, port))
                held.append(listener)
            except OSError:
                listener.close()
            if len(held) == count:
                break
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()


class Process:
    """One child in its own process group, its output appended to `log`. With `piped`, it is spoken to by its standard
    input, and only its errors are logged."""

    running: set["Process"] = set()

    def __init__(self, command, log: Path, env=None, cwd=None, piped: bool = False):
        self.command = [str(part) for part in command]
        self.log = Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as output:
            self.child = subprocess.Popen(
                self.command, stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else output, stderr=output,
                env=dict(os.environ, **(env or {})), cwd=cwd, start_new_session=True,
            )
        Process.running.add(self)

    @property
    def pid(self) -> int:
        return self.child.pid

    def alive(self) -> bool:
        return self.child.poll() is None

    def log_tail(self, lines: int = 40) -> str:
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join(text[-lines:])

    def check_alive(self) -> None:
        if not self.alive():
            raise Failed(
                f"{self.command[0]} ended with status {self.child.returncode}:\n{self.log_tail()}"
            )

    def kill(self) -> None:
        """kill -9, and wait until the kernel has let go of it."""
        self._signal(signal.SIGKILL)
        self.child.wait()
        Process.running.discard(self)

    def stop(self, timeout: float = 30.0) -> int:
        """Ends it in good order, or by kill -9 when it does not end in time."""
        self._signal(signal.SIGTERM)
        try:
            self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.child.wait()
        Process.running.discard(self)
        return self.child.returncode

    def pause(self) -> None:
        """Freezes it; to others it looks like a machine that hangs."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def begin_stop(self) -> None:
        """Asks it to end in good order, and does not wait for that."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        if self.alive():
            try:
                os.killpg(self.child.pid, number)
            except ProcessLookupError:
                pass

    def resident_bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def peak_bytes(self) -> int:
        """The most resident memory that it ever had."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def cpu_seconds(self) -> float:
        """User and system time used so far, ended children included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@atexit.register
def _end_all() -> None:
    for process in list(Process.running):
        process.kill()


def end_children_on_signals() -> None:
    """Makes SIGTERM and SIGHUP end the program in the ordinary way, children included."""
    numbers = (signal.SIGTERM, signal.SIGHUP)

    def end(received: int, _frame) -> None:
        # The same signal often comes twice, to a process and to its group; the end must not be cut short.
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + received)

    for number in numbers:
        signal.signal(number, end)
