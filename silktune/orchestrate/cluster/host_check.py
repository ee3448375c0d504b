"""The machines of a local provider, asked over SSH as `ray up` will: do they reach the storage, do versions agree?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import devnull
from shlex import join, quote
from uuid import uuid4

from silktune.errors import ResourceError
from silktune.orchestrate.cluster.cluster_file import ClusterFile
from silktune.orchestrate.cluster.rules import Here

LIMIT = 30  # seconds for one machine
# A line per answer. The login shell finds what a former `ray up` installed; before the first one there is only Python.
QUESTIONS = """
echo "Python $(python3 -c 'import platform; print(platform.python_version())')"
echo "silktune $(silktune --version 2> /dev/null | cut -d' ' -f2)"
echo "ray $(ray --version 2> /dev/null | grep -o '[^ ]*$')"
echo "mark $(cat {marker} 2> /dev/null)"
"""

Answers = Mapping[str, str]


def ask(cluster: ClusterFile, here: Here) -> list[tuple[str, str]]:
    """Asks every machine for its versions, and whether what the head writes into the storage is seen there.

    Workers are reached through the head, since that is the way `ray up` takes.

    Returns:
        Pairs of a machine and what it said, for a person.

    Raises:
        ResourceError: every machine that cannot be reached, lacks the storage or has another version; all at once.
    """
    if cluster.kind != "local" or "head_ip" not in cluster.provider:
        raise ResourceError(f"{cluster.path}: --nodes asks machines that are there before `ray up`; these are not.")
    head, *workers = (str(address) for address in (cluster.provider["head_ip"], *cluster.provider["worker_ips"]))
    marker, mark = f"{cluster.storage}/.silktune-{uuid4().hex}", uuid4().hex
    questions = QUESTIONS.format(marker=quote(marker))

    def way(address: str) -> list[str]:
        return _way(cluster, here, address)

    said = {head: _answers(way(head), f"echo {mark} > {quote(marker)}; {questions}")}
    if "trouble" not in said[head]:
        try:
            with ThreadPoolExecutor(max_workers=16) as pool:
                answers = pool.map(lambda worker: _answers(way(worker), questions), workers)
                said.update(zip(workers, answers, strict=True))
        finally:
            _answers(way(head), f"rm -f {quote(marker)}")
    complaints = [cluster.says(sentence) for sentence in _complaints(said, here, cluster.storage, mark)]
    if complaints:
        raise ResourceError.of(complaints)
    return [(address, _line(answers)) for address, answers in said.items()]


def _way(cluster: ClusterFile, here: Here, address: str) -> list[str]:
    """The `ssh` that leads to a machine, with the user, key and options with which Ray goes there."""
    auth, head = cluster.content.get("auth") or {}, str(cluster.provider["head_ip"])
    ssh = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={LIMIT // 2}", "-o", "IdentitiesOnly=yes"]
    ssh += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={devnull}", "-o", "LogLevel=ERROR"]
    if key := auth.get("ssh_private_key"):
        ssh += ["-i", str(here.path(key))]
    to_head = f"{auth['ssh_user']}@{cluster.provider.get('external_head_ip', head)}"
    if proxy := auth.get("ssh_proxy_command"):
        ssh += ["-o", f"ProxyCommand={proxy}"]  # of several, ssh takes the first: it then leads to workers too
    if address == head:
        return [*ssh, to_head]
    return [*ssh, "-o", f"ProxyCommand={join([*ssh, '-W', '%h:%p', to_head])}", f"{auth['ssh_user']}@{address}"]


def _answers(way: Sequence[str], script: str) -> dict[str, str]:
    """What a machine answers to each question; `trouble` if it cannot be asked."""
    try:
        done = subprocess.run(
            [*way, f"bash --login -i -c {quote(script)}"],
            capture_output=True, text=True, encoding="utf-8", errors="replace",
            timeout=LIMIT, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"trouble": f"no answer within {LIMIT} s"}
    if done.returncode == 255:  # of ssh itself
        return {"trouble": (done.stderr.strip() or "ssh failed").splitlines()[-1].rstrip(".")}
    return {name: text for name, _, text in (line.partition(" ") for line in done.stdout.splitlines())}


def _complaints(said: Mapping[str, Answers], here: Here, storage: str, mark: str) -> Iterator[str]:
    head = next(iter(said))
    for address, answers in said.items():
        if trouble := answers.get("trouble"):
            yield f"{address} cannot be reached over SSH: {trouble}."
            continue
        if "://" not in storage and answers.get("mark") != mark:
            other = f" and the same as on {head}" if address != head else " and can be written"
            yield f"{address}: {storage} must be a folder there{other}. Mount it."
        for name, wanted in here.versions.items():
            if (there := answers.get(name)) and there != wanted:
                yield f"{address}: {name} {there} is installed, here {wanted}. Give `ray up` anew."
        if (python := answers.get("Python")) != (first := said[head].get("Python")) and first:
            yield f"{address}: Python {python or 'is missing'}, on {head} {first}. Ray needs the same on every node."


def _line(answers: Answers) -> str:
    found = [f"{name} {answers[name]}" for name in ("Python", "ray", "silktune") if answers.get(name)]
    return ", ".join([*found, "storage seen"] if answers.get("mark") else found)
