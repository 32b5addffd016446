"""The command `tensorgate`, which is inside the wheel: `python -m tensorgate scan model.safetensors`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Becomes the command."""
    command = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "tensorgate")
    os.execv(command, ["tensorgate", *sys.argv[1:]])


if __name__ == "__main__":
    main()
