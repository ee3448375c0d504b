"""Hosts made on one machine: namespaces of their own for network, processes, mounts and name, an sshd in each.

What a host writes outside the shared storage lies in its memory: /tmp, /run (its home is there), /dev/shm, and the
upper layer of the Python environment, which every host sees and changes for itself alone. So nothing is left of hosts
that have ended, and they end with the process that made them, however that ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
STORAGE = "/mnt/silktune"
HOME = "/run/home"
INTERFACE = "eth0"
TOOLS = ("ip", "ssh", "ssh-keygen", "sshd", "rsync", "unshare", "nsenter", "setpriv")
PATH = f"{sys.prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": HOME, "USER": "root", "LANG": "C.UTF-8", "COLUMNS": "120", "TERM": "dumb"}
UNSHARED = ("unshare", "--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc")

PROBE = """
set -e
mount -t tmpfs tmpfs /run
mkdir /run/upper /run/work
mount -t overlay overlay -o lowerdir="$1",upperdir=/run/upper,workdir=/run/work "$1"
ip link add br0 type bridge
ip link add eth0 type veth peer name eth1
"""

# $1: name, $2: storage, $3: the Python environment; all from the third on are seen in every host where they are.
BOOT = r"""
set -e
name=$1; storage=$2; python=$3; shift 2
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd /run/home /run/upper /run/work /run/kept/storage
mount --bind "$storage" /run/kept/storage
for path; do mkdir -p "/run/kept$path"; mount --rbind "$path" "/run/kept$path"; done
for folder in /tmp /mnt /dev/shm; do mount -t tmpfs -o mode=1777 tmpfs $folder; done
for path; do [ -d "$path" ] || { mkdir -p "$path"; mount --rbind "/run/kept$path" "$path"; }; done
mount -t overlay overlay -o lowerdir="$python",upperdir=/run/upper,workdir=/run/work "$python"
mkdir /mnt/silktune; mount --bind /run/kept/storage /mnt/silktune

hostname "$name"
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" > /run/hosts    # as Debian and Ubuntu have it
echo 'root:x:0:0:root:/run/home:/bin/bash
sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin' > /run/passwd
echo 'root:*:20000::::::' > /run/shadow
for file in hosts passwd shadow; do mount --bind /run/$file /etc/$file; done
mkdir -p -m 700 /run/home/.ssh /run/home/.ray
echo '[ -z "$BASH_VERSION" ] || . ~/.bashrc' > /run/home/.profile
touch /run/home/.bashrc

ssh-keygen -q -t ed25519 -N '' -f /run/hostkey
echo 'HostKey /run/hostkey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
PidFile none' > /run/sshd_config
ip link set lo up
"$(command -v sshd)" -D -f /run/sshd_config -E /run/sshd.log &
echo up
wait
"""


def why_not() -> str:
    """Why no hosts can be made here, or nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "two hosts on one machine need Linux and root"
    if missing := [tool for tool in TOOLS if not shutil.which(tool, path=PATH)]:
        return f"two hosts on one machine need {', '.join(missing)} (iproute2, openssh-server, rsync, util-linux)"
    if sys.prefix == sys.base_prefix:
        return "two hosts on one machine need a Python in a virtual environment, of which each gets a copy"
    tried = subprocess.run(
        [*UNSHARED, "sh", "-c", PROBE, "sh", sys.prefix],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    return f"namespaces, overlays or bridges are forbidden here: {tried.stderr.strip()}" if tried.returncode else ""


def finish(process: subprocess.Popen[str], *, limit: float, given: str = "") -> tuple[int, str]:
    """A process's exit status and what it printed; it must end within `limit` seconds."""
    try:
        output, _ = process.communicate(given, timeout=limit)
    except subprocess.TimeoutExpired:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        output, _ = process.communicate(timeout=10)
        raise AssertionError(f"no end after {limit} s:\n{output}") from None
    return process.returncode, output


@dataclass
class Host:
    """A host: its name, its address, and the process with which it ends."""

    name: str
    address: str
    process: subprocess.Popen[str]

    @property
    def first(self) -> int:
        """The id of its first process, as seen from here."""
        return int(psutil.Process(self.process.pid).children()[0].pid)

    def begin(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command on it, in the repository's folder."""
        return subprocess.Popen(
            ["nsenter", "--target", str(self.first), "--all", f"--wdns={ROOT}", *command],
            env=ENVIRONMENT | environment, text=True, encoding="utf-8", errors="replace",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *command: str, limit: float, given: str = "", **environment: str) -> str:
        """What a command on it prints; it must succeed within `limit` seconds."""
        status, output = finish(self.begin(*command, **environment), limit=limit, given=given)
        assert status == 0, f"{self.name}: {' '.join(command)} ended with {status}:\n{output}"
        return output

    def write(self, path: str, text: str) -> None:
        """Write a file on it."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")"; cat > "$1"', "sh", path, given=text, limit=10)

    def processes(self, word: str) -> list[int]:
        """The ids, as seen from here, of its processes whose command has a word in it."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if any(word in part for part in process.cmdline()):
                    found.append(process.pid)
            except psutil.NoSuchProcess:
                continue
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=20)


@dataclass
class Site:
    """A switch with hosts at it: `laptop`, from where the cluster is started, `head` and `worker`."""

    laptop: Host
    head: Host
    worker: Host

    def cut(self, host: Host) -> None:
        """Pull a host's cable out of the switch."""
        self.laptop.run("ip", "link", "set", host.name, "down", limit=10)

    def mend(self, host: Host) -> None:
        """Put the cable back in."""
        self.laptop.run("ip", "link", "set", host.name, "up", limit=10)


@contextmanager
def site(storage: Path) -> Iterator[Site]:
    """Three hosts, the cables between them, and a folder that all of them have at /mnt/silktune."""
    hosts: list[Host] = []
    try:
        for name, address in (("laptop", "10.77.0.254"), ("head", "10.77.0.1"), ("worker", "10.77.0.2")):
            hosts.append(Host(name, address, _boot(name, storage)))
        laptop, *others = hosts
        _set_up(laptop, ["link add br0 type bridge", f"address add {laptop.address}/24 dev br0", "link set br0 up"])
        for host in others:
            _plug(host, laptop)
        yield Site(laptop, *others)
    finally:
        for host in hosts:
            host.end()


def _boot(name: str, storage: Path) -> subprocess.Popen[str]:
    seen = (sys.prefix, sys.base_prefix, str(ROOT))
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *UNSHARED, "sh", "-c", BOOT, "sh", name, str(storage), *seen],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
    )  # fmt: skip
    assert process.stdout
    said = process.stdout.readline()
    if said != "up\n":
        process.kill()
        raise AssertionError(f"{name} did not come up: {said}{process.communicate(timeout=20)[0]}")
    return process


def _plug(host: Host, switch: Host) -> None:
    """A cable between a host and the switch, whose port has the host's name."""
    ends = ["link", "add", INTERFACE, "type", "veth", "peer", "name", host.name, "netns", str(switch.first)]
    command = ["nsenter", "--target", str(host.first), "--net", "ip", *ends]  # process ids as seen from here
    subprocess.run(command, check=True, timeout=10)
    _set_up(switch, [f"link set {host.name} master br0", f"link set {host.name} up"])
    route = f"route add default via {switch.address}"
    _set_up(host, [f"address add {host.address}/24 dev {INTERFACE}", f"link set {INTERFACE} up", route])


def _set_up(host: Host, commands: Sequence[str]) -> None:
    for command in commands:
        host.run("ip", *command.split(), limit=10)
