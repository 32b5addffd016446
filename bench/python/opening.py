"""`safe_open` and `keys()` of one file, in a separate process: `opening.py PACKAGE DIR TENSORS`."""

import json
import os
import sys
import time

import numpy

package, folder, tensors = sys.argv[1], sys.argv[2], int(sys.argv[3])
path = os.path.join(folder, f"open-{tensors}.safetensors")
if not os.path.exists(path):
    import tensorgate.numpy
    tensorgate.numpy.save_file({f"model.layers.{i}.self_attn.q_proj.weight": numpy.zeros(4, numpy.float32)
                                for i in range(tensors)}, path)
module = __import__(package)
times = max(5, 6000 // tensors)
best = []
for _ in range(9):
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        with module.safe_open(path, "np") as file:
            file.keys()
    best.append(((time.perf_counter() - start) / times, (time.process_time() - cpu) / times))
seconds, cpu = (sorted(each[k] for each in best)[len(best) // 2] for k in (0, 1))
print(json.dumps({"seconds": seconds, "cpu": cpu}))
