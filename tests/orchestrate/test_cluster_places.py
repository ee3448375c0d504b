"""Where the shipped clusters would run: AWS as moto imitates it, Kubernetes' and KubeRay's fields, the container."""

from __future__ import annotations

import ast
import http.server
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
import yaml
from jsonschema import Draft7Validator

from silktune import __version__
from tests.cli.run import silktune
from tests.orchestrate.clusters import AWS, LOCAL, ROOT, cluster

PLACES = ROOT / "docs/cluster"
WORLD = ("0.0.0.0/0", "::/0")


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((PLACES / name).read_text(encoding="utf-8")))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """An account of moto's, which reaches no network; boto3 to ask it with."""
    import boto3
    from moto import mock_aws

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("HOME", str(tmp_path))  # Ray puts the key that it makes into ~/.ssh
    with mock_aws():
        yield boto3


def stack(aws: Any) -> dict[str, str]:
    """Makes what docs/cluster/aws.yaml describes; the names of what was made."""
    client = aws.client("cloudformation")
    client.create_stack(
        StackName="silktune", TemplateBody=(PLACES / "aws.yaml").read_text(encoding="utf-8"),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": "Bucket", "ParameterValue": "silk-bucket"}],
    )  # fmt: skip
    made = client.describe_stack_resources(StackName="silktune")["StackResources"]
    assert {resource["ResourceStatus"] for resource in made} == {"CREATE_COMPLETE"}
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in made}


def bootstrapped(name: str) -> dict[str, Any]:
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(dict(cluster(name).content))
    validate_config(prepared)
    filled: dict[str, Any] = AWSNodeProvider.fillout_available_node_types_resources(bootstrap_aws(prepared))
    return filled


def test_on_aws_ray_opens_ssh_to_the_world_and_everything_between_the_nodes_only(aws: Any) -> None:
    stack(aws)
    types = bootstrapped(AWS)["available_node_types"].values()
    (group,) = {group for node in types for group in node["node_config"]["SecurityGroupIds"]}
    rules = aws.resource("ec2").SecurityGroup(group).ip_permissions
    assert len(rules) == 2
    open_to_all = [rule for rule in rules if any(r["CidrIp"] in WORLD for r in rule["IpRanges"])]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in open_to_all] == [(22, 22)]
    (within,) = [rule for rule in rules if rule not in open_to_all]
    assert [pair["GroupId"] for pair in within["UserIdGroupPairs"]] == [group]
    assert within["IpRanges"] == within["Ipv6Ranges"] == []


def test_on_aws_ray_finds_the_gpu_and_makes_no_rights_of_its_own(aws: Any) -> None:
    made = stack(aws)
    before = {role["RoleName"] for role in aws.client("iam").list_roles()["Roles"]}
    filled = bootstrapped(AWS)
    resources = {name: node["resources"] for name, node in filled["available_node_types"].items()}
    assert resources["head"] == {"CPU": 4}
    assert resources["gpu"]["GPU"] == 1
    assert {role["RoleName"] for role in aws.client("iam").list_roles()["Roles"]} == before
    profiles = {node["node_config"]["IamInstanceProfile"]["Name"] for node in filled["available_node_types"].values()}
    assert profiles == {made["HeadProfile"], made["WorkerProfile"]}


def test_workers_on_aws_may_use_the_bucket_and_nothing_else(aws: Any) -> None:
    stack(aws)
    (policy,) = aws.resource("iam").Role("silktune-worker").policies.all()
    statements = ast.literal_eval(policy.policy_document)["Statement"]  # moto keeps what CloudFormation gave as text
    actions = [action for statement in statements for action in statement["Action"]]
    resources = {statement["Resource"] for statement in statements}
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    assert all(action.startswith("s3:") and "*" not in action for action in actions)
    assert resources == {"arn:aws:s3:::silk-bucket", "arn:aws:s3:::silk-bucket/*"}


def test_cloudformations_own_checker_has_nothing_to_say() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), PLACES / "aws.yaml"],
        capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", [AWS, LOCAL])
def test_what_is_copied_to_the_nodes_is_enough_to_install_silktune(name: str, tmp_path: Path) -> None:
    source = tmp_path / "silktune"
    for remote, local in cluster(name).mounts.items():
        if remote.startswith("~/silktune/"):
            target = tmp_path / remote.removeprefix("~/")
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / local).is_dir() else shutil.copy
            copy(ROOT / local, target)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=source, capture_output=True, timeout=60, check=True)
    names = zipfile.ZipFile(tmp_path / f"silktune-{__version__}-py3-none-any.whl").namelist()
    assert {"silktune/cli/app.py", "silktune/search_spaces/silknet.yaml"} <= set(names)


