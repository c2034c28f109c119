"""Apache Kafka's own command-line tools, run one after the other in one JVM."""

import base64
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.kafka_node import classpath, logging_option
from harness.toolbox import need

SOURCE = Path(__file__).parent / "java" / "ToolServer.java"
TOOLS = "org.apache.kafka.tools."


@dataclass(frozen=True)
class Outcome:
    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")

    def checked(self) -> "Outcome":
        assert self.status == 0, f"status {self.status}: {self.text}\n{self.stderr}"
        return self


class JavaTools:
    """Calls a tool's main class with arguments and standard input, as its script would."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="java-tools-"))
        self.errors = self.directory / "stderr"
        self.child: subprocess.Popen | None = None

    def _start(self) -> None:
        with open(self.errors, "ab") as errors:
            self.child = subprocess.Popen(
                [need("java", "Apache Kafka's tools"), "-Xmx512m", "-XX:+UseSerialGC",
                 "-XX:TieredStopAtLevel=1", "-XX:+DisplayVMOutputToStderr",
                 logging_option(self.directory), "-cp", classpath(), str(SOURCE)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )

    def run(self, main_class: str, *arguments, stdin: bytes = b"", timeout: float = 90) -> Outcome:
        if self.child is None or self.child.poll() is not None:
            self._start()
        name = main_class if main_class.startswith(("org.", "kafka.")) else TOOLS + main_class
        parts = [name.encode(), stdin, *(str(part).encode() for part in arguments)]
        line = " ".join(base64.b64encode(part).decode() or "-" for part in parts)
        watchdog = threading.Timer(timeout, self._end_a_hang)
        watchdog.start()
        try:
            with suppress(BrokenPipeError):
                self.child.stdin.write(line.encode() + b"\n")
                self.child.stdin.flush()
            answer = self.child.stdout.readline().split()
        finally:
            watchdog.cancel()
        if len(answer) != 3:
            self.close()
            raise AssertionError(f"{name} {arguments} did not come back:\n{self._errors_tail()}")
        status, stdout, stderr = answer
        return Outcome(int(status), _decode(stdout), _decode(stderr).decode(errors="replace"))

    def _end_a_hang(self) -> None:
        """Has the JVM print where its threads are, and ends it."""
        self.child.send_signal(signal.SIGQUIT)
        time.sleep(2)
        self.child.kill()

    def _errors_tail(self) -> str:
        return self.errors.read_text(errors="replace")[-20_000:]

    def close(self) -> None:
        """Ends the JVM; the next call starts another."""
        if self.child is None:
            return
        with suppress(BrokenPipeError):
            self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child = None


def _decode(part: bytes) -> bytes:
    return b"" if part == b"-" else base64.b64decode(part)
