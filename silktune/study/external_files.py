"""What a study needs that lies outside its folder and may change under it: the files of weights.

Their content is a part of the study: it is written down when the study first meets a file, and looked at again before
every trial, by the driver and where the trial runs. (The label table and its images are in the data set's digest; what
a space, a table or a winner says is in the plan.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from silktune.errors import StudyError
from silktune.outcome import write_whole
from silktune.settings import Net
from silktune.settings.pretrained_weights import file_of
from silktune.study.paths import StudyPaths

BACK = "Put it back as it was, and the same command goes on"


@dataclass(frozen=True)
class Outside:
    """The content of every file that the trials of a study read, by the name under which its settings have it."""

    paths: StudyPaths
    files: Mapping[str, str]  # net.weights → digest

    @classmethod
    def read(cls, paths: StudyPaths) -> Self:
        """What is written down in a study's folder; nothing before it has begun.

        Raises:
            StudyError: the file is damaged.
        """
        try:
            return cls(
                paths, {str(name): str(digest) for name, digest in json.loads(paths.outside.read_bytes()).items()}
            )
        except FileNotFoundError:
            return cls(paths, {})
        except (ValueError, AttributeError) as error:
            raise StudyError(f"{paths.outside} is damaged ({error}). Put it back, or give another --name.") from error

    def with_(self, nets: Iterable[Net]) -> Self:
        """Checked, and with the files that the study did not know yet.

        Raises:
            StudyError: a file has another content than before.
            SettingsError: a file is missing.
        """
        now = {net.weights: self.check(net) for net in nets if file_of(net.weights)}
        return type(self)(self.paths, {**self.files, **now})

    def write(self) -> None:
        """Write it down, whole or not at all; nothing where there are no files."""
        if self.files:
            write_whole(self.paths.outside, json.dumps(self.files, indent=1, ensure_ascii=False))

    def check(self, net: Net) -> str:
        """The digest of a network's weights: of the same content as before.

        Raises:
            StudyError: it has another content.
            SettingsError: it is missing.
        """
        before, now = self.files.get(net.weights), net.weights_digest
        if before not in (None, now):
            raise StudyError(
                f"net.weights: {net.weights} has another content than when {self.paths.folder} was begun, and its "
                f"trials would be compared with trials of other weights. {BACK}; or give another --name to begin anew."
            )
        return now
