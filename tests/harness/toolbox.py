"""Installs the tools the tests need, from package registries, into a cache outside the checkout.

Each tool is a `Tool`: a name, the pinned versions it is made of, and a function that builds it in an
empty folder. A finished folder is renamed into place together with a stamp of those versions, so an
interrupted install is never taken for a finished one and an unchanged tool is never built twice.
Standard library only: this runs before any virtual environment exists.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable


class Unavailable(Exception):
    """A tool cannot be had here; the message says why in one line."""


def cache_root() -> Path:
    base = os.environ.get("TIDELOG_CACHE")
    if base:
        return Path(base).expanduser().resolve()
    xdg = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(xdg).expanduser().resolve() / "tidelog"


@dataclass(frozen=True)
class Tool:
    """One thing to install. `pins` is everything whose change must rebuild it."""

    name: str
    about: str
    pins: tuple[str, ...]
    build: Callable[[Path], None]
    on_request: bool = False
    present: Callable[[], bool] = lambda: True
    """False when what was installed outside the cache, by a system package, has gone."""

    @property
    def home(self) -> Path:
        return cache_root() / self.name

    @property
    def stamp(self) -> str:
        interpreter = f"{sys.base_prefix} {sys.version}"
        text = "\n".join((self.name, *self.pins, str(self.home), interpreter))
        return hashlib.sha256(text.encode()).hexdigest()

    def installed(self) -> bool:
        try:
            return (self.home / ".stamp").read_text() == self.stamp and self.present()
        except OSError:
            return False

    def ensure(self) -> Path:
        """Returns the tool's folder, building it first if need be. Raises `Unavailable`."""
        if self.installed():
            return self.home
        cache_root().mkdir(parents=True, exist_ok=True)
        with _locked(cache_root() / f".{self.name}.lock"):
            if not self.installed():
                self._install()
        return self.home

    def _install(self) -> None:
        fresh = Path(tempfile.mkdtemp(prefix=f".{self.name}-", dir=cache_root()))
        fresh.chmod(0o755)
        try:
            self.build(fresh)
            (fresh / ".stamp").write_text(self.stamp)
            if self.home.exists():
                shutil.rmtree(self.home)
            fresh.rename(self.home)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def _locked(path: Path):
    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(command, what: str, **options) -> None:
    """Runs an installer quietly; its last lines become the reason when it fails."""
    options.setdefault("env", dict(os.environ))
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:])
        raise Unavailable(f"{what} failed with status {done.returncode}")


def need(program: str, what: str) -> str:
    found = shutil.which(program)
    if not found:
        raise Unavailable(f"{program} is not installed, which {what} needs")
    return found


def venv(packages: tuple[str, ...]) -> Callable[[Path], None]:
    """A builder of a virtual environment that survives being renamed: it is only ever used through
    its interpreter (`bin/python -m ...`), never through scripts with an absolute first line."""

    def build(home: Path) -> None:
        run([sys.executable, "-m", "venv", home], "creating a virtual environment")
        run(
            [home / "bin/python", "-m", "pip", "install", "--quiet",
             "--disable-pip-version-check", *packages],
            "pip install",
        )

    return build


def main() -> int:
    from harness.tools import DEFAULT, TOOLS

    parser = argparse.ArgumentParser(
        prog="tests/setup",
        description="Installs what the tests need beyond Rust, into a cache outside the checkout "
        "(TIDELOG_CACHE, or tidelog below XDG_CACHE_HOME or ~/.cache).",
        epilog="tools: " + "; ".join(f"{t.name} ({t.about})" for t in TOOLS.values()),
    )
    parser.add_argument("tool", nargs="*", help="what to install; default: " + " ".join(DEFAULT))
    parser.add_argument("--where", action="store_true", help="only print the cache folder")
    chosen = parser.parse_args()
    if chosen.where:
        print(cache_root())
        return 0
    unknown = [name for name in chosen.tool if name not in TOOLS]
    if unknown:
        parser.error(f"unknown tool {unknown[0]!r}; known: {' '.join(TOOLS)}")
    missing_but_named = False
    for name in chosen.tool or DEFAULT:
        try:
            print(f"{name}: ready in {TOOLS[name].ensure()}", flush=True)
        except Unavailable as reason:
            print(f"{name}: left out, {reason}", flush=True)
            missing_but_named |= name in chosen.tool
    return 1 if missing_but_named else 0
