"""A checkpoint of many shards, in a separate process: `sharded.py PACKAGE list|load DIR SHARDS` prints seconds as JSON.

tensorgate opens the index: it checks every shard's header, and the index against all of them. safetensors has no index
support: each file that the index names is opened separately, as loaders do.
"""

import json
import os
import sys
import time

import numpy

package, what, folder, shards = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
index = os.path.join(folder, f"sharded-{shards}", "model.safetensors.index.json")
TENSORS, ELEMENTS = 4, 16384


def make():
    from tensorgate.numpy import save_file
    os.makedirs(os.path.dirname(index))
    weight_map = {}
    for number in range(shards):
        name = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        arrays = {f"model.layers.{number}.{i}.weight": numpy.full(ELEMENTS, i, numpy.float32) for i in range(TENSORS)}
        save_file(arrays, os.path.join(os.path.dirname(index), name), {"format": "pt"})
        weight_map.update(dict.fromkeys(arrays, name))
    total = shards * TENSORS * ELEMENTS * 4
    with open(index, "w", encoding="utf-8") as file:
        json.dump({"metadata": {"total_size": total}, "weight_map": weight_map}, file)


def tensorgate_list():
    import tensorgate
    with tensorgate.safe_open(index, "np") as file:
        return len(file.keys())


def tensorgate_load():
    import tensorgate.numpy
    return len(tensorgate.numpy.load_file(index))


def files():
    with open(index, encoding="utf-8") as file:
        return [os.path.join(os.path.dirname(index), name) for name in sorted(set(json.load(file)["weight_map"].values()))]


def safetensors_list():
    import safetensors
    count = 0
    for path in files():
        with safetensors.safe_open(path, "np") as file:
            count += len(file.keys())
    return count


def safetensors_load():
    import safetensors.numpy
    tensors = {}
    for path in files():
        tensors.update(safetensors.numpy.load_file(path))
    return len(tensors)


if not os.path.exists(index):
    make()
run = globals()[f"{package}_{what}"]
times = []
for _ in range(6):
    start, cpu = time.perf_counter(), time.process_time()
    assert run() == shards * TENSORS
    times.append((time.perf_counter() - start, time.process_time() - cpu))
# The first time also imports.
seconds, cpu = (sorted(each[k] for each in times[1:])[2] for k in (0, 1))
print(json.dumps({"seconds": seconds, "cpu": cpu}))
