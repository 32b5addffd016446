"""Checkpoints whose pickle changes tensors, or the functions that make them, without naming them to foreign code.

TRICKS: as in extraction_tricks.py.
"""
import struct

from extraction_maker import stream
from extraction_tricks import CALL, DROP, GETATTR, OURS, T0, T1, T2, arguments, file, get, mapping, module, new, pair, put, root, tensor
from made_checkpoints import name, number, text

HERE = "extraction_indirect_classes"
IMPORT = name("importlib", "import_module")
SETATTR = name("__builtin__", "setattr")
GETITEM = name("operator", "getitem")
PARTIAL = name("functools", "partial")
INT32 = name("torch", "int32")


def here(kind):
    return name(HERE, kind) + b")\x81"


def call(function, *arguments):
    return function + b"(" + b"".join(arguments) + b"tR"


def getattribute(base, *words):
    for word in words:
        base = call(GETATTR, base, text(word))
    return base


UTILS = call(IMPORT, text("torch._utils"))
REPLACED = mapping(_rebuild_tensor_v2=here("Wrong"))
TYPES = name("torch.storage", "_storage_type_to_dtype_map")
GLOBALS = name("__builtin__", "globals")
FACTORY = name("collections", "defaultdict")
TENSOR_CLASS = getattribute(T1, "__class__")
NOTHING = ([], ["w"])


def before(code, protocol=2):
    return file(code + DROP + mapping(w=T0, v=T2), protocol=protocol)


legacy_tensor = T0.replace(b"tQ", b"NtQ")


def legacy(body):
    return stream(b"\x80\x02" + body + b".", {"0": (4, struct.pack("<4f", 1, 2, 3, 4))})


