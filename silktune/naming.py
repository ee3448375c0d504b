"""Names of figures that hold what people named: readable, and never two with one name; of files: `filenames`."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key", str, tuple[str, ...])

_UNSAFE = re.compile(r"[^\w\-. ]")
_DIGEST = re.compile(r"-[0-9a-f]{16}$")


def encoded(name: str) -> str:
    """A name of letters, digits, `_`, `-`, `.` and space alone.

    Every other character becomes its UTF-8 bytes in hexadecimal between `_`: `a/b` is `a_2f_b`.
    """
    return _UNSAFE.sub(lambda match: f"_{match[0].encode(errors='surrogatepass').hex()}_", name)


def distinct(names: Mapping[Key, str], reserved: tuple[str, ...] = ()) -> dict[Key, str]:
    """The names, a digest of its key added to each that could be taken for another one.

    Some databases and file systems do not tell `Silk` from `silk` or `é` from `e`: nor are such names left alike. The
    result depends on the keys and names alone, not on their order.

    Args:
        names: what each key would be called.
        reserved: how no name may begin.
    """
    folded = {key: folding(encoded(name)) for key, name in names.items()}
    count = Counter(folded.values())
    return {
        key: f"{name}-{digest(key)}"
        if count[folded[key]] > 1 or folded[key].startswith(reserved) or _DIGEST.search(folded[key])
        else name
        for key, name in names.items()
    }


def folding(name: str) -> str:
    """The name as the least discerning database or file system compares it: without case, accents and width."""
    small = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return "".join(character for character in small if not unicodedata.combining(character))


def digest(key: str | tuple[str, ...]) -> str:
    """16 hexadecimal digits that stand for a key."""
    return hashlib.blake2b(json.dumps(key).encode(), digest_size=8).hexdigest()
