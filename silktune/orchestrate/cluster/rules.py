"""What silktune needs of a file for `ray up`: each rule yields its complaints, `check` says all of them at once."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from silktune import __version__
from silktune.errors import SettingsError
from silktune.orchestrate.cluster import cluster_file as ray_file
from silktune.orchestrate.cluster.cluster_file import ClusterFile

SETUP = ("setup_commands", "head_setup_commands", "worker_setup_commands")
HEAD, WORKERS = "head_start_ray_commands", "worker_start_ray_commands"
TOKEN = "~/.ray/auth_token"
PINS = {
    "ray": (re.compile(r"\bray(?:\[[\w,-]*\])?(?:==|, version )(\d+(?:\.\w+)*)"), "'ray[default]=={0}'"),
    "silktune": (
        re.compile(r"\bsilktune(?:\[[\w,-]*\])?(?:==|-| )(\d+(?:\.\w+)*)"),
        "test \"$(silktune --version)\" = 'silktune {0}'",
    ),
}
PLACEHOLDER = re.compile(r"<[A-Za-z][\w -]*>")
WORLD = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Here:
    """The machine from which `ray up` is given: its environment, versions and the folder it is given in."""

    environ: Mapping[str, str]
    versions: Mapping[str, str]  # of ray and silktune
    folder: Path

    @classmethod
    def now(cls) -> Here:
        return cls(os.environ, {"ray": metadata.version("ray"), "silktune": __version__}, Path.cwd())

    def path(self, local: str) -> Path:
        """A local path of `file_mounts`, as `ray up` reads it."""
        home = self.environ.get("HOME", str(Path.home()))
        return self.folder / re.sub(r"^~(?=/|$)", lambda _: home, local)


def check(cluster: ClusterFile, here: Here) -> None:
    """Raises everything that speaks against starting this cluster; starts nothing.

    Raises:
        SettingsError: every complaint, a line each.
    """
    complaints, readable = ray_file.misshapen(cluster)
    if not complaints:
        complaints += ray_file.refused(cluster)
    complaints += placeholders(cluster)
    if readable:
        complaints += [complaint for rule in RULES for complaint in rule(cluster, here)]
    if complaints:
        raise SettingsError.of(dict.fromkeys(complaints))


def placeholders(cluster: ClusterFile) -> list[str]:
    found: dict[str, list[str]] = {}
    for where, text in _texts(cluster.content, ""):
        for placeholder in PLACEHOLDER.findall(text):
            found.setdefault(placeholder, []).append(where)
    return [
        cluster.says(f"{placeholder} is to be filled in: {', '.join(dict.fromkeys(places))}.")
        for placeholder, places in found.items()
    ]


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every text of the file and the key at which it stands."""
    if isinstance(value, str):
        yield where, value
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value, start=1)
    for key, part in parts:
        yield from _texts(part, f"{where}.{key}" if where else str(key))


def provider(cluster: ClusterFile, here: Here) -> Iterator[str]:
    yield from ray_file.provider(cluster)


def versions(cluster: ClusterFile, here: Here) -> Iterator[str]:
    """Ray refuses nodes of another version, and a trial must not depend on where it ran."""
    setup = cluster.commands(*SETUP)
    for name, (pattern, example) in PINS.items():
        wanted = here.versions[name]
        found = {version for command in setup for version in pattern.findall(command)}
        if not found:
            yield cluster.says(f"setup_commands: no version of {name} is pinned. Write {example.format(wanted)}.")
        for version in sorted(found - {wanted}):
            yield cluster.says(
                f"setup_commands: {name} {version} is pinned, but {wanted} is installed here. Make them the same."
            )
    for command in setup:
        if re.search(r"\bpip3? install\b", command) and not re.search(r"(?:-c|--constraint)[ =]", command):
            yield cluster.says(f"setup_commands: `{command}` installs without -c constraints.txt, so nodes may differ.")


def starts(cluster: ClusterFile, here: Here) -> Iterator[str]:
    """Both kinds of nodes start Ray, with a token; only the head with an autoscaler; no dashboard for the world."""
    for section in (HEAD, WORKERS):
        command = _start(cluster, section)
        if not command:
            yield cluster.says(f"{section}: no command has `ray start` in it, so Ray would start here without a token.")
        elif not re.search(r"\bRAY_AUTH_MODE=['\"]?token\b", command):
            yield cluster.says(f"{section}: `ray start` needs `export RAY_AUTH_MODE=token` before it, on every node.")
        for host in re.findall(r"--dashboard-host[= ](\S+)", command):
            if host not in ("127.0.0.1", "localhost"):
                yield cluster.says(f"{section}: --dashboard-host={host} opens the dashboard to others. Leave it out.")
    if (head := _start(cluster, HEAD)) and "--autoscaling-config" not in head:
        yield cluster.says(
            f"{HEAD}: `ray start` needs --autoscaling-config=~/ray_bootstrap_config.yaml to add workers."
        )


def _start(cluster: ClusterFile, section: str) -> str:
    return next((command for command in cluster.commands(section) if "ray start" in command), "")


