#!/usr/bin/env python3
"""Writes checkpoints of many kinds, each by the framework that people make it with, and made.json, which lists them.

    make_checkpoints.py DIR [--only KIND] [--real DIR]     --real: as written by scripts/fetch_real_files.py

Needs PyTorch; kinds whose framework is not installed are listed as skipped (requirements.txt has them all).
Nothing is downloaded: models are made from their configuration, with random weights.
"""
import argparse
import collections
import contextlib
import datetime
import decimal
import functools
import json
import os
import pathlib
import random
import sys
import tempfile
import traceback
import types
import uuid
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

NAMES_CHANGED = "convert/names-changed"
KINDS = {}


def kind(function):
    KINDS[function.__name__.replace("_", "-")] = function
    return function


class Maker:
    def __init__(self, folder, name):
        self.folder, self.kind, self.files = folder, name, []

    def path(self, suffix="", end=".pt"):
        return self.folder / (self.kind + (f"-{suffix}" if suffix else "") + end)

    def add(self, path, accepted=False, nothing=None, differs=(), unlisted=(), missing=()):
        """A file that was written. `accepted`: its verdict. `nothing`: a rule by which extraction may give nothing. `differs`: names
        of tensors that a class changes when it is loaded. `unlisted`: names that only the loader can know. `missing`: modules to
        replace by empty ones."""
        self.files.append({"kind": self.kind, "file": path.name, "accepted": accepted, "nothing": nothing, "differs": list(differs),
                           "unlisted": list(unlisted)})  # fmt: skip
        if missing:
            pathlib.Path(f"{path}.json").write_text(json.dumps({"missing": list(missing)}))

    def save(self, value, suffix="", expect=None, **options):
        import torch

        path = self.path(suffix)
        torch.save(value, path, **options)
        self.add(path, **(expect or {}))


def namespace():
    return argparse.Namespace(lr=0.1, epochs=3, names=["a", "b"], path=None)


def trained():
    """A model after two steps, and its optimizer."""
    import torch
    from classes import Net

    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, amsgrad=True)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(2, 3, 5, 5)).sum().backward()
        optimizer.step()
    return model, optimizer


# ---- Frameworks.


def lightning_model(**hyper):
    import pytorch_lightning as lightning
    import torch

    class Model(lightning.LightningModule):
        def __init__(self, **hyper):
            super().__init__()
            self.save_hyperparameters(*hyper)
            self.layer = torch.nn.Linear(4, 2)
            self.norm = torch.nn.BatchNorm1d(2)

        def training_step(self, batch, _):
            loss = self.norm(self.layer(batch[0])).pow(2).sum()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            optimizer = torch.optim.Adam(self.parameters())
            return [optimizer], [torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=50)]

    return Model(**hyper)


def lightning_checkpoint(maker, suffix, **hyper):
    import logging

    import pytorch_lightning as lightning
    import torch
    from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, StochasticWeightAveraging

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    model = lightning_model(**hyper)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(8, 4)), batch_size=4)
    with tempfile.TemporaryDirectory() as scratch:
        callbacks = [ModelCheckpoint(scratch, monitor="loss"), EarlyStopping("loss"), StochasticWeightAveraging(0.01, swa_epoch_start=1)]
        trainer = lightning.Trainer(max_epochs=3, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
                                    callbacks=callbacks, default_root_dir=scratch)  # fmt: skip
        trainer.fit(model, data)
        path = maker.path(suffix, ".ckpt")
        trainer.save_checkpoint(path)
    maker.add(path)


@kind
def lightning(maker):
    from classes import Phase, Settings

    lightning_checkpoint(maker, "objects", args=namespace(), phase=Phase.TEST, settings=Settings(), folder=pathlib.Path("data"))


@kind
def lightning_omegaconf(maker):
    from omegaconf import OmegaConf

    lightning_checkpoint(maker, "", config=OmegaConf.create({"model": {"width": 4, "depths": [1, 2]}, "lr": 0.1}))


