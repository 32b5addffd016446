"""The command `tensorgate`, which is part of the wheel: `python -m tensorgate scan model.safetensors`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Replaces this process by the command."""
    command = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "tensorgate")
    try:
        os.execv(command, ["tensorgate", *sys.argv[1:]])
    except OSError as error:
        print(f"tensorgate: {command}: {error.strerror}; is the package installed from a wheel?", file=sys.stderr)
        sys.exit(4)


if __name__ == "__main__":
    main()
