"""Names of files made from names that people gave: rows of a table, variables, data sets.

A file's name is readable, at most `LONGEST` bytes in UTF-8 (file systems take 143 to 255, and something is added to
it), needs no quotes in a shell, and no two names give the same file, not even where upper and lower case are one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 96  # bytes
DIGEST = 16  # hexadecimal digits
_STRANGE = re.compile(r"[^\w.+=-]+")
_DIGESTED = re.compile(rf"-[0-9a-f]{{{DIGEST}}}$")


def filename(name: str) -> str:
    """The name itself where it can be a file's, as most can: `place`; else what is readable of it and a digest."""
    own = name and readable(name) == name == name.casefold() and not _DIGESTED.search(name)
    return name if own else digested(name, name)


def digested(plain: str, name: str) -> str:
    """As much of `plain` as there is room for, and a digest of `name`."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=DIGEST // 2).hexdigest()
    return f"{readable(plain, LONGEST - DIGEST - 1) or 'name'}-{digest}"


def readable(name: str, longest: int = LONGEST) -> str:
    """What of a name needs no quotes and is not hidden, cut to so many bytes; different names may give the same."""
    plain = _STRANGE.sub("-", unicodedata.normalize("NFC", name)).strip("-.")
    return plain.encode()[:longest].decode(errors="ignore").rstrip("-.")
