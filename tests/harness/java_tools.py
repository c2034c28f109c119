"""Apache Kafka's own command-line tools, run in one JVM, several at a time."""

import base64
import itertools
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.kafka_node import classpath
from harness.toolbox import need

SOURCE = Path(__file__).parent / "java" / "ToolServer.java"
TOOLS = "org.apache.kafka.tools."
LOG_PREFIX = "log|"
"""Begins each line that a tool logs, on its standard error."""
LOGGING = "status = error\nrootLogger.level = warn\n"
"""No appender: the tool server brings one."""


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


class Running:
    """A tool that was started and may still run."""

    def __init__(self, tools: "JavaTools", number: str, answer: Future, what: str):
        self.tools, self.number, self.answer, self.what = tools, number, answer, what

    def ended(self) -> bool:
        return self.answer.done()

    def output(self) -> str:
        """What it has printed so far."""
        if not self.ended():
            status, stdout, _stderr = self.tools.ask("peek", self.number.encode()).result(60)
            if status != b"gone":
                return _decode(stdout).decode(errors="replace")
        return self.wait().text

    def stop(self, timeout: float = 60) -> Outcome:
        """Ends it as SIGTERM would."""
        if not self.ended():
            self.tools.ask("stop", self.number.encode())
        return self.wait(timeout)

    def _end(self) -> str:
        """Ends one that hangs, the JVM with it if it must be; returns what can be said about it."""
        for verb in ("stop", "interrupt"):
            self.tools.ask(verb, self.number.encode())
            with suppress(TookTooLong, EOFError):
                _status, stdout, stderr = self.answer.result(5)
                return "\n".join(_decode(part).decode(errors="replace") for part in (stdout, stderr))
        self.tools.end_a_hang()
        return self.tools.errors_tail()

    def wait(self, timeout: float = 60) -> Outcome:
        try:
            status, stdout, stderr = self.answer.result(timeout)
        except EOFError:
            raise AssertionError(f"{self.what} ended its JVM:\n{self.tools.errors_tail()}") from None
        except TookTooLong:
            raise AssertionError(f"{self.what} did not come back in {timeout:.0f} s:\n{self._end()}") from None
        return Outcome(int(status), _decode(stdout), _decode(stderr).decode(errors="replace"))


class JavaTools:
    """Calls a tool's main class with arguments and standard input, as its script would."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="java-tools-"))
        self.errors = self.directory / "stderr"
        self.child: subprocess.Popen | None = None
        self.waiting: dict[bytes, Future] = {}
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()

    def _start(self) -> None:
        logging = self.directory / "log4j2.properties"
        logging.write_text(LOGGING)
        with open(self.errors, "ab") as errors:
            self.child = subprocess.Popen(
                [need("java", "Apache Kafka's tools"), "-Xmx512m", "-XX:+UseSerialGC",
                 "-XX:TieredStopAtLevel=1", "-XX:+DisplayVMOutputToStderr",
                 "--add-opens", "java.base/java.lang=ALL-UNNAMED",
                 f"-Dlog4j2.configurationFile={logging}",
                 "-Dlog4j2.contextSelector=org.apache.logging.log4j.core.selector.BasicContextSelector",
                 "-cp", classpath(), str(SOURCE)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )
        self.waiting = {}
        receiver = threading.Thread(target=self._receive, args=(self.child, self.waiting), daemon=True)
        receiver.start()

    def _receive(self, child: subprocess.Popen, waiting: dict[bytes, Future]) -> None:
        for line in child.stdout:
            number, *answer = line.split()
            waiting.pop(number).set_result(answer)
        child.wait()
        with self.lock:
            lost = list(waiting.values())
        for future in lost:
            future.set_exception(EOFError("the tools' JVM has ended"))

    def ask(self, verb: str, *parts: bytes) -> Future:
        return self._send(verb, parts)[1]

    def _send(self, verb: str, parts) -> tuple[str, Future]:
        encoded = " ".join(base64.b64encode(part).decode() or "-" for part in parts)
        with self.lock:
            if self.child is None or self.child.poll() is not None:
                self._start()
            number, future = str(next(self.numbers)), Future()
            self.waiting[number.encode()] = future
            with suppress(BrokenPipeError):
                self.child.stdin.write(f"{number} {verb} {encoded}\n".encode())
                self.child.stdin.flush()
        return number, future

    def start(self, main_class: str, *arguments, stdin: bytes = b"") -> Running:
        name = main_class if main_class.startswith(("org.", "kafka.")) else TOOLS + main_class
        parts = [name.encode(), stdin, *(str(part).encode() for part in arguments)]
        number, answer = self._send("run", parts)
        return Running(self, number, answer, f"{name} {arguments}")

    def run(self, main_class: str, *arguments, stdin: bytes = b"", timeout: float = 90) -> Outcome:
        return self.start(main_class, *arguments, stdin=stdin).wait(timeout)

    def end_a_hang(self) -> None:
        """Has the JVM print where its threads are, and ends it."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGQUIT)
            time.sleep(2)
            self.child.kill()
            self.child.wait()

    def errors_tail(self) -> str:
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
