"""A file for `ray up`, checked before anything is started: Ray's own schema, Ray's own reading of it, and our needs.

Every rule is a function of the parsed file that yields its complaints, each a sentence: file, key, what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from silktune.errors import SettingsError, nearest

PROVIDER_KEYS = {
    "local": ("type", "head_ip", "worker_ips", "external_head_ip", "coordinator_address"),
    "aws": ("type", "region", "availability_zone", "cache_stopped_nodes", "use_internal_ips", "security_group",
            "key_pair", "cloudwatch", "aws_credentials"),
}  # fmt: skip


@dataclass(frozen=True)
class ClusterFile:
    """A parsed file for `ray up`."""

    path: str
    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> ClusterFile:
        """Reads the file.

        Raises:
            SettingsError: there is no such file, or it is no YAML with sections.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(f"{path}: there is no such file.") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f"line {mark.line + 1}: " if mark else ""
            raise SettingsError(f"{path}: {line}is no YAML: {getattr(error, 'problem', error)}.") from None
        if not isinstance(content, dict):
            raise SettingsError(f"{path}: holds no sections. cluster.yaml in silktune's repository shows them.")
        return cls(str(path), content)

    @property
    def provider(self) -> Mapping[str, Any]:
        return self.content["provider"]  # type: ignore[no-any-return]

    @property
    def kind(self) -> str:
        return str(self.provider["type"])

    @property
    def node_types(self) -> Mapping[str, Mapping[str, Any]]:
        return self.content.get("available_node_types") or {}

    @property
    def mounts(self) -> Mapping[str, str]:
        """Which local path is copied to which place on every node."""
        return self.content.get("file_mounts") or {}

    @property
    def storage(self) -> str:
        """Where studies are kept: a folder that every node mounts, or a URI; empty if the file does not say."""
        return str((self.content.get("metadata") or {}).get("storage") or "")

    def commands(self, *sections: str) -> list[str]:
        return [str(command) for section in sections for command in self.content.get(section) or ()]

    def says(self, sentence: str) -> str:
        return f"{self.path}: {sentence}"


def misshapen(cluster: ClusterFile) -> tuple[list[str], bool]:
    """What contradicts Ray's schema, and whether the sections can be read in spite of it (only names are unknown)."""
    from jsonschema import Draft7Validator

    from silktune.orchestrate.executors.ray.cluster_schema import schema

    validator = Draft7Validator(schema())
    errors = sorted(validator.iter_errors(cluster.content), key=lambda error: list(map(str, error.path)))
    complaints = [cluster.says(sentence) for error in errors for sentence in _sentences(error)]
    return complaints, all(error.validator == "additionalProperties" for error in errors)


def _sentences(error: Any) -> Iterator[str]:
    """One error of jsonschema, as a person would say it."""
    where = ".".join(map(str, error.path))
    within = f"{where}: " if where else ""
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        for key in sorted(set(error.instance) - set(known)):
            yield f"{within}{key} is no key that Ray knows here.{nearest(key, known)}"
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield f"{within}{key} is missing, and Ray needs it."
    elif error.validator == "type":
        yield f"{within}is {error.instance!r}, and must be of type {error.validator_value}."
    else:
        yield f"{within}{error.message}."


def refused(cluster: ClusterFile) -> list[str]:
    """What Ray itself says against the file once it has filled in its defaults, without starting anything."""
    from silktune.orchestrate.executors.ray.cluster_schema import refusal

    why = refusal(cluster.content)
    return [cluster.says(f"Ray refuses it: {' '.join(why.split())}")] if why else []


def provider(cluster: ClusterFile) -> Iterator[str]:
    """Ray's schema lets any key into this section, so a wrong one would do nothing, silently."""
    known = PROVIDER_KEYS.get(cluster.kind)
    for key in cluster.provider if known else ():
        if key not in known:  # type: ignore[operator]
            yield cluster.says(
                f"provider: {key} is no key of Ray's {cluster.kind} provider.{nearest(key, known or ())}"
            )
    if cluster.kind == "aws" and "region" not in cluster.provider:
        yield cluster.says("provider: region is missing, such as region: eu-central-1.")
    if cluster.kind == "local" and "coordinator_address" not in cluster.provider:
        yield from _addresses(cluster)


def _addresses(cluster: ClusterFile) -> Iterator[str]:
    head: str | None = cluster.provider.get("head_ip")
    workers: list[str] | None = cluster.provider.get("worker_ips")
    if not head:
        yield cluster.says("provider: head_ip is missing: the address of the machine that leads.")
    if workers is None:
        yield cluster.says("provider: worker_ips is missing: the list of the other machines; [] if there is none.")
    everyone = [str(address) for address in (head, *(workers or ())) if address]
    for address in sorted({a for a in everyone if everyone.count(a) > 1}):
        yield cluster.says(f"provider: {address} stands more than once in head_ip and worker_ips; each is one machine.")