@kind
def omegaconf(maker):
    from classes import Net
    from omegaconf import OmegaConf

    config = OmegaConf.create({"model": {"width": 4, "depths": [1, 2, 3]}, "lr": "${model.width}", "none": None})
    maker.save({"model": Net().state_dict(), "config": config}, "beside")
    maker.save({"config": config, "list": config.model.depths, "state_dict": Net().state_dict()}, "first")
    model, optimizer = trained()
    maker.save({"cfg": config, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}, "legacy",
               _use_new_zipfile_serialization=False)  # fmt: skip


def yolo(name):
    with contextlib.redirect_stdout(sys.stderr):
        from ultralytics.nn.tasks import DetectionModel

        return DetectionModel(name, verbose=False)


@kind
def ultralytics(maker):
    from copy import deepcopy

    import torch

    model = yolo("yolov8n.yaml")
    model.args = types.SimpleNamespace(task="detect", imgsz=640)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    checkpoint = {
        "epoch": -1, "best_fitness": None, "model": None, "ema": deepcopy(model).half(), "updates": 7, "optimizer": optimizer.state_dict(),
        "train_args": {"task": "detect"}, "train_metrics": {}, "date": datetime.datetime.now().isoformat(), "version": "8.3.50",
    }  # fmt: skip
    maker.save(checkpoint, "ema")
    maker.save({"model": model.half(), "date": datetime.datetime.now()}, "whole")
    from ultralytics.nn.tasks import SegmentationModel

    with contextlib.redirect_stdout(sys.stderr):
        maker.save({"model": SegmentationModel("yolov8n-seg.yaml", verbose=False), "epoch": 3}, "legacy", _use_new_zipfile_serialization=False)


@kind
def mmengine(maker):
    import torch
    from classes import Net
    from mmengine.config import Config, ConfigDict
    from mmengine.logging import HistoryBuffer, MessageHub
    from mmengine.model import ExponentialMovingAverage
    from mmengine.runner import save_checkpoint

    hub = MessageHub.get_instance("made")
    for step in range(4):
        hub.update_scalar("train/loss", torch.tensor(1.0 / (step + 1)))
        hub.update_info("iter", step)
    model, optimizer = trained()
    checkpoint = {
        "meta": {"epoch": 3, "iter": 7, "cfg": Config({"model": {"type": "Net"}}).pretty_text, "config": ConfigDict(a=ConfigDict(b=1)),
                 "experiment_name": "made", "time": "20240101", "mmengine_version": "0.10.5", "dataset_meta": {"classes": ("a", "b")}},
        "state_dict": model.state_dict(), "message_hub": hub.state_dict(), "optimizer": optimizer.state_dict(), "param_schedulers": [],
        "history": HistoryBuffer([1.0, 2.0], [1, 1]),
    }  # fmt: skip
    path = maker.path("runner", ".pth")
    save_checkpoint(checkpoint, str(path))
    # A ConfigDict in another one is an argument of a call, and leads to its class.
    maker.add(path, nothing=NAMES_CHANGED)
    maker.save({"ema": ExponentialMovingAverage(Net(), momentum=0.1), "hub": hub.state_dict()}, "ema")


@kind
def fairseq_like(maker):
    from classes import Phase

    model, optimizer = trained()
    checkpoint = {
        "args": namespace(), "cfg": None, "model": model.state_dict(), "criterion": None,
        "optimizer_history": [{"criterion_name": "CrossEntropy", "num_updates": 2}], "task_state": {"phase": Phase.TRAIN},
        "extra_state": {"epoch": 1, "train_iterator": {"offset": 0}}, "last_optimizer_state": optimizer.state_dict(),
    }  # fmt: skip
    maker.save(checkpoint)
    maker.save(checkpoint, "legacy", _use_new_zipfile_serialization=False)
    checkpoint["args"].weights = model.state_dict()
    maker.save(checkpoint, "weights-in-the-namespace")


