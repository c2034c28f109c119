"""Namespaces of the run's own: a network to cut, a disk to fill, and an end that takes every process along.

The whole command moves into a network, a mount and a process namespace (and a user namespace where it
does not run as root). A bridge joins one network namespace per node and one for all clients; the store
and its proxies are at the bridge itself. A path is cut by a wrong, permanent neighbour entry: packets
leave and reach nobody, as when a cable is pulled, and each direction can be cut alone. Real packets are
lost and nodes need no other address, which proxies in front of the Kafka ports could not offer: nodes
and clients that share one address cannot be told apart by their source.

Where namespaces cannot be had, everything shares the loopback, and faults between nodes or between
nodes and clients are left out; the proxies in front of the store work there as well.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from harness.process import LOOPBACK, Process

MARK = "TIDELOG_TEST_ISOLATED"
NAMESPACES = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
PROBE = ("ip link set lo up && ip link add hub type bridge && ip link add one type veth peer name two && "
         "mount -t tmpfs -o size=1m tmpfs /mnt && unshare --net true")
NOBODY = "02:00:00:00:00:ff"


def isolated() -> bool:
    return MARK in os.environ


def enter() -> None:
    """Runs this program again inside the namespaces and exits with its status, where they can be had."""
    if isolated() or not shutil.which("ip") or not shutil.which("unshare"):
        return
    for user in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *user, *NAMESPACES, "--"]
        if not subprocess.run([*command, "sh", "-c", PROBE], capture_output=True).returncode:
            sys.exit(_run_inside([*command, sys.executable, *sys.argv]))


def _die_with_parent() -> None:
    """Also where this program is killed with -9; `unshare --kill-child` takes the rest along."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _run_inside(command: list[str]) -> int:
    outer = subprocess.Popen(command, env={**os.environ, MARK: "1"}, preexec_fn=_die_with_parent)

    def forward(number: int, _frame) -> None:
        # `unshare` waits deaf; its child is the program.
        for child in Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split():
            os.kill(int(child), number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    return outer.wait()


class Loopback:
    """All hosts are this machine; nothing between them can be cut."""

    can_cut = False
    hub = LOOPBACK

    def mend_all(self) -> None:
        pass

    def address(self, _host: str) -> str:
        return LOOPBACK

    def command(self, _host: str, command: list) -> list:
        return command


class Network:
    """Hosts by name, each a network namespace kept open by a sleeping process."""

    can_cut = True
    hub = "10.99.0.1"

    def __init__(self, hosts: list[str], log: Path):
        self.cuts: Counter[tuple[str, str]] = Counter()
        self.addresses = {"hub": self.hub}
        self.holders: dict[str, Process] = {}
        _ip("link", "set", "lo", "up")
        _ip("link", "add", "hub", "type", "bridge")
        _ip("addr", "add", f"{self.hub}/24", "dev", "hub")
        _ip("link", "set", "hub", "up")
        for number, host in enumerate(hosts, 11):
            self.addresses[host] = f"10.99.0.{number}"
            self.holders[host] = Process(["unshare", "--net", "sleep", "infinity"], log)
            self._join(host, f"port{number}")

    def _join(self, host: str, port: str) -> None:
        inside = f"/proc/{self.holders[host].pid}/ns/net"
        while os.readlink(inside) == os.readlink("/proc/self/ns/net"):
            self.holders[host].check_alive()
        _ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(self.holders[host].pid))
        _ip("link", "set", port, "master", "hub", "up")
        for words in (["link", "set", "lo", "up"], ["link", "set", "eth0", "up"],
                      ["addr", "add", f"{self.addresses[host]}/24", "dev", "eth0"]):
            _run(self.command(host, ["ip", *words]))

    def address(self, host: str) -> str:
        return self.addresses[host]

    def command(self, host: str, command: list) -> list:
        """The command that runs `command` on that host, as the very same process."""
        return ["nsenter", f"--net=/proc/{self.holders[host].pid}/ns/net", "--", *command]

    def cut(self, source: str, target: str) -> None:
        """Loses what `source` sends to `target`. Cuts add up, and `mend` takes one away."""
        self.cuts[source, target] += 1
        if self.cuts[source, target] == 1:
            self._neighbour(source, "replace", self.addresses[target], "lladdr", NOBODY, "nud", "permanent")

    def mend_all(self) -> None:
        for path in list(self.cuts):
            while self.cuts[path]:
                self.mend(*path)

    def mend(self, source: str, target: str) -> None:
        self.cuts[source, target] -= 1
        if not self.cuts[source, target]:
            self._neighbour(source, "del", self.addresses[target])

    def _neighbour(self, host: str, verb: str, address: str, *more: str) -> None:
        if host == "hub":
            _ip("neigh", verb, address, "dev", "hub", *more)
        else:
            _run(self.command(host, ["ip", "neigh", verb, address, "dev", "eth0", *more]))


def _ip(*words: str) -> None:
    _run(["ip", *words])


def _run(command: list) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
