"""What a tracker is told of a whole study, kept in its folder so that it can be told again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from silktune.errors import StudyError
from silktune.outcome import write_whole
from silktune.settings.identity import first_complaint
from silktune.study.data_facts import Facts
from silktune.study.paths import StudyPaths


class Metadata(BaseModel):
    """`metadata.json`: as of the last command that worked on the study."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tags: dict[str, str]  # every version that was at work, host, command, …
    params: dict[str, Any]
    data: Facts
    folder: Path  # of the prepared data set
    ended: Literal["", "finished", "failed"] = ""  # "": it is worked on, or was killed

    def write(self, paths: StudyPaths) -> None:
        """Write it, whole or not at all."""
        write_whole(paths.metadata, self.model_dump_json(indent=1))

    @classmethod
    def tags_before(cls, paths: StudyPaths) -> dict[str, str]:
        """The tags of the last command that worked on a study; none where it is new, or its metadata says nothing."""
        before = cls._before(paths)
        return before.tags if before else {}

    @classmethod
    def ending(cls, paths: StudyPaths) -> str:
        """How the last command that worked on a study ended: "finished", "failed", or "" where nothing says so."""
        before = cls._before(paths)
        return before.ended if before else ""

    @classmethod
    def _before(cls, paths: StudyPaths) -> Metadata | None:
        try:
            return cls.model_validate_json(paths.metadata.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def end(self, paths: StudyPaths, *, failed: bool) -> None:
        """Write down how the last command ended."""
        self.model_copy(update={"ended": "failed" if failed else "finished"}).write(paths)

    @classmethod
    def read(cls, paths: StudyPaths, command: str) -> Metadata:
        """The metadata of a study that was begun with `command`.

        Raises:
            StudyError: the study has none, or one of another version.
        """
        again = f"The command that it was begun with writes it and completes the record: {command}"
        try:
            return cls.model_validate_json(paths.metadata.read_bytes())
        except FileNotFoundError:
            raise StudyError(
                f"{paths.folder} was made by an older silktune: it has no metadata.json. {again}"
            ) from None
        except ValidationError as error:
            why = first_complaint(error)
            raise StudyError(f"{paths.metadata} is none of this version of silktune ({why}). {again}") from error