@kind
def scikit_learn(maker):
    import numpy as np
    from classes import Net
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = np.random.default_rng(1).random((20, 3)), np.arange(20) % 2
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    trees = [RandomForestClassifier(3).fit(x, y), GradientBoostingClassifier(n_estimators=3).fit(x, y)]
    maker.save({"encoder": Net().state_dict(), "scaler": StandardScaler().fit(x)}, "scaler")
    maker.save({"pipeline": pipeline, "encoder": Net().state_dict()}, "pipeline")
    maker.save({"encoder": Net().state_dict(), "trees": trees, "threshold": np.float64(0.5)}, "trees",
               expect={"nothing": NAMES_CHANGED})  # fmt: skip


@kind
def ema(maker):
    import torch
    from classes import Average, Net
    from torch.optim.swa_utils import SWALR, AveragedModel

    model, optimizer = trained()
    maker.save({"model": model.state_dict(), "ema": Average(model)}, "own")
    averaged = AveragedModel(model)
    averaged.update_parameters(model)
    maker.save({"swa": averaged, "args": namespace()}, "averaged-model")
    maker.save({"swa": averaged.state_dict(), "args": namespace()}, "averaged-state")
    maker.save({"scheduler": SWALR(optimizer, 0.1), "model": model}, "scheduler")


@kind
def torch_ema(maker):
    from classes import Net
    from torch_ema import ExponentialMovingAverage

    model = Net()
    average = ExponentialMovingAverage(model.parameters(), decay=0.9)
    average.update()
    maker.save({"model": model.state_dict(), "ema": average.state_dict(), "args": namespace()}, "state")
    average._params_refs = None  # weak references, which no pickle can hold
    maker.save({"model": model.state_dict(), "ema": average}, "object")


@kind
def timm(maker):
    import timm
    import timm.utils
    import torch

    model = timm.create_model("resnet10t", pretrained=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tempfile.TemporaryDirectory() as scratch:
        args = argparse.Namespace(model="resnet10t", lr=0.1)
        saver = timm.utils.CheckpointSaver(model, optimizer, args=args, model_ema=timm.utils.ModelEmaV2(model), checkpoint_dir=scratch,
                                           recovery_dir=scratch)  # fmt: skip
        saver.save_checkpoint(3, metric=0.5)
        path = maker.path("saver", ".pth.tar")
        path.write_bytes((pathlib.Path(scratch) / "checkpoint-3.pth.tar").read_bytes())
    maker.add(path)
    maker.save(timm.utils.ModelEmaV3(timm.create_model("vit_tiny_patch16_224", depth=2)), "ema-v3")
    maker.save(model, "whole")


@kind
def torchvision(maker):
    import torchvision

    maker.save(torchvision.models.resnet18(), "resnet18")
    maker.save({"model": torchvision.models.mobilenet_v3_small(), "args": namespace()}, "mobilenet", _use_new_zipfile_serialization=False)
    maker.save(torchvision.models.vit_b_16(image_size=32, num_classes=2).half().encoder.layers[0], "encoder-layer")


@kind
def transformers(maker):
    from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

    bert = BertModel(BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8, max_position_embeddings=16))
    maker.save(bert, "bert")
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=30, n_positions=16, n_embd=8, n_layer=2, n_head=2))
    maker.save(gpt2, "gpt2-tied")
    t5 = T5ForConditionalGeneration(T5Config(vocab_size=30, d_model=8, d_kv=4, d_ff=8, num_layers=2, num_heads=2))
    maker.save({"model": t5, "config": t5.config}, "t5", _use_new_zipfile_serialization=False)
    maker.save({"state_dict": bert.state_dict(), "config": bert.config}, "config-beside")


@kind
def torchmetrics(maker):
    import torch
    from classes import Small
    from torchmetrics import MeanMetric, MetricCollection
    from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix

    metrics = MetricCollection([MulticlassAccuracy(3), MulticlassConfusionMatrix(3)])
    metrics.update(torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1]))
    mean = MeanMetric()
    mean.update(2.0)
    # __getnewargs__ makes the creation of a metric a call with arguments, so that its state with functions is passed to it.
    maker.save({"model": Small().state_dict(), "mean": mean}, "mean", expect={"nothing": NAMES_CHANGED})
    maker.save({"model": Small().state_dict(), "metrics": metrics}, "collection", expect={"nothing": NAMES_CHANGED})


