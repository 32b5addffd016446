"""Run time of a Python that executes one statement: `importing.py STATEMENT` prints seconds as JSON."""

import json
import subprocess
import sys
import time

command = [sys.executable, "-c", sys.argv[1]]
seconds = []
for _ in range(5):
    start = time.perf_counter()
    subprocess.run(command, check=True)
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": min(seconds)}))