TRICKS = {
    # The result of a call can be a module or the dictionary of one.
    "state-of-an-imported-module": (before(UTILS + REPLACED + b"b"), *NOTHING),
    "slots-of-an-imported-module": (before(UTILS + b"N" + REPLACED + b"\x86b"), *NOTHING),
    "setattr-of-an-imported-module": (before(call(SETATTR, UTILS, text("_rebuild_tensor_v2"), here("Wrong"))), *NOTHING),
    "imported-module-in-a-list": (before(call(name(OURS, "change"), UTILS, text("_rebuild_tensor_v2"), here("Wrong"))), *NOTHING),
    "import-by-builtin": (before(call(SETATTR, getattribute(call(name("__builtin__", "__import__"), text("torch")), "_utils"),
                                      text("_rebuild_tensor_v2"), here("Wrong"))), *NOTHING),
    "items-of-a-shared-mapping": (before(call(TYPES) + text("FloatStorage") + INT32 + b"s"), *NOTHING),
    "shared-mapping-by-inst": (before(b"(itorch.storage\n_storage_type_to_dtype_map\n" + text("FloatStorage") + INT32 + b"s"), *NOTHING),
    "shared-mapping-by-obj": (before(b"(" + TYPES + b"o" + text("FloatStorage") + INT32 + b"s"), *NOTHING),
    "globals-of-the-loader": (before(call(GLOBALS) + text("StorageType") + here("Types") + b"s"), *NOTHING),
    "shared-mapping-given": (before(call(name("operator", "setitem"), call(TYPES), text("FloatStorage"), INT32)), *NOTHING),
    "all-objects": (file(mapping(w=T0, v=T2) + call(name(HERE, "overwrite_all"), call(name("gc", "get_objects"))) + DROP), *NOTHING),
    # An attribute of a tensor leads to its class and to the globals of its methods.
    "setattr-of-a-tensor's-class": (before(call(SETATTR, TENSOR_CLASS, text("set_"), here("Wrong"))), *NOTHING),
    "attribute-that-is-only-read": (before(getattribute(T1, "backward", "__globals__", "__class__")), ["w"], []),
    "globals-of-a-method": (file(getattribute(T1, "backward", "__globals__") + text("_rebuild_from_type_v2") + here("Wrong") + b"s" + DROP +
                                 mapping(w=call(name("torch._tensor", "_rebuild_from_type_v2"), name("torch._utils", "_rebuild_tensor_v2"),
                                                name("torch", "Tensor"), arguments("0"), b"}"))), *NOTHING),
    "metaclass-of-a-tensor": (before(call(getattribute(T1, "__class__", "__class__", "__setattr__"), TENSOR_CLASS, text("set_"), here("Wrong"))),
                              *NOTHING),
    # A factory is called for a key that is not there.
    "factory-of-a-defaultdict": (file(mapping(w=T0 + put(0), v=T2) + call(GETITEM, call(FACTORY, call(PARTIAL, CALL, get(0))), text("x")) + DROP),
                                 [], ["w"]),
    "method-as-a-factory": (file(mapping(w=T0 + put(0), v=T2) + call(GETITEM, call(FACTORY, getattribute(get(0), "zero_")), text("x")) + DROP),
                            [], ["w"]),
    "setattr-as-a-factory": (before(call(GETITEM, call(FACTORY, call(PARTIAL, SETATTR, name("torch", "_utils"), text("_rebuild_tensor_v2"),
                                                                   here("Wrong"))), text("x"))), *NOTHING),
    # Functions that were taken for constructors.
    "generator-by-a-function": (file(mapping(w=T0 + put(0), v=T2) +
                                     call(name("numpy.random._pickle", "__generator_ctor"), get(0), name(HERE, "generator")) + DROP), [], ["w"]),
    "items-of-a-frozenset": (file(mapping(w=T0 + put(0), v=T2) + call(name("__builtin__", "frozenset"), b"]" + here("Hashed") +
                                  mapping(t=get(0)) + b"ba") + DROP), ["v"], ["w"]),
    "items-of-a-set": (file(mapping(w=T0 + put(0), v=T2) + call(name("__builtin__", "set"), b"]" + here("Hashed") +
                            mapping(t=get(0)) + b"ba") + DROP), ["v"], ["w"]),
    "items-of-a-counter": (file(mapping(w=T0 + put(0), v=T2) + call(name("collections", "Counter"), b"]" + here("Hashed") +
                                mapping(t=get(0)) + b"ba") + DROP), ["v"], ["w"]),
    "kind-of-a-parameter": (file(mapping(w=T0 + put(0), v=T2) + call(name("inspect", "Parameter"), text("x"), here("Kind") +
                                 mapping(t=get(0)) + b"b") + DROP), ["v"], ["w"]),
    "class-with-a-parameter": (file(mapping(w=T0 + put(0), v=T2) + call(GETITEM, name(HERE, "Parameterized"), get(0)) + DROP), [], ["w"]),
    "type-of-a-masked-array": (file(mapping(w=T0 + put(0), v=T2) + call(
        name("numpy.ma.core", "_mareconstruct"), name(HERE, "Masked"), name("numpy", "ndarray"), number(0) + b"\x85",
        here("Typed") + mapping(t=get(0), dtype=name("numpy", "float32")) + b"b") + DROP), [], ["w"]),
    # Keys of a foreign mapping or sequence that are equal.
    "item-of-true": (root(("d", here("Pairs") + number(1) + T0 + b"s\x88" + T1 + b"s"), ("v", T2)), [], ["d.1", "d.True"]),
    "item-of-a-float": (root(("d", here("Pairs") + number(1) + T0 + b"sG\x3f\xf0\0\0\0\0\0\0" + T1 + b"s"), ("v", T2)), [], ["d.1"]),
    "item-of-a-complex": (root(("d", here("Pairs") + number(1) + T0 + b"s" + call(name("__builtin__", "complex"), number(1), number(0)) + T1 + b"s"),
                                ("v", T2)), [], ["d.1"]),
    "item-twice": (root(("d", here("Pairs") + pair("w", T0) + pair("w", T1)), ("v", T2)), [], ["d.w"]),
    "negative-index": (root(("l", new("Row") + T0 + b"a" + number(-1) + T1 + b"s"), ("v", T2)), [], ["l.0"]),
    "false-as-an-index": (root(("l", new("Row") + T0 + b"a\x89" + T1 + b"s"), ("v", T2)), [], ["l.0", "l.False"]),
    "key-that-numpy-made": (root(("d", b"}" + number(1) + T0 + b"s" + call(
        name("numpy.core.multiarray", "scalar"), call(name("numpy", "dtype"), text("i8"), b"\x89", b"\x88") +
        b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb",
        call(name("_codecs", "encode"), text("\1\0\0\0\0\0\0\0"), text("latin1"))) + T1 + b"s"), ("v", T2)), [], ["d.1"]),
    # Methods that CPython looks up in the object: its attributes replace them.
    "append-as-an-attribute": (file(mapping(w=T0 + put(0), v=T2) + here("Typed") + mapping(append=getattribute(get(0), "copy_")) + b"b" +
                                    T1 + b"a" + DROP), [], ["w"]),
    "extend-as-an-attribute": (file(mapping(l=b"]" + put(0), v=T2) + here("Typed") + mapping(extend=getattribute(get(0), "extend")) + b"b(" +
                                    T1 + b"e" + DROP + get(0) + T0 + b"a" + DROP), [], ["l.0"]),
    "add-as-an-attribute": (file(mapping(w=T0 + put(0), v=T2) + here("Typed") + mapping(add=getattribute(get(0), "copy_")) + b"b(" +
                                 T1 + b"\x90" + DROP), [], ["w"]),
    "append-of-a-partial": (file(mapping(w=T0 + put(0), v=T2) + call(PARTIAL, CALL) + b"(" + CALL + b")}" + mapping(
        append=getattribute(get(0), "copy_")) + b"tb" + T1 + b"a" + DROP), [], ["w"]),
    "setstate-as-an-attribute": (before(name("collections", "OrderedDict") + b")R" + mapping(__setstate__=call(
        PARTIAL, SETATTR, name("torch", "_utils"), text("_rebuild_tensor_v2"))) + b"b" + here("Wrong") + b"b"), *NOTHING),
    "setstate-as-an-attribute-of-an-object": (before(here("Typed") + mapping(__setstate__=call(
        PARTIAL, SETATTR, name("torch", "_utils"), text("_rebuild_tensor_v2"))) + b"b" + here("Wrong") + b"b"), *NOTHING),
    "setstate-of-a-partial": (before(call(PARTIAL, CALL) + b"(" + CALL + b")}" + mapping(__setstate__=call(
        PARTIAL, SETATTR, name("torch", "_utils"), text("_rebuild_tensor_v2"))) + b"tb" + here("Wrong") + b"b"), *NOTHING),
    "keys-as-an-attribute": (root(("d", call(name("collections", "OrderedDict"), name("collections", "OrderedDict") + b")R" + pair("w", T0) +
                                             mapping(keys=here("NoKeys")) + b"b")), ("v", T2)), ["v"], ["d.w"]),
    # A method is bound to what it was taken from.
    "setattr-of-a-module-by-name": (before(call(name("torch._utils", "__setattr__"), text("_rebuild_tensor_v2"), here("Wrong"))), *NOTHING),
    "setattr-of-a-module-by-getattr": (before(call(getattribute(name("torch", "_utils"), "__setattr__"), text("_rebuild_tensor_v2"),
                                                   here("Wrong"))), *NOTHING),
    "update-of-a-mapping-by-getattr": (before(call(getattribute(name("torch._utils", "__dict__"), "update"), REPLACED)), *NOTHING),
    "update-of-a-mapping-by-name": (before(call(name("torch._utils", "__dict__.update"), REPLACED), protocol=4), *NOTHING),
    "globals-of-a-function": (before(call(name("torch._utils", "_rebuild_tensor.__globals__.update"), REPLACED), protocol=4), *NOTHING),
    "replaced-module": (before(call(getattribute(name("sys", "modules"), "__setitem__"), text("torch._utils"),
                                    here("Typed") + REPLACED + b"b")), *NOTHING),
    "replaced-module-by-update": (before(call(getattribute(name("sys", "modules"), "update"),
                                              b"}" + text("torch._utils") + here("Typed") + REPLACED + b"bs")), *NOTHING),
    "value-of-a-legacy-stream": (legacy(mapping(w=legacy_tensor + put(0)) + CALL + b"(" + text("module") + get(0) + text("") + text("") + b"tQ" +
                                        b"\x85R" + DROP), [], ["w"]),
    "state-that-is-an-object": (file(mapping(w=T0 + put(0), v=T2) + here("Typed") + here("Pairs") + pair("append", getattribute(get(0), "copy_")) +
                                     b"b" + T1 + b"a" + DROP), [], ["w"]),
    "slots-that-replace-a-method": (file(mapping(w=T0 + put(0), v=T2) + here("Typed") + b"N" + mapping(append=getattribute(get(0), "copy_")) +
                                         b"\x86b" + T1 + b"a" + DROP), [], ["w"]),
    "weak-reference": (before(call(SETATTR, call(call(name("weakref", "ref"), UTILS)), text("_rebuild_tensor_v2"), here("Wrong"))), *NOTHING),
    "proxy-of-a-module": (before(call(name("weakref", "proxy"), UTILS) + b"N" + REPLACED + b"\x86b"), *NOTHING),
    "module-of-a-legacy-stream": (legacy(b"(" + text("module") + name("torch", "_utils") + text("") + text("") + b"tQ" + REPLACED + b"b" + DROP +
                                         mapping(w=legacy_tensor)), *NOTHING),
    # Classes of Python that store items in what their state holds.
    "items-of-a-user-dict": (before(name("collections", "UserDict") + b")\x81" + mapping(data=name("torch._utils", "__dict__")) + b"b" +
                                    text("_rebuild_tensor_v2") + here("Wrong") + b"s"), *NOTHING),
    "items-of-a-chain-map": (before(name("collections", "ChainMap") + b")\x81" + mapping(maps=b"]" + call(TYPES) + b"a") + b"b" +
                                    text("FloatStorage") + INT32 + b"s"), *NOTHING),
    "items-of-a-user-list": (before(name("collections", "UserList") + b")\x81" + mapping(data=name("torch._utils", "__dict__")) + b"b" +
                                    text("_rebuild_tensor_v2") + here("Wrong") + b"s"), *NOTHING),
    "buffer-that-a-function-excludes": (root(("m", module(mapping(w=T0), mapping(b=T1), transient=call(name("__builtin__", "set"), b"]") + put(0))),
                                             after=call(name(HERE, "add_name"), get(0)) + DROP), ["m.w"], ["m.b"]),
    # What a call has made is called, or holds a function.
    "setter-that-a-call-returns": (before(call(call(call(name("operator", "attrgetter"), text("__setattr__")), UTILS),
                                               text("_rebuild_tensor_v2"), here("Wrong"))), *NOTHING),
    "methodcaller": (before(call(call(name("operator", "methodcaller"), text("__setattr__"), text("_rebuild_tensor_v2"), here("Wrong")), UTILS)),
                     *NOTHING),
    "shared-mapping-as-a-state": (before(here("Typed") + mapping(d=call(TYPES)) + b"b" + put(1) + DROP +
                                         call(name("operator", "setitem"), getattribute(get(1), "d"), text("FloatStorage"), INT32)), *NOTHING),
    "items-of-an-attribute-that-is-shared": (before(here("Typed") + mapping(d=call(TYPES)) + b"b" + put(1) + DROP +
                                                    getattribute(get(1), "d") + text("FloatStorage") + INT32 + b"s"), *NOTHING),
    "shared-mapping-in-a-list": (before(call(name(HERE, "first_set"), b"]" + call(TYPES) + b"a", text("FloatStorage"), INT32)), *NOTHING),
    "iterated-map": (before(call(name("__builtin__", "set"), call(name("__builtin__", "map"), call(PARTIAL, SETATTR, UTILS,
                            text("_rebuild_tensor_v2")), b"]" + here("Wrong") + b"a"))), *NOTHING),
    "partial-of-an-imported-module": (before(call(call(PARTIAL, SETATTR, UTILS, text("_rebuild_tensor_v2"), here("Wrong")))), *NOTHING),
    # One storage with two descriptions: the first one counts.
    "two-types-of-a-storage": (root(("w", T0), ("u", T0.replace(b"FloatStorage", b"IntStorage")), ("v", T2)), [], ["u"]),
    "two-sizes-of-a-storage": (root(("w", T0), ("u", tensor("0", 0, 2).replace(number(4) + b"tQ", number(2) + b"tQ")), ("v", T2)), [], ["u"]),
    "counter-of-tensors": (root(("d", call(name("collections", "Counter"), mapping(w=T0))), ("v", T2)), [], []),
    "key-that-is-a-complex": (root(("d", b"}" + number(1) + T0 + b"s" + call(name("__builtin__", "complex"), number(1), number(0)) + T1 + b"s"),
                                   ("v", T2)), [], ["d.1"]),
}