@kind
def configurations(maker):
    """Classes of configurations that are dicts themselves."""
    from addict import Dict
    from classes import Small
    from easydict import EasyDict
    from yacs.config import CfgNode

    config = CfgNode({"MODEL": CfgNode({"WIDTH": 4, "MEAN": [0.5, 0.5]}), "LR": 0.1})
    maker.save({"model": Small().state_dict(), "cfg": config}, "yacs")
    maker.save({"model": Small().state_dict(), "cfg": EasyDict({"a": {"b": 1}})}, "easydict")
    maker.save({"model": Small().state_dict(), "cfg": Dict({"a": {"b": 1}})}, "addict")
    # Its items are arguments of the call that makes it.
    unlisted = ["cfg.weights.layer.weight", "cfg.weights.layer.bias"]
    maker.save({"cfg": Dict({"weights": Small().state_dict()})}, "weights-in-addict", expect={"unlisted": unlisted})
    maker.save({"cfg": EasyDict({"weights": Small().state_dict(), "a": 1})}, "weights-in-easydict")


@kind
def data_parallel(maker):
    """The prefixes `module.` and `_orig_mod.`."""
    import torch
    from classes import Net

    model = torch.nn.DataParallel(Net())
    maker.save({"state_dict": model.state_dict(), "args": namespace()}, "state")
    maker.save(model, "whole")
    with tempfile.TemporaryDirectory() as scratch:
        torch.distributed.init_process_group("gloo", init_method=f"file://{scratch}/store", rank=0, world_size=1)
        distributed = torch.nn.parallel.DistributedDataParallel(Net())
        maker.save({"model": distributed.state_dict(), "args": namespace()}, "distributed")
        torch.distributed.destroy_process_group()


@kind
def compiled(maker):
    import torch
    from classes import Net

    model = torch.compile(Net(), backend="eager")
    maker.save({"model": model.state_dict(), "args": namespace()}, "state")
    maker.save({"model": model}, "whole", expect={"nothing": NAMES_CHANGED})


@kind
def training_state(maker):
    """Optimizer, scheduler, scaler and generators of random numbers."""
    import numpy as np
    import torch

    model, optimizer = trained()
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    scheduler.step()
    numbers = {"torch": torch.get_rng_state(), "numpy": np.random.get_state(), "python": random.getstate(), "generator": np.random.default_rng(1)}
    checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "rng": numbers,
                  "epoch": np.int64(3), "best": np.float32(0.5)}  # fmt: skip
    maker.save(checkpoint, "states")
    maker.save(checkpoint, "legacy", _use_new_zipfile_serialization=False)
    maker.save({"optimizer": optimizer, "model": model}, "whole-optimizer")
    maker.save({"scheduler": scheduler, "model": model.state_dict()}, "whole-scheduler")
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    functions = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=5)
    maker.save({"model": model.state_dict(), "schedulers": [plateau.state_dict(), functions.state_dict()], "args": namespace()}, "schedulers")
    lbfgs = torch.optim.LBFGS(model.parameters(), max_iter=2)
    lbfgs.step(lambda: model(torch.ones(2, 3, 5, 5)).pow(2).sum())
    maker.save({"optimizer": lbfgs.state_dict(), "args": namespace()}, "lbfgs")
    maker.save({"scaler": torch.amp.GradScaler("cpu"), "generator": torch.Generator().manual_seed(1).get_state(), "model": model}, "scaler")


# ---- Whole modules.


@kind
def whole_module(maker):
    import torch
    from classes import Net

    for suffix, zipped in (("zip", True), ("legacy", False)):
        maker.save(Net(), suffix, _use_new_zipfile_serialization=zipped)
        maker.save({"epoch": 1, "model": Net().half(), "args": namespace()}, f"{suffix}-half-beside", _use_new_zipfile_serialization=zipped)
    encoder = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8, 2, 8), 2, enable_nested_tensor=False)
    maker.save(encoder, "transformer")
    maker.save({"lstm": torch.nn.LSTM(4, 3, 2, bidirectional=True), "gru": torch.nn.GRU(3, 3)}, "recurrent")
    maker.save([torch.nn.MultiheadAttention(4, 2), torch.nn.Conv1d(2, 2, 3, padding="same", padding_mode="circular"), torch.nn.GroupNorm(2, 4),
                torch.nn.InstanceNorm2d(2, affine=True, track_running_stats=True), torch.nn.Bilinear(2, 2, 2), torch.nn.PReLU()], "layers")  # fmt: skip


