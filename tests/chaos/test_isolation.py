"""Paths are cut and mended, one direction at a time, and disks run full, in namespaces of the test's own."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
SCRIPT = """
import socket, sys, tempfile
from pathlib import Path
sys.path.insert(0, {tests!r})
from chaos import isolation
isolation.enter()
if not isolation.isolated():
    sys.exit(77)
from chaos.disk import Disk
network = isolation.Network(["one", "two"], Path(tempfile.mkdtemp(), "log"))

def connects():
    try:
        socket.create_connection((network.address("one"), 9), timeout=0.5).close()
    except ConnectionRefusedError:
        return True
    except TimeoutError:
        return False

assert connects()
for path in [("one", "hub"), ("hub", "one")]:
    network.cut(*path)
    network.cut(*path)
    assert not connects(), path
    network.mend(*path)
    assert not connects(), path
    network.mend(*path)
    assert connects(), path
network.cut("one", "two")
assert connects()

disk = Disk(Path(tempfile.mkdtemp(), "disk"))
(disk.folder / "a").write_bytes(b"x" * 1_000_000)
disk.fill()
try:
    (disk.folder / "b").write_bytes(b"x" * 1_000_000)
    sys.exit("a full disk takes more")
except OSError as error:
    assert error.errno == 28, error
disk.free()
(disk.folder / "b").write_bytes(b"x" * 1_000_000)
"""


def test_cut_and_full(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(TESTS)))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    if done.returncode == 77:
        pytest.skip("namespaces cannot be had here")
    assert done.returncode == 0, done.stderr
