"""The store's disk: a file system in memory that can be made full, where mounting is permitted."""

import os
import subprocess
from pathlib import Path

ROOMY = 8 << 30


class Disk:
    """`folder` on a file system of its own. Full means that every further byte is refused with ENOSPC."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self.folder = folder
        self._mount("-t", "tmpfs", "-o", f"size={ROOMY},mode=755", "tmpfs")

    def fill(self) -> None:
        state = os.statvfs(self.folder)
        used = (state.f_blocks - state.f_bfree) * state.f_frsize
        # A writer may take more in between, and less than what is used is refused.
        for room in (1 << 16, 1 << 20, 1 << 24, 1 << 26):
            if not self._remount(used + room):
                return
        raise OSError("the file system cannot be made smaller")

    def free(self) -> None:
        self._remount(ROOMY)

    def _remount(self, size: int) -> int:
        done = subprocess.run(["mount", "-o", f"remount,size={size}", str(self.folder)], capture_output=True)
        return done.returncode

    def _mount(self, *words: str) -> None:
        subprocess.run(["mount", *words, str(self.folder)], check=True)