@pytest.mark.parametrize("name", [AWS, LOCAL])
def test_every_command_is_bash(name: str) -> None:
    content = cluster(name).content
    commands = [c for section, texts in content.items() if section.endswith("_commands") for c in texts]
    assert commands
    for command in [*commands, (PLACES / "spot-notice.sh").read_text(encoding="utf-8")]:
        done = subprocess.run(
            ["bash", "-n", "-c", command], capture_output=True, text=True, encoding="utf-8", timeout=10, check=False
        )
        assert (command, done.stderr) == (command, "")


def test_a_node_that_cannot_write_to_the_storage_fails_in_its_set_up(tmp_path: Path) -> None:
    """The command that every node runs, with a folder in the bucket's place."""
    (command,) = (c for c in cluster(AWS).commands("setup_commands") if "FileSystem" in c)
    command = command.replace("~/silktune/.venv/bin/python", sys.executable)
    for folder, code in ((tmp_path, 0), (Path("/proc"), 1)):
        there = command.replace("s3://silk-bucket/silktune", str(folder))
        assert there != command
        done = subprocess.run(["bash", "-c", there], capture_output=True, timeout=30, check=False)
        assert done.returncode == code
    assert list(tmp_path.iterdir()) == []


def on_a_node(command: str, home: Path) -> str:
    """Runs a command as `ray up` does on a node: in a login shell, all of it quoted; what it wrote."""
    from ray.autoscaler._private.command_runner import _with_interactive

    words = shlex.split(" ".join(_with_interactive(command)))
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        words, capture_output=True, text=True, encoding="utf-8", timeout=110, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", [AWS, LOCAL])
def test_a_later_shell_on_a_node_finds_silktune_and_the_token(name: str, tmp_path: Path) -> None:
    tool = tmp_path / "silktune/.venv/bin/silktune"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\necho found $RAY_AUTH_MODE $MLFLOW_TRACKING_URI\n", encoding="utf-8")
    tool.chmod(0o755)
    first = cluster(name).content["setup_commands"][0]
    for _ in range(2):  # `ray up` runs it anew each time
        on_a_node(first, tmp_path)
    assert on_a_node("silktune", tmp_path) == "found token http://127.0.0.1:5000\n"
    assert len((tmp_path / ".bashrc").read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [AWS, LOCAL])
