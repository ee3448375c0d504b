"""Where a command prints; if nobody reads any more, the command goes on."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console

UNREAD = "Nobody reads what is printed here any more. The command goes on, and what it writes is kept."


class Terminal(Console):
    """rich's console, which would end the process when the reader of a pipe is gone (`silktune … | head`)."""

    def __init__(self, *, long: bool = False, **options: Any) -> None:
        """Prints nothing yet.

        Args:
            long: whether the command takes so long that a person should hear, on stderr, that it goes on.
            options: of rich's console.
        """
        super().__init__(emoji=False, **options)
        self.long = long

    def on_broken_pipe(self) -> None:
        """Called by rich; from here on what is printed goes nowhere."""
        self.quiet = True
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self.file.fileno())
        if self.long:
            Terminal(stderr=True, highlight=False, soft_wrap=True).print(UNREAD, style="yellow")
