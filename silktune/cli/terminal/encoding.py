"""A terminal or a locale that is not UTF-8: files stay UTF-8, and what is printed stays legible.

Python 3.15 takes UTF-8 for names of files and for text whatever the locale says (PEP 686); older ones do so when they
are asked at the start, and the processes that they start are asked too.
"""

from __future__ import annotations

import codecs
import io
import locale
import os
import shlex
import sys
import unicodedata

LEGIBLE = "silktune.legible"  # the name of the error handler
PLAIN = str.maketrans({"–": "-", "−": "-", "—": "-", "…": "...", "±": "+-", "×": "x", "→": "->", "•": "*", "≥": ">=",
                       "≤": "<=", "’": "'", "‘": "'", "“": '"', "”": '"', "°": "deg", "·": "."})  # fmt: skip
GREEK = "GREEK SMALL LETTER "


def prepare() -> None:
    """Begin the process anew with UTF-8 where it was begun without; make both streams show every letter somehow."""
    if _other_locale():
        _begin_anew()
    codecs.register_error(LEGIBLE, _legible)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape" if _is_utf8(stream.encoding) else LEGIBLE)


def command_line() -> str:
    """The command as it was given, to be pasted into a shell; bytes of it that are no text are marked."""
    return shlex.join(os.fsencode(word).decode("utf-8", "replace") for word in sys.argv)


def _other_locale() -> bool:
    return not (sys.flags.utf8_mode or _is_utf8(locale.getencoding()) or os.environ.get("PYTHONUTF8") == "1")


def _begin_anew() -> None:
    """The same command in the same process; on the terminal it writes as before."""
    if sys.executable and sys.orig_argv:
        os.environ["PYTHONUTF8"] = "1"
        os.environ["PYTHONIOENCODING"] = f"{sys.stdout.encoding or 'ascii'}:backslashreplace"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"


def _legible(error: UnicodeError) -> tuple[str, int]:
    """What stands for letters that cannot be shown: their own base, a sign like them, or their number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(letter: str) -> str:
    name = unicodedata.name(letter, "")
    if name.startswith(GREEK):
        return name.removeprefix(GREEK).split()[0].lower()
    likeness = unicodedata.normalize("NFKD", letter.translate(PLAIN)).encode("ascii", "ignore").decode()
    return likeness or letter.encode("ascii", "backslashreplace").decode()
