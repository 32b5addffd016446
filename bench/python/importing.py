"""How long a Python takes that does one thing: `importing.py STATEMENT` prints seconds as JSON."""

import json
import subprocess
import sys
import time

command = [sys.executable, "-c", sys.argv[1]]
seconds = []
for _ in range(5):
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    seconds.append(time.perf_counter() - begun)
print(json.dumps({"seconds": min(seconds)}))