def token(cluster: ClusterFile, here: Here) -> Iterator[str]:
    """The same token on every node and here, and nobody else reads it."""
    if (mode := here.environ.get("RAY_AUTH_MODE")) != "token":
        yield f"RAY_AUTH_MODE is {mode or 'not set'} in this shell: export RAY_AUTH_MODE=token, or Ray sends no token."
    if TOKEN not in cluster.mounts:
        yield cluster.says(f"file_mounts: the token is not copied to the nodes. Add {TOKEN}: {TOKEN}.")
        return
    file = here.path(cluster.mounts[TOKEN])
    if not file.is_file() or not file.read_text(encoding="utf-8").strip():
        yield cluster.says(
            f"file_mounts: {cluster.mounts[TOKEN]} holds no token. Make one: ray get-auth-token --generate."
        )
    elif file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield cluster.says(
            f"file_mounts: others may read {cluster.mounts[TOKEN]}. Give: chmod 600 {cluster.mounts[TOKEN]}."
        )


def mounts(cluster: ClusterFile, here: Here) -> Iterator[str]:
    for remote, local in cluster.mounts.items():
        if remote != TOKEN and not here.path(local).exists():
            yield cluster.says(
                f"file_mounts: {local} (to {remote}) is not in {here.folder}. "
                "Give the command in the repository's folder."
            )
    key = (cluster.content.get("auth") or {}).get("ssh_private_key")
    if key and not PLACEHOLDER.search(key) and not here.path(key).is_file():
        yield cluster.says(f"auth: ssh_private_key: there is no file {key}. Make one: ssh-keygen -t ed25519 -f {key}.")


def storage(cluster: ClusterFile, here: Here) -> Iterator[str]:
    """Every node finds out by itself, during set-up, whether it reaches the storage; here only that it will."""
    place = cluster.storage
    if not place:
        yield cluster.says("metadata: storage is missing: a folder that every node mounts, or a URI such as s3://….")
    elif not place.startswith("/") and "://" not in place:
        yield cluster.says(f"metadata: storage: {place} is neither an absolute path nor a URI such as s3://….")
    elif not any(place in command for command in cluster.commands("setup_commands")):
        yield cluster.says(f"setup_commands: no command tries whether the node reaches {place}. Add: test -w {place}.")


def on_premises(cluster: ClusterFile, here: Here) -> Iterator[str]:
    """What Ray 2.60 needs to bring up machines that are there already."""
    if cluster.kind != "local":
        return
    if not re.search(r"\bRAY_enable_autoscaler_v2=0\b", _start(cluster, HEAD)):
        yield cluster.says(
            f"{HEAD}: `ray start` needs `export RAY_enable_autoscaler_v2=0` before it; "
            "the second autoscaler never starts the workers of a local provider."
        )
    for section in (HEAD, WORKERS):
        absent = [n for n in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME") if f"{n}=" not in _start(cluster, section)]
        if absent:
            yield cluster.says(
                f"{section}: `ray start` needs `export {' '.join(f'{n}=<interface>' for n in absent)}` before it, "
                "or workers look for each other on loopback."
            )


def doors(cluster: ClusterFile, here: Here) -> Iterator[str]:
    """On AWS nothing but SSH is open to the world."""
    if cluster.kind != "aws":
        return
    group = cluster.provider.get("security_group") or {}
    own = [name for name, node in cluster.node_types.items() if (node.get("node_config") or {}).get("SecurityGroupIds")]
    if "GroupName" not in group and len(own) < len(cluster.node_types):
        yield cluster.says("provider: security_group: GroupName is missing, so it is not said who may reach the nodes.")
    for rule in group.get("IpPermissions") or ():
        sources = [r.get("CidrIp") for r in rule.get("IpRanges", ())]
        sources += [r.get("CidrIpv6") for r in rule.get("Ipv6Ranges", ())]
        ports = (rule.get("FromPort"), rule.get("ToPort"))
        if ports != (22, 22) and any(source in WORLD for source in sources):
            said = "all ports" if ports in ((None, None), (-1, -1)) else f"ports {ports[0]} to {ports[1]}"
            yield cluster.says(
                f"provider: security_group: {said} are open to the world. Only 22 may be; use SSH tunnels."
            )


RULES: tuple[Callable[[ClusterFile, Here], Iterator[str]], ...] = (
    provider, versions, starts, token, mounts, storage, on_premises, doors,
)  # fmt: skip


def summary(cluster: ClusterFile, here: Here) -> list[tuple[str, str]]:
    """What `ray up` will make of the file, as pairs of a heading and a text."""
    lines = [("cluster", f"{cluster.content['cluster_name']}, provider {cluster.kind}")]
    if cluster.kind == "local":
        lines.append(("head", str(cluster.provider.get("head_ip", "given by the coordinator"))))
        lines.append(("workers", ", ".join(cluster.provider.get("worker_ips") or ()) or "none"))
    for name, node in cluster.node_types.items():
        lines.append((name, _nodes(cluster, name, node)))
    server = "; MLflow's server on the head" if any("mlflow server" in c for c in cluster.commands(HEAD)) else ""
    both = " and ".join(f"{name} {version}" for name, version in here.versions.items())
    return [*lines, ("runs", f"{both} on every node{server}"), ("storage", cluster.storage)]


def _nodes(cluster: ClusterFile, name: str, node: Mapping[str, Any]) -> str:
    settings = node.get("node_config") or {}
    market = (settings.get("InstanceMarketOptions") or {}).get("MarketType", "on demand")
    most = node.get("max_workers", cluster.content.get("max_workers", 0))
    count = "1" if name == cluster.content.get("head_node_type") else f"{node.get('min_workers', 0)}…{most}"
    return f"{count} × {settings.get('InstanceType', 'machine')}, {market}"
