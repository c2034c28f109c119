"""Runs a program in the virtual environment that has its clients."""

import os
import sys

from harness.toolbox import Unavailable
from harness.tools import TOOLS


def interpreter(tool: str = "python") -> str:
    return str(TOOLS[tool].ensure() / "bin/python")


def enter(tool: str = "python") -> None:
    """Replaces this process by the same program under that environment's Python."""
    try:
        wanted = interpreter(tool)
    except Unavailable as reason:
        sys.exit(f"{tool} is left out: {reason}")
    if os.path.abspath(sys.executable) != wanted:
        os.execv(wanted, [wanted, *sys.argv])