@kind
def module_that_restores(maker):
    from classes import Restores, Small

    maker.save({"plain": Small(), "model": Restores()}, expect={"differs": ["model.layer.weight"]})


@kind
def containers(maker):
    import torch
    from classes import Small
    from torch import nn

    parameters = [nn.Parameter(torch.full((2,), float(n))) for n in range(4)]
    maker.save(nn.ModuleDict({"list": nn.ModuleList([Small(), Small()]), "chain": nn.Sequential(collections.OrderedDict(one=Small(), two=nn.ReLU()))}),
               "modules")  # fmt: skip
    maker.save(nn.ParameterList(parameters), "parameter-list")
    maker.save({"model": nn.ParameterDict({"a": parameters[0], "b": parameters[1]})}, "parameter-dict")
    maker.save(nn.ParameterList([parameters[0], torch.arange(3.0), "text"]), "mixed-list")


@kind
def buffers(maker):
    import torch
    from torch import nn

    model = nn.Module()
    model.register_buffer("kept", torch.arange(3))
    model.register_buffer("lost", torch.arange(4), persistent=False)
    model.inner = nn.Module()
    model.inner.register_buffer("lost", torch.arange(5), persistent=False)
    model.inner.register_buffer("shared", model.kept)
    model.attribute = torch.arange(6)
    model.inner.listed = [torch.arange(2)]
    maker.save(model, "non-persistent")


@kind
def hooks(maker):
    """Old weight norm and spectral norm, which keep objects and functions in hooks."""
    import torch
    from classes import Small, hook

    model = torch.nn.Sequential(torch.nn.utils.weight_norm(torch.nn.Linear(3, 2)), torch.nn.utils.spectral_norm(torch.nn.Linear(2, 2)))
    maker.save({"model": model}, "weight-norm")
    model = Small()
    model.register_forward_pre_hook(hook)
    model.register_full_backward_pre_hook(hook)
    maker.save(model, "forward")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weight = torch.nn.Parameter(torch.ones(2))
        weight.note, weight.number = "a text", 3
        maker.save({"weight": weight, "args": namespace()}, "parameter-attributes")


# ---- Values beside the weights.


def mixed():
    import numpy as np
    import torch
    from classes import Net, Pair, Phase, Settings

    return {
        "args": namespace(), "state": Net().state_dict(), "model": Net(), "settings": Settings(weights=torch.arange(4.0)), "phase": Phase.TEST,
        "pair": Pair(torch.ones(2), [torch.zeros(3)]), "path": pathlib.PurePosixPath("a/b"), "when": datetime.datetime(2024, 1, 2, 3, 4, 5),
        "epoch": np.int64(3), "list": [torch.arange(2), (torch.arange(3), {"deep": torch.arange(4)})], 7: torch.arange(7), None: torch.arange(1),
        True: torch.arange(8), "empty": torch.zeros(0, 3), "scalar": torch.tensor(5), "long": 2**70, "bytes": b"\x00\xff", "set": {1, 2},
    }  # fmt: skip


@kind
def protocols(maker):
    for protocol in (1, 2, 3, 4, 5):
        for suffix, zipped in (("zip", True), ("legacy", False)):
            # Nothing recognizes a legacy stream of protocol 1.
            expect = {"nothing": "convert/nothing-extracted"} if (protocol, zipped) == (1, False) else {}
            if protocol == 1:  # a named tuple is made by a call that gets all its items as one tuple, and its class
                expect.update(unlisted=["pair.0", "pair.1.0"])
                expect.setdefault("nothing", NAMES_CHANGED)
            maker.save(mixed(), f"{protocol}-{suffix}", expect, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)


