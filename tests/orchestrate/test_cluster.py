"""Files for `ray up`: the shipped ones hold, and every rule says its sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml

from silktune import __version__
from silktune.errors import SettingsError
from silktune.orchestrate.cluster import rules
from silktune.orchestrate.cluster.cluster_file import ClusterFile
from silktune.orchestrate.cluster.rules import HEAD, WORKERS
from tests.orchestrate.clusters import AWS, LOCAL, ROOT, cluster, here, home, text

BOTH = pytest.mark.parametrize("name", [AWS, LOCAL])


@pytest.fixture
def at(tmp_path: Path) -> rules.Here:
    return here(home(tmp_path))


def complaints(file: ClusterFile, at: rules.Here) -> list[str]:
    """What speaks against the file, without its name, which every sentence about it begins with."""
    try:
        rules.check(file, at)
    except SettingsError as error:
        return [line.removeprefix(f"{file.path}: ") for line in str(error).splitlines()]
    return []


def edited(name: str, old: str, new: str) -> ClusterFile:
    """A shipped file in which a text is exchanged; it must be there."""
    assert old in text(name)
    return ClusterFile(name, yaml.safe_load(text(name).replace(old, new)))


def provider(name: str, **keys: Any) -> ClusterFile:
    """A shipped file whose provider has other keys; `None` takes one out."""
    changed = cluster(name).content["provider"] | keys
    return cluster(name, provider={key: value for key, value in changed.items() if value is not None})


@BOTH
def test_the_shipped_files_hold_once_they_are_filled_in(name: str, at: rules.Here) -> None:
    assert complaints(cluster(name), at) == []


@BOTH
def test_the_shipped_files_are_refused_until_they_are_filled_in(name: str, at: rules.Here) -> None:
    said = complaints(ClusterFile.read(ROOT / name), at)
    assert said
    assert all("is to be filled in: " in sentence for sentence in said)


def test_a_placeholder_is_named_with_every_place_where_it_stands(at: rules.Here) -> None:
    assert complaints(edited(AWS, "silk-bucket", "<bucket>"), at) == [
        "<bucket> is to be filled in: metadata.storage, setup_commands.7, head_start_ray_commands.3."
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a: [", "line 2: is no YAML: expected the node content, but found '<stream end>'."),
        ("just text", "holds no sections. cluster.yaml in silktune's repository shows them."),
        ("", "holds no sections. cluster.yaml in silktune's repository shows them."),
    ],
)
def test_a_file_that_is_no_cluster_file(content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(content and content + "\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        ClusterFile.read(tmp_path / "c.yaml")
    assert str(caught.value) == f"{tmp_path}/c.yaml: {sentence}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"c\.yaml: there is no such file\."):
        ClusterFile.read(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"max_workers": "three"}, "max_workers: is 'three', and must be of type integer."),
        ({"provider": None}, "provider is missing, and Ray needs it."),
        ({"provider": {}}, "provider: type is missing, and Ray needs it."),
        ({"provider": {"type": "aws", "head_ip": 7}}, "provider.head_ip: is 7, and must be of type string."),
        ({"setup_commands": [3]}, "setup_commands.0: is 3, and must be of type string."),
        ({"max_worker": 3}, "max_worker is no key that Ray knows here. Did you mean max_workers?"),
        ({"idle_timeout_minutes": -1}, "idle_timeout_minutes: -1 is less than the minimum of 0."),
        ({"head_node_type": "haed"},
         "Ray refuses it: `head_node_type` must be one of `available_node_types`."),
    ],
)  # fmt: skip
def test_what_ray_would_refuse_is_said_without_a_traceback(
    sections: dict[str, Any], sentence: str, at: rules.Here
) -> None:
    assert complaints(cluster(AWS, **sections), at) == [sentence]


def test_more_workers_wanted_than_allowed(at: rules.Here) -> None:
    (sentence,) = complaints(
        edited(AWS, "min_workers: 0\n    max_workers: 8", "min_workers: 9\n    max_workers: 9"), at
    )
    assert sentence == (
        "Ray refuses it: The specified global `max_workers` is smaller than the sum of `min_workers` "
        "of all the available node types."
    )


def test_a_provider_that_ray_does_not_know(at: rules.Here) -> None:
    (sentence,) = complaints(edited(AWS, "type: aws", "type: asw"), at)
    assert sentence.startswith("Ray refuses it: ")


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (provider(AWS, securitygroup={}),
         "provider: securitygroup is no key of Ray's aws provider. Did you mean security_group?"),
        (provider(AWS, region=None), "provider: region is missing, such as region: eu-central-1."),
        (provider(LOCAL, extrenal_head_ip="192.0.2.1"),
         "provider: extrenal_head_ip is no key of Ray's local provider. Did you mean external_head_ip?"),
        (provider(LOCAL, worker_ips=["10.77.0.2", "10.77.0.1"]),
         "provider: 10.77.0.1 stands more than once in head_ip and worker_ips; each is one machine."),
    ],
)  # fmt: skip
def test_the_provider_which_rays_schema_leaves_open(file: ClusterFile, sentence: str, at: rules.Here) -> None:
    assert complaints(file, at) == [sentence]


def test_a_local_provider_without_addresses(at: rules.Here) -> None:
    said = complaints(provider(LOCAL, head_ip=None, worker_ips=None), at)
    assert said[1:] == [
        "provider: head_ip is missing: the address of the machine that leads.",
        "provider: worker_ips is missing: the list of the other machines; [] if there is none.",
    ]
    assert said[0].startswith("Ray refuses it: ")


@BOTH
def test_versions_are_those_installed_here(name: str, at: rules.Here) -> None:
    assert complaints(edited(name, f"ray[default]=={ray.__version__}", "ray[default]==2.59.1"), at) == [
        f"setup_commands: ray 2.59.1 is pinned, but {ray.__version__} is installed here. Make them the same."
    ]
    assert complaints(edited(name, f"'silktune {__version__}'", "'silktune 9.9.9'"), at) == [
        f"setup_commands: silktune 9.9.9 is pinned, but {__version__} is installed here. Make them the same."
    ]


@BOTH
def test_versions_are_pinned(name: str, at: rules.Here) -> None:
    assert complaints(edited(name, f"ray[default]=={ray.__version__}", "ray[default]"), at) == [
        f"setup_commands: no version of ray is pinned. Write 'ray[default]=={ray.__version__}'."
    ]
    assert complaints(edited(name, f"'silktune {__version__}'", "''"), at) == [
        "setup_commands: no version of silktune is pinned. "
        f"Write test \"$(silktune --version)\" = 'silktune {__version__}'."
    ]
    (sentence,) = complaints(edited(name, "-c ~/silktune/constraints.txt ", ""), at)
    assert re.fullmatch(r"setup_commands: `.*` installs without -c constraints\.txt, so nodes may differ\.", sentence)


@BOTH
@pytest.mark.parametrize("section", [HEAD, WORKERS])
def test_every_node_starts_ray_with_a_token(name: str, section: str, at: rules.Here) -> None:
    commands = cluster(name).content[section]
    without = [command.replace("RAY_AUTH_MODE=token", "") for command in commands]
    assert complaints(cluster(name, **{section: without}), at) == [
        f"{section}: `ray start` needs `export RAY_AUTH_MODE=token` before it, on every node."
    ]
    none = [command for command in commands if "ray start" not in command]
    assert f"{section}: no command has `ray start` in it, so Ray would start here without a token." in complaints(
        cluster(name, **{section: none}), at
    )


@BOTH
def test_the_head_alone_adds_workers_and_shows_its_dashboard_to_nobody(name: str, at: rules.Here) -> None:
    assert complaints(edited(name, "--autoscaling-config=~/ray_bootstrap_config.yaml", ""), at) == [
        f"{HEAD}: `ray start` needs --autoscaling-config=~/ray_bootstrap_config.yaml to add workers."
    ]
    assert complaints(edited(name, "--head", "--head --dashboard-host=0.0.0.0"), at) == [
        f"{HEAD}: --dashboard-host=0.0.0.0 opens the dashboard to others. Leave it out."
    ]


@pytest.mark.parametrize("mode", ["", "disabled"])
def test_this_shell_sends_the_token(mode: str, tmp_path: Path) -> None:
    assert complaints(cluster(AWS), here(home(tmp_path), RAY_AUTH_MODE=mode)) == [
        f"RAY_AUTH_MODE is {mode or 'not set'} in this shell: export RAY_AUTH_MODE=token, or Ray sends no token."
    ]


def test_the_token_is_made_copied_and_read_by_nobody_else(at: rules.Here, tmp_path: Path) -> None:
    line = "~/.ray/auth_token: ~/.ray/auth_token"
    assert complaints(edited(AWS, line, ""), at) == [f"file_mounts: the token is not copied to the nodes. Add {line}."]
    token = tmp_path / ".ray/auth_token"
    token.chmod(0o644)
    assert complaints(cluster(AWS), at) == [
        "file_mounts: others may read ~/.ray/auth_token. Give: chmod 600 ~/.ray/auth_token."
    ]
    token.write_text("\n", encoding="utf-8")
    sentence = "file_mounts: ~/.ray/auth_token holds no token. Make one: ray get-auth-token --generate."
    assert complaints(cluster(AWS), at) == [sentence]
    token.unlink()
    assert complaints(cluster(AWS), at) == [sentence]


def test_what_is_copied_is_there(at: rules.Here, tmp_path: Path) -> None:
    assert complaints(edited(AWS, "~/silktune/LICENSE: LICENSE", "~/silktune/LICENSE: LICENCE"), at) == [
        f"file_mounts: LICENCE (to ~/silktune/LICENSE) is not in {ROOT}. Give the command in the repository's folder."
    ]
    (tmp_path / ".ssh/silktune").unlink()
    assert complaints(cluster(LOCAL), at) == [
        "auth: ssh_private_key: there is no file ~/.ssh/silktune. Make one: ssh-keygen -t ed25519 -f ~/.ssh/silktune."
    ]


@BOTH
def test_storage_is_named_and_tried_by_every_node(name: str, at: rules.Here) -> None:
    assert complaints(cluster(name, metadata=None), at) == [
        "metadata: storage is missing: a folder that every node mounts, or a URI such as s3://…."
    ]
    assert complaints(cluster(name, metadata={"storage": "runs"}), at) == [
        "metadata: storage: runs is neither an absolute path nor a URI such as s3://…."
    ]
    assert complaints(cluster(name, metadata={"storage": "/mnt/other"}), at) == [
        "setup_commands: no command tries whether the node reaches /mnt/other. Add: test -w /mnt/other."
    ]


def test_on_premises_needs_the_first_autoscaler_and_the_networks_interface(at: rules.Here) -> None:
    assert complaints(edited(LOCAL, "RAY_enable_autoscaler_v2=0 RAY", "RAY"), at) == [
        f"{HEAD}: `ray start` needs `export RAY_enable_autoscaler_v2=0` before it; "
        "the second autoscaler never starts the workers of a local provider."
    ]
    assert complaints(edited(LOCAL, "GLOO_SOCKET_IFNAME=eth0 ", ""), at) == [
        f"{section}: `ray start` needs `export GLOO_SOCKET_IFNAME=<interface>` before it, "
        "or workers look for each other on loopback."
        for section in (HEAD, WORKERS)
    ]


def world(first: int, last: int, **sources: Any) -> ClusterFile:
    rule = {"FromPort": first, "ToPort": last, "IpProtocol": "tcp"} | sources
    return provider(AWS, security_group={"GroupName": "ray-silktune", "IpPermissions": [rule]})


def test_on_aws_only_ssh_is_open_to_the_world(at: rules.Here) -> None:
    everyone = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    assert complaints(world(22, 22, **everyone), at) == []
    assert complaints(world(5000, 5000, IpRanges=[{"CidrIp": "192.0.2.7/32"}]), at) == []
    assert complaints(world(8265, 8265, **everyone), at) == [
        "provider: security_group: ports 8265 to 8265 are open to the world. Only 22 may be; use SSH tunnels."
    ]
    assert complaints(world(-1, -1, Ipv6Ranges=[{"CidrIpv6": "::/0"}]), at) == [
        "provider: security_group: all ports are open to the world. Only 22 may be; use SSH tunnels."
    ]
    assert complaints(provider(AWS, security_group=None), at) == [
        "provider: security_group: GroupName is missing, so it is not said who may reach the nodes."
    ]


def test_everything_is_said_at_once(tmp_path: Path) -> None:
    file = cluster(LOCAL, max_worker=2, metadata=None, worker_start_ray_commands=["ray start"])
    said = complaints(file, here(home(tmp_path), RAY_AUTH_MODE=""))
    assert len(said) == 5
    assert said[0] == "max_worker is no key that Ray knows here. Did you mean max_workers?"


def test_the_two_files_differ_only_where_clouds_and_machines_do() -> None:
    """What both say is said once in the reader's mind: the same parts of the package, the same settings of Ray."""
    aws, local = cluster(AWS).content, cluster(LOCAL).content
    assert aws["file_mounts"].items() - local["file_mounts"].items() == {
        ("~/silktune/spot-notice.sh", "docs/cluster/spot-notice.sh")
    }
    assert local["file_mounts"].items() <= aws["file_mounts"].items()
    assert local["setup_commands"][:2] == aws["setup_commands"][:2]
