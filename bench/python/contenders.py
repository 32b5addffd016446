"""Runs one contender in its own process: `contenders.py NAME FILE [TIMES]` prints its times and memory as JSON.

It loads TIMES times (4). The first load is reported separately; of the others, the fastest counts. Before the first load,
another process fills the same amount of memory and ends: a virtual machine may have returned its free memory to its host,
and the first process to use that memory pays several times the cost of loading.

Each load is a function of the file's path that returns what it loaded. FILE is a safetensors file; next to it are the
same tensors as a pickle and as a torch checkpoint (`run.py` creates them).
"""

import json
import mmap
import os
import resource
import subprocess
import sys
import time


def _buffer(size, huge):
    buffer = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if huge:
        buffer.madvise(mmap.MADV_HUGEPAGE)
    return buffer


def _fill(path, buffer):
    descriptor = os.open(path, os.O_RDONLY)
    view, done = memoryview(buffer), 0
    while done < len(view):
        done += os.preadv(descriptor, [view[done:]], done)
    os.close(descriptor)
    return buffer


_touched = []


def preadv_touched(path):
    """The baseline: one read into memory that was used before."""
    if not _touched:
        _touched.append(_fill(path, _buffer(os.path.getsize(path), True)))
    return _fill(path, _touched[0])


def preadv_fresh(path):
    return _fill(path, _buffer(os.path.getsize(path), True))


def ours_numpy(path):
    import tensorgate.numpy
    return tensorgate.numpy.load_file(path)


def ours_numpy_mmap(path):
    import tensorgate.numpy
    return tensorgate.numpy.load_file(path, backend="mmap")


def ours_torch(path):
    import tensorgate.torch
    return tensorgate.torch.load_file(path)


def ours_torch_pread(path):
    import tensorgate.torch
    return tensorgate.torch.load_file(path, backend="pread")


def safetensors_numpy(path):
    import safetensors.numpy
    return safetensors.numpy.load_file(path)


def safetensors_numpy_pread(path):
    import safetensors.numpy
    return safetensors.numpy.load_file(path, backend="pread")


def safetensors_torch(path):
    import safetensors.torch
    return safetensors.torch.load_file(path)


def safetensors_torch_pread(path):
    import safetensors.torch
    return safetensors.torch.load_file(path, backend="pread")


def pickle_load(path):
    import pickle
    with open(path + ".pkl", "rb") as file:
        return pickle.load(file)


def torch_load(path):
    import torch
    return torch.load(path + ".pt")


def torch_load_weights_only(path):
    import torch
    return torch.load(path + ".pt", weights_only=True)


def torch_load_mmap(path):
    import torch
    return torch.load(path + ".pt", weights_only=True, mmap=True)


def ours_torch_load(path):
    import tensorgate.torch
    return tensorgate.torch.load(path + ".pt")


def ours_torch_load_mmap(path):
    import tensorgate.torch
    return tensorgate.torch.load(path + ".pt", mmap=True)


def runai(path):
    from runai_model_streamer import SafetensorsStreamer
    with SafetensorsStreamer() as streamer:
        streamer.stream_file(path)
        return dict(streamer.get_tensors())


def fastsafetensors(path):
    import torch  # noqa: F401
    from fastsafetensors import fastsafe_open
    with fastsafe_open([path], nogds=True, device="cpu") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def _touch(load):
    def loaded(path):
        result = load(path)
        for array in result.values():
            array.reshape(-1)[:: 4096 // array.itemsize if hasattr(array, "itemsize")
                              else 4096 // array.element_size()].sum()
        return result
    return loaded


LOADS = {name: value for name, value in list(globals().items())
         if callable(value) and not name.startswith("_")}
for _name in ("ours_numpy_mmap", "ours_torch", "safetensors_torch", "torch_load_mmap", "ours_torch_load_mmap"):
    LOADS[_name + "_touched"] = _touch(LOADS[_name])


def _fetch_memory(size):
    """Makes sure that the machine has `size` bytes of free memory available."""
    script = """
import mmap, sys
size = int(sys.argv[1])
buffer = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
buffer.madvise(mmap.MADV_HUGEPAGE)
for i in range(0, size, 4096):
    buffer[i] = 1
"""
    subprocess.run([sys.executable, "-c", script, str(size)], check=True)


def _status():
    with open("/proc/self/status", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
    return {key: int(lines[key].split()[0]) * 1024 for key in ("RssAnon", "RssFile", "VmHWM")}


def main():
    load, path = LOADS[sys.argv[1]], sys.argv[2]
    times = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    small = path + ".small"
    if sys.argv[1] not in ("preadv_touched", "preadv_fresh") and os.path.exists(small):
        load(small)  # imports and first uses are not measured
    _fetch_memory(3 * os.path.getsize(path))
    before = _status()
    seconds, cpu = [], []
    for _ in range(times):
        result = None  # frees what was loaded before
        start, used = time.perf_counter(), time.process_time()
        result = load(path)
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    after = _status()
    tensors, result = len(result), None
    best = min(range(min(1, times - 1), times), key=seconds.__getitem__)
    print(json.dumps({"seconds": seconds[best], "first": seconds[0], "cpu": cpu[best], "first_cpu": cpu[0],
                      "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before["VmHWM"],
                      "anonymous": after["RssAnon"] - before["RssAnon"],
                      "mapped": after["RssFile"] - before["RssFile"],
                      "kept": _status()["RssAnon"] - before["RssAnon"], "tensors": tensors}))


if __name__ == "__main__":
    main()