@kind
def numpy(maker):
    import numpy as np
    from classes import Small

    arrays = {
        "float": np.arange(6.0).reshape(2, 3), "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)), "big-endian": np.arange(3, dtype=">i4"),
        "object": np.array([1, "a", None], dtype=object), "records": np.zeros(2, dtype=[("a", "<f4"), ("b", "<i8")]), "text": np.array(["ab", "c"]),
        "empty": np.zeros((0, 3)), "time": np.array(["2024-01-01"], dtype="datetime64[D]"), "bool": np.array([True]), "complex": np.ones(2, dtype=complex),
        "masked": np.ma.masked_array([1, 2], [True, False]), "matrix": np.matrix([[1.0]]),
    }  # fmt: skip
    scalars = {"i8": np.int64(1), "f4": np.float32(0.5), "bool": np.bool_(True), "str": np.str_("a"), "complex": np.complex64(1j)}
    maker.save({"model": Small().state_dict(), "scalars": scalars}, "scalars")
    maker.save({"arrays": arrays, "model": Small().state_dict(), "dtype": np.dtype("f4"), "ufunc": np.add}, "arrays")
    maker.save({"model": Small().state_dict(), "generator": np.random.default_rng(3), "legacy": np.random.RandomState(3)}, "generators")


@kind
def plain_objects(maker):
    import torch
    from classes import Bag, Frozen, Net, Pair, Phase, Settings, Slots, SlotsAndMore, Stack, Vocabulary

    beside = {
        "settings": Settings(), "phase": [Phase.TRAIN, Phase.TEST], "path": pathlib.Path("a/b"), "when": datetime.datetime.now(datetime.timezone.utc),
        "day": datetime.date(2024, 1, 2), "span": datetime.timedelta(1), "default": collections.defaultdict(list, a=[1]), "count": collections.Counter("aab"),
        "deque": collections.deque([1, 2], maxlen=3), "chain": collections.ChainMap({"a": 1}), "frozen": frozenset({1}), "range": range(3), "slice": slice(1, 2),
        "complex": 1j, "decimal": decimal.Decimal("1.5"), "uuid": uuid.UUID(int=1), "exception": ValueError("a"), "vocabulary": Vocabulary(["a", "b"]),
        "device": torch.device("cpu"), "dtype": torch.float16, "size": torch.Size([1, 2]), "space": types.SimpleNamespace(a=1), "class": Settings, "ellipsis": ...,
        "bytes": bytearray(b"ab"), "function": len, "layout": torch.strided,
    }  # fmt: skip
    for name, each in beside.items():
        accepted = name in ("count", "device", "dtype", "size", "complex", "bytes", "layout")
        maker.save({"first": torch.arange(3), name: each, "state": Net().state_dict()}, f"beside-{name}", {"accepted": accepted})
    bag, stack, slots, more = Bag(a=torch.arange(2), b={"c": torch.arange(3)}), Stack([torch.arange(4), [torch.arange(5)]]), Slots(), SlotsAndMore()
    bag.note = torch.arange(6)
    stack.note = torch.arange(7)
    slots.weight, slots.bias = torch.arange(8), [torch.arange(9)]
    more.weight, more.other = torch.arange(10), torch.arange(11)
    holding = {
        "settings": Settings(weights={"a": torch.arange(2)}), "frozen": Frozen(torch.arange(3)), "pair": Pair(torch.arange(4), 1), "bag": bag, "stack": stack,
        "slots": slots, "more": more, "space": types.SimpleNamespace(weight=torch.arange(5)), "default": collections.defaultdict(dict, a={"b": torch.arange(6)}),
        "deque": collections.deque([torch.arange(7)]), "counter": collections.Counter(a=1), "set": {1}, "range": range(2),
    }  # fmt: skip
    # A deque has positions in Python, but no names in a checkpoint.
    maker.save(holding, "holding")
    maker.save(Settings(weights=[Settings(weights=torch.arange(2))]), "root")


