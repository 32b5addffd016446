"""One way to save 300 tensors, in a separate process: `savers.py NAME DIR MEGABYTES` prints seconds as JSON."""

import json
import os
import sys
import time

import numpy

name, folder, megabytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
rows = max(megabytes * 1000 * 1000 // (300 * 4096), 1)
block = numpy.empty((300, rows, 1024), numpy.float32)
block[...] = numpy.arange(1024, dtype=numpy.float32)
arrays = {f"model.layers.{i}.weight": block[i] for i in range(300)}
path = os.path.join(folder, f"saved-{name}")


def write():
    with open(path, "wb", buffering=0) as file:
        view, done = memoryview(block).cast("B"), 0
        while done < len(view):
            done += file.write(view[done:])
        if name.endswith("_sync"):
            os.fsync(file.fileno())


def ours():
    import tensorgate.numpy
    tensorgate.numpy.save_file(arrays, path, sync=name.endswith("_sync"))


def safetensors():
    import safetensors.numpy
    safetensors.numpy.save_file(arrays, path)
    if name.endswith("_sync"):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def pickle_dump():
    import pickle
    with open(path, "wb") as file:
        pickle.dump(arrays, file, protocol=5)


def torch_save():
    import torch
    torch.save({key: torch.from_numpy(value) for key, value in arrays.items()}, path)


save = globals()[name.removesuffix("_sync")]
for _ in range(2):
    if os.path.exists(path):
        os.remove(path)
    start, cpu = time.perf_counter(), time.process_time()
    save()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
os.remove(path)
print(json.dumps({"seconds": seconds, "cpu": cpu}))
