"""How the text of a cell is spelled: the same text in one form, and texts that only look the same.

Unicode has many ways to write what a person sees as one text: a letter composed or with its accent apart, a
no-break or thin space, characters of no width.
"""

from __future__ import annotations

import re
import unicodedata

# Spaces of any width and line breaks; the control characters that Python counts as spaces are none.
_SPACES = re.compile(r"[^\S\x0b\x0c\x1c-\x1f\x85]+|\u2800+")
# What Unicode says may be ignored in display, but joiners and variants of a glyph: some scripts spell with those.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e00ff]"
)
_JOINERS = re.compile(r"(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])")  # where they join nothing
_VARIANTS = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\u2032`\u00b4]")
# What closes each quotation mark, in the habits of several languages.
_CLOSING = {'"': '"', "'": "'", "`": "`'´", "‘": "’", "’": "’", "‚": "‘’", "“": "”", "”": "”", "„": "“”"}
_CLOSING |= {"«": "»", "»": "«", "‹": "›", "›": "‹", "「": "」", "『": "』"}


def normalised(text: str) -> str:
    """The text composed (NFC), without invisible characters, with single spaces between its words and none around."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", _JOINERS.sub("", _INVISIBLE.sub("", text)))
    return _SPACES.sub(" ", text).strip(" ")


def trimmed(text: str) -> str:
    """A file's name as it is spelled, without spaces around it; '' where nothing of it can be seen."""
    return text.strip(" \t\n\u00a0") if normalised(text) else ""


def alike(text: str) -> str:
    """A key that texts share which differ only in case or in characters that look the same."""
    if text.isascii():
        return normalised(text).replace("`", "'").casefold()
    text = unicodedata.normalize("NFKC", _VARIANTS.sub("", normalised(text)))
    return unicodedata.normalize("NFKC", _APOSTROPHES.sub("'", _DASHES.sub("-", text)).casefold())


def letters(text: str) -> str:
    """Only the letters and digits of a heading, in small letters."""
    return re.sub(r"[\W_]+", "", alike(text))


def control(text: str) -> str:
    """The first control character of a text as U+0000, or ''; tabs and line breaks are spaces."""
    found = _CONTROL.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def is_quoted(text: str) -> bool:
    """Whether a text begins and ends with quotation marks, of any kind."""
    return len(text) > 1 and text[-1] in _CLOSING.get(text[0], "")