@kind
def partial(maker):
    import torch
    from classes import Net

    maker.save({"act": functools.partial(torch.nn.GELU, approximate="tanh"), "model": Net(), "build": functools.partial(Net)}, "beside")
    maker.save({"loss": functools.partial(torch.nn.functional.cross_entropy, weight=torch.arange(3.0)), "state": Net().state_dict()}, "holding")


# ---- Tensors.


@kind
def tied(maker):
    import torch
    from classes import Tied

    maker.save(Tied(), "whole")
    maker.save({"model": Tied().state_dict(), "args": namespace()}, "state")
    weight = torch.nn.Parameter(torch.ones(2))
    maker.save({"a": weight, "b": {"c": weight}, "d": [weight, weight], "args": namespace()}, "parameter")
    shared = {"x": torch.arange(3)}
    maker.save({"one": shared, "two": shared, "three": [shared], "args": namespace()}, "dict")


@kind
def shared_storage(maker):
    import torch

    base = torch.arange(24.0)
    views = {"base": base, "matrix": base.view(4, 6), "transposed": base.view(4, 6).t(), "row": base.view(4, 6)[1], "column": base.view(4, 6)[:, 2],
             "every-second": base[::2], "expanded": base[:1].expand(5), "empty": base[:0], "last": base[23:]}  # fmt: skip
    maker.save({**views, "args": namespace()}, "views")
    maker.save({**views, "args": namespace()}, "views-legacy", _use_new_zipfile_serialization=False)
    maker.save({"weight": base.view(4, 6), "storage": base.storage(), "args": namespace()}, "storage")


@kind
def parameters(maker):
    import torch

    names = {f"layer{n}.weight": torch.nn.Parameter(torch.randn(2, 2), requires_grad=n % 2 == 0) for n in range(3)}
    maker.save({**names, "args": namespace()}, "dict")
    maker.save([*names.values(), namespace()], "list")
    maker.save((namespace(), {"a.b": names["layer0.weight"], "a": {"b": torch.ones(1), "c": torch.ones(2)}}), "one-name-twice")
    leaf = torch.ones(2, requires_grad=True)
    maker.save({"leaf": leaf, "args": namespace()}, "gradients")


@kind
def dtypes(maker):
    import torch

    names = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64", "bool", "complex64",
             "complex128", "complex32", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]  # fmt: skip
    values = {}
    for name in filter(functools.partial(hasattr, torch), names):
        raw = torch.arange(32, dtype=torch.uint8) % 2 if name == "bool" else torch.arange(32, dtype=torch.uint8)
        values[name] = raw.view(getattr(torch, name))
    maker.save({**values, "args": namespace()}, "zip")
    # Storages in the legacy stream have a class for each of the old dtypes.
    old = {name: each for name, each in values.items() if not name.startswith("float8") and name not in ("uint16", "uint32", "uint64", "complex32")}
    maker.save({**old, "args": namespace()}, "legacy", _use_new_zipfile_serialization=False)
    maker.save({"half": torch.arange(3.0).half(), "args": namespace(), "conj": torch.ones(2, dtype=torch.complex64).conj(),
                "negative": torch.ones(2, dtype=torch.complex64).conj().imag, "plain": torch.ones(2, dtype=torch.complex64)}, "conjugate")  # fmt: skip


@kind
def sparse(maker):
    import torch

    dense = torch.eye(3)
    maker.save({"coo": dense.to_sparse(), "csr": dense.to_sparse_csr(), "weight": dense, "args": namespace()})


@kind
def quantized(maker):
    import torch
    from classes import Small

    plain = torch.randn(3, 2)
    per_tensor = torch.quantize_per_tensor(plain, 0.1, 3, torch.qint8)
    per_channel = torch.quantize_per_channel(plain, torch.ones(2), torch.zeros(2, dtype=torch.long), 1, torch.quint8)
    maker.save({"tensor": per_tensor, "channel": per_channel, "weight": plain, "args": namespace()}, "tensors")
    model = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(Small(), torch.nn.Linear(2, 2)), {torch.nn.Linear}, torch.qint8)
    maker.save({"model": model, "plain": Small()}, "dynamic")


