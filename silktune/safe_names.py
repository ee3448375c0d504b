"""Names that are safe where they go, made from what people call variables, classes, rows and data sets.

Names of metrics stay apart in databases that do not tell `Silk` from `silk`. Names of files are readable, at most
`LONGEST` bytes in UTF-8 (file systems take 143 to 255, and something is added to them), need no quotes in a shell, and
no two names give the same file, not even where upper and lower case are one.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key", str, tuple[str, ...])

LONGEST = 96  # bytes of a file's name
DIGEST = 16  # hexadecimal digits
_NO_METRIC = re.compile(r"[^\w\-. ]")
_NO_FILE = re.compile(r"[^\w.+=-]+")
_ENDS_IN_DIGEST = re.compile(rf"-[0-9a-f]{{{DIGEST}}}$")


def escaped(name: str) -> str:
    """A name of letters, digits, `_`, `-`, `.` and space alone.

    Every other character becomes its UTF-8 bytes in hexadecimal between `_`: `a/b` is `a_2f_b`.
    """
    return _NO_METRIC.sub(lambda match: f"_{match[0].encode(errors='surrogatepass').hex()}_", name)


def distinct_names(names: Mapping[Key, str], reserved: tuple[str, ...] = ()) -> dict[Key, str]:
    """The names, a digest of its key added to each that could be taken for another one.

    Some databases and file systems do not tell `Silk` from `silk` or `é` from `e`: nor are such names left alike. The
    result depends on the keys and names alone, not on their order.

    Args:
        names: what each key would be called.
        reserved: how no name may begin.
    """
    folded = {key: without_case_and_accents(escaped(name)) for key, name in names.items()}
    count = Counter(folded.values())
    return {
        key: f"{name}-{_digest(json.dumps(key))}"
        if count[folded[key]] > 1 or folded[key].startswith(reserved) or _ENDS_IN_DIGEST.search(folded[key])
        else name
        for key, name in names.items()
    }


def without_case_and_accents(name: str) -> str:
    """The name as the least discerning database or file system compares it: without case, accents and width."""
    small = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return "".join(character for character in small if not unicodedata.combining(character))


def file_name(name: str) -> str:
    """The name itself where it can be a file's, as most can: `place`; else what is readable of it and a digest."""
    fits = name and readable_part(name) == name == name.casefold() and not _ENDS_IN_DIGEST.search(name)
    return name if fits else with_digest(name, name)


def with_digest(readable: str, name: str) -> str:
    """As much of `readable` as there is room for, and a digest of `name`."""
    return f"{readable_part(readable, LONGEST - DIGEST - 1) or 'name'}-{_digest(name)}"


def readable_part(name: str, longest: int = LONGEST) -> str:
    """What of a name needs no quotes and is not hidden, cut to so many bytes; different names may give the same."""
    plain = _NO_FILE.sub("-", unicodedata.normalize("NFC", name)).strip("-.")
    return plain.encode()[:longest].decode(errors="ignore").rstrip("-.")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST // 2).hexdigest()