def test_the_heads_mlflow_server_listens_on_loopback_outlives_the_shell_and_starts_once(
    name: str, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (command,) = (c for c in cluster(name).commands("head_start_ray_commands") if "mlflow server" in c)
    command = re.sub(r"\b5000\b", str(port), command)
    command = re.sub(r"--artifacts-destination \S+", f"--artifacts-destination {tmp_path}/artifacts", command)
    (tmp_path / ".bashrc").write_text(f"export PATH={Path(sys.executable).parent}:$PATH\n", encoding="utf-8")
    on_a_node(command, tmp_path)
    server = psutil.Process(int((tmp_path / "mlflow/server.pid").read_text(encoding="utf-8")))
    everything = [server, *server.children(recursive=True)]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            assert answer.read() == b"OK"
        listening = {c.laddr.ip for p in everything for c in p.net_connections() if c.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}
        on_a_node(command, tmp_path)
        assert int((tmp_path / "mlflow/server.pid").read_text(encoding="utf-8")) == server.pid
        assert (tmp_path / "mlflow/mlflow.db").is_file()
    finally:
        on_a_node("kill -- -$(cat ~/mlflow/server.pid)", tmp_path)  # as the documentation stops it
    gone, alive = psutil.wait_procs(everything, timeout=20)
    assert (len(gone), alive) == (len(everything), [])


class Metadata(http.server.BaseHTTPRequestHandler):
    """AWS's description of a machine: a notice at the third question, to whoever has a session."""

    questions = 0

    def do_PUT(self) -> None:
        self._reply(200, b"session")

    def do_GET(self) -> None:
        known = self.headers["X-aws-ec2-metadata-token"] == "session"
        Metadata.questions += self.path == "/latest/meta-data/spot/instance-action"
        self._reply(200 if known and Metadata.questions > 2 else 404, b"{}")

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def test_a_spot_notice_drains_this_node(tmp_path: Path) -> None:
    """All but Ray itself: `python` and `ray` only write down what they were asked, since a Ray takes half a minute."""
    for name, answer in (("ray", 'echo "$RAY_AUTH_MODE $*" > $HOME/asked'), ("python", "echo 77aa")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    with http.server.HTTPServer(("127.0.0.1", 0), Metadata) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        metadata = f"http://127.0.0.1:{server.server_port}"
        environment = os.environ | {
            "HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}", "METADATA": metadata, "INTERVAL": "0.1",
        }  # fmt: skip
        subprocess.run(["bash", PLACES / "spot-notice.sh"], env=environment, timeout=30, check=True)
        server.shutdown()
    assert Metadata.questions == 3
    assert (tmp_path / "asked").read_text(encoding="utf-8") == (
        "token drain-node --node-id 77aa --reason DRAIN_NODE_REASON_PREEMPTION --reason-message spot notice "
        "--deadline-remaining-seconds 110\n"
    )


# What KubeRay's reference of its API (ray.io/v1, KubeRay 1.6) names. Its own schema is a megabyte and not in any
# Python package; pod templates are checked against Kubernetes' own models below.
TEXT, COUNT, SWITCH = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}


def fields(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


PARAMS = {"type": "object", "additionalProperties": TEXT}
POD = fields(("spec",), metadata={"type": "object"}, spec={"type": "object"})
GROUP = fields(
    ("groupName", "rayStartParams", "template"), groupName=TEXT, replicas=COUNT, minReplicas=COUNT, maxReplicas=COUNT,
    idleTimeoutSeconds=COUNT, numOfHosts=COUNT, rayStartParams=PARAMS, template=POD,
)  # fmt: skip
RAY_CLUSTER = fields(
    ("headGroupSpec",), rayVersion=TEXT, suspend=SWITCH, enableInTreeAutoscaling=SWITCH,
    authOptions=fields(mode={"enum": ["disabled", "token"]}, secretName=TEXT),
    autoscalerOptions=fields(
        version={"enum": ["v1", "v2"]}, idleTimeoutSeconds=COUNT,
        upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
    ),
    headGroupSpec=fields(("rayStartParams", "template"), rayStartParams=PARAMS, template=POD, serviceType=TEXT),
    workerGroupSpecs={"type": "array", "items": GROUP},
)  # fmt: skip
RAY_JOB = fields(
    ("entrypoint", "rayClusterSpec"), entrypoint=TEXT, rayClusterSpec=RAY_CLUSTER, shutdownAfterJobFinishes=SWITCH,
    ttlSecondsAfterFinished=COUNT, backoffLimit=COUNT, activeDeadlineSeconds=COUNT, submissionMode=TEXT,
    runtimeEnvYAML=TEXT,
)  # fmt: skip


def resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = fields(("name",), name=TEXT)
    head = {"apiVersion": {"const": "ray.io/v1"}, "kind": {"const": kind}}
    return fields(("apiVersion", "kind", "metadata", "spec"), **head, metadata=metadata, spec=spec)


SCHEMAS = {
    "raycluster.yaml": resource("RayCluster", RAY_CLUSTER),
    "rayjob.yaml": resource("RayJob", RAY_JOB),
}
MANIFESTS = pytest.mark.parametrize("name", SCHEMAS)


def ray_cluster(name: str) -> dict[str, Any]:
    (manifest,) = documents(name)
    spec: dict[str, Any] = manifest["spec"]
    return spec.get("rayClusterSpec", spec)


def templates(name: str) -> list[dict[str, Any]]:
    spec = ray_cluster(name)
    return [spec["headGroupSpec"]["template"], *(group["template"] for group in spec["workerGroupSpecs"])]


def containers(name: str) -> list[dict[str, Any]]:
    return [container for template in templates(name) for container in template["spec"]["containers"]]


def understood(document: Any, model: str) -> Any:
    """What Kubernetes' own model of a resource keeps of a document: what it does not know is gone."""
    from kubernetes.client import ApiClient

    client = ApiClient()
    return client.sanitize_for_serialization(client._ApiClient__deserialize(document, model))  # type: ignore[attr-defined]


@MANIFESTS
def test_manifests_have_the_fields_that_kuberay_knows(name: str) -> None:
    (manifest,) = documents(name)
    assert [error.message for error in Draft7Validator(SCHEMAS[name]).iter_errors(manifest)] == []


@MANIFESTS
def test_pods_have_the_fields_that_kubernetes_knows(name: str) -> None:
    for template in templates(name):
        assert understood(template, "V1PodTemplateSpec") == template


def test_volumes_have_the_fields_that_kubernetes_knows() -> None:
    claims = documents("storage.yaml")
    for claim in claims:
        assert understood(claim, "V1PersistentVolumeClaim") == claim
    wanted = {
        volume["persistentVolumeClaim"]["claimName"]
        for name in SCHEMAS
        for template in templates(name)
        for volume in template["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert wanted == {claim["metadata"]["name"] for claim in claims}


def test_these_checks_can_fail() -> None:
    (manifest,) = documents("rayjob.yaml")
    manifest["spec"]["entryPoint"] = manifest["spec"].pop("entrypoint")
    assert len(list(Draft7Validator(RAY_JOB).iter_errors(manifest["spec"]))) == 2
    template = templates("rayjob.yaml")[0]
    template["spec"]["containers"][0]["volumeMount"] = []
    assert understood(template, "V1PodTemplateSpec") != template


@MANIFESTS
def test_one_image_one_ray_and_a_token_everywhere(name: str) -> None:
    spec = ray_cluster(name)
    assert spec["rayVersion"] == ray.__version__
    assert spec["authOptions"] == {"mode": "token"}
    assert {container["image"] for container in containers(name)} == {"<image>"}


@MANIFESTS
def test_every_container_says_what_it_needs_and_mounts_the_storage(name: str) -> None:
    for container in containers(name):
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert {"name": "storage", "mountPath": "/mnt/silktune"} in container["volumeMounts"]
    for template in templates(name):
        volumes = {volume["name"] for volume in template["spec"]["volumes"]}
        for container in template["spec"]["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
    for group in ray_cluster(name)["workerGroupSpecs"]:
        (worker,) = group["template"]["spec"]["containers"]
        assert worker["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_job_makes_the_cluster_that_stands_beside_it() -> None:
    assert templates("rayjob.yaml") == templates("raycluster.yaml")


def commands_of_the_documentation() -> list[str]:
    """Every `silktune …` that a person is told to type, and the job's entry point."""
    (job,) = documents("rayjob.yaml")
    text = (PLACES / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"silktune (?:search|cluster|mlflow) [^`\n…]*--?[^`\n…]*", text)
    assert len(found) >= 2
    return [job["spec"]["entrypoint"], *found]


@pytest.mark.parametrize("command", commands_of_the_documentation())
def test_documented_commands_have_the_options_that_silktune_has(command: str) -> None:
    words = shlex.split(command)[1:]
    done = silktune(*words, "--help")
    assert done.returncode == 0
    options = {word for word in words if word.startswith("--")}
    assert options <= set(re.findall(r"--[\w-]+", done.stdout))


def test_documented_files_are_there() -> None:
    named = set(re.findall(r"docs/cluster/\w[\w.-]+", (PLACES / "README.md").read_text(encoding="utf-8")))
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (PLACES / "Containerfile").read_text(encoding="utf-8"), flags=re.MULTILINE).replace(
        "\\\n", " "
    )
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def test_the_container_is_pinned_built_from_what_is_here_and_not_root() -> None:
    steps = instructions()
    bases = [rest for word, rest in steps if word == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-\S+( AS build)?", base) for base in bases)
    for _, rest in (step for step in steps if step[0] == "COPY" and "--from" not in step[1]):
        assert all((ROOT / source).exists() for source in rest.split()[:-1])
    commands = " ".join(rest for word, rest in steps if word == "RUN")
    assert f"'ray[default]=={ray.__version__}'" in commands
    assert f"silktune-{__version__}-py3-none-any.whl" in commands
    assert f"= 'silktune {__version__}'" in commands
    assert ("USER", "1000") in steps


@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint, the linter of container files, is not installed")
def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        ["hadolint", PLACES / "Containerfile"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_nothing_names_a_registry() -> None:
    found = [file for file in [ROOT / AWS, *PLACES.iterdir()] if file.is_file()]
    assert len(found) > 5
    for file in found:
        assert not re.search(r"docker\.io|ghcr\.io|quay\.io|pypi\.org|index-url", file.read_text(encoding="utf-8")), (
            file
        )