@kind
def subclasses(maker):
    import torch
    from classes import Marked

    marked = torch.arange(3.0).as_subclass(Marked)
    with_state = torch.arange(4.0)
    with_state.note = "a text"
    maker.save({"note": with_state, "weight": torch.arange(5.0), "args": namespace()}, "attributes")
    if hasattr(torch, "compile"):  # 1.13 cannot load the first one itself, and passes functions to a class in the second one
        maker.save({"marked": marked, "weight": torch.arange(5.0), "args": namespace()}, "beside")
        maker.save({"uninitialized": torch.nn.LazyLinear(2), "weight": torch.arange(5.0)}, "lazy", {"nothing": NAMES_CHANGED})
    maker.save({"nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "weight": torch.arange(5.0), "args": namespace()}, "nested")
    maker.save({"meta": torch.empty(2, device="meta"), "weight": torch.arange(5.0), "args": namespace()}, "meta")


@kind
def other_picklers(maker):
    import cloudpickle
    import torch
    from classes import Net

    class Local(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 2)

    maker.save({"model": Net(), "f": len}, "cloudpickle", pickle_module=cloudpickle)
    maker.save({"state": Net().state_dict(), "act": lambda value: value + 1}, "lambda", {"nothing": NAMES_CHANGED}, pickle_module=cloudpickle)
    maker.save({"model": Local(), "state": Net().state_dict()}, "class-by-value", pickle_module=cloudpickle, expect={"nothing": NAMES_CHANGED})


@kind
def dill(maker):
    import dill
    from classes import Net

    maker.save({"state": Net().state_dict(), "act": lambda value: value + 1}, "lambda", pickle_module=dill, expect={"nothing": NAMES_CHANGED})


@kind
def old_stream(maker):
    """What old versions of PyTorch wrote: the sources of modules beside their classes, and views in persistent ids."""
    from classes import Net

    maker.save({"model": Net(), "args": namespace()}, "module", _use_new_zipfile_serialization=False)


# Published files of scripts/fetch_real_files.py, with the modules that are too heavy to install.
REAL = {"pt-zip-whisperx-vad": ["pyannote.audio.core.model", "pyannote.audio.core.task"], "pt-zip-sevennet-0": []}


def add_real(folder, real):
    files = []
    for name, missing in REAL.items():
        for path in sorted((real / name).glob("*")) if (real / name).is_dir() else ():
            maker = Maker(folder, f"published-{name}")
            target = maker.path("", path.suffix)
            target.write_bytes(path.read_bytes())
            maker.add(target, missing=missing)
            files += maker.files
    return files


def make(folder, name):
    """Runs one maker in a process of its own, since frameworks change PyTorch; returns its files, or why there are none."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        maker, why = Maker(folder, name), None
        try:
            os.dup2(2, 1)
            import torch

            warnings.simplefilter("ignore")
            torch.manual_seed(1)
            random.seed(1)
            KINDS[name](maker)
        except ImportError as error:
            why = f"{error}"
        except BaseException as error:
            traceback.print_exc()
            why = f"{type(error).__name__}: {error}"[:300]
        with os.fdopen(write, "w") as stream:
            json.dump({"files": maker.files, "why": why}, stream)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return json.loads(text) if text else {"files": [], "why": "the process ended"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", help="only kinds whose name has this text")
    parser.add_argument("--real", type=pathlib.Path, help="a folder of scripts/fetch_real_files.py")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    files, skipped = [], {}
    for name in KINDS:
        if arguments.only and arguments.only not in name:
            continue
        result = make(arguments.folder, name)
        files += result["files"]
        if result["why"]:
            skipped[name] = result["why"]
    if arguments.real:
        files += add_real(arguments.folder, arguments.real)
    (arguments.folder / "made.json").write_text(json.dumps({"files": files, "skipped": skipped}, indent=1))
    print(f"{len(files)} files of {len({each['kind'] for each in files})} kinds")
    for name, why in skipped.items():
        print(f"not made, or not all of it: {name}: {why}")


if __name__ == "__main__":
    main()
