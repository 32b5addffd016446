"""Checkpoints that give a careless extractor another tensor than the loader has: one entry for each trick.

TRICKS: name -> (file, names that extraction writes, names that it must not write). compare_extraction.py compares what is
written with the loader as well.
"""
import struct

from made_checkpoints import Archive, name, number, text

OURS = "extraction_classes"
ORDERED = name("collections", "OrderedDict") + b")R"
CALL = name(OURS, "call")
GETATTR = name("__builtin__", "getattr")


def storage(key, count=4):
    return b"(" + text("storage") + name("torch", "FloatStorage") + text(key) + text("cpu") + number(count) + b"tQ"


def arguments(key, offset=0, count=4, hooks=ORDERED, more=b""):
    return b"(" + storage(key) + number(offset) + number(count) + b"\x85" + number(1) + b"\x85\x89" + hooks + more + b"t"


def tensor(key, offset=0, count=4, hooks=ORDERED, more=b""):
    return name("torch._utils", "_rebuild_tensor_v2") + arguments(key, offset, count, hooks, more) + b"R"


def put(index):
    return b"q" + bytes([index])


def get(index):
    return b"h" + bytes([index])


def new(kind):
    return name(OURS, kind) + b")\x81"


def pair(key, value):
    return text(key) + value + b"s"


def mapping(**items):
    return b"}" + b"".join(pair(key, value) for key, value in items.items())


def module(parameters=b"}", buffers=b"}", modules=b"}", more=b"", transient=None):
    transient = transient or name("__builtin__", "set") + b"]\x85R"
    state = mapping(_parameters=parameters, _buffers=buffers, _modules=modules, _non_persistent_buffers_set=transient)
    return new("Net") + state + more + b"b"


def file(body, keys="012", protocol=2):
    made = Archive()
    made.add("data.pkl", b"\x80" + bytes([protocol]) + body + b".")
    for key in keys:
        if b"X\x01\x00\x00\x00" + key.encode() in body:
            made.add(f"data/{key}", struct.pack("<4f", *[10 * int(key) + each for each in range(1, 5)]))
    made.add("version", b"3\n")
    return made.end()


def root(*pairs, before=b"", after=b""):
    return file(before + b"}" + b"".join(pair(key, value) for key, value in pairs) + after)


T0, T1, T2 = tensor("0"), tensor("1"), tensor("2")
DROP = b"0"

TRICKS = {
    # What a call receives, it may change.
    "plain": (root(("w", T0), ("n", new("Plain") + b"}b")), ["w"], []),
    "call-of-a-tensor": (root(("w", T0 + put(0)), ("v", T1), after=CALL + get(0) + b"\x85R" + DROP), ["v"], ["w"]),
    "call-of-a-view": (root(("w", tensor("0", 0, 2)), ("v", T1), after=CALL + tensor("0", 2, 2) + b"\x85R" + DROP), ["v"], ["w"]),
    "call-of-a-storage": (root(("w", T0), ("v", T1), after=CALL + storage("0") + b"\x85R" + DROP), ["v"], ["w"]),
    "call-of-a-container": (root(("d", mapping(w=T0) + put(0)), ("v", T1), after=CALL + get(0) + b"\x85R" + DROP), ["v"], ["d.w"]),
    "call-of-an-object": (root(("o", new("Plain") + put(0) + mapping(w=T0) + b"b"), ("v", T1),
                               after=CALL + get(0) + b"\x85R" + DROP), ["v"], ["o.w"]),
    "call-with-keywords": (file(mapping(v=T1) + b"X\x01\x00\x00\x00w" + T0 + put(0) + b"s" + name(OURS, "Plain") + b")" +
                                mapping(k=get(0)) + b"\x92" + DROP, protocol=4), ["v"], ["w"]),
    "inst": (root(("w", T0 + put(0)), ("v", T1), after=b"(" + get(0) + f"i{OURS}\nPlain\n".encode() + DROP), ["v"], ["w"]),
    "obj": (root(("w", T0 + put(0)), ("v", T1), after=b"(" + name(OURS, "Plain") + get(0) + b"o" + DROP), ["v"], ["w"]),
    "later-in-a-list": (root(("l", b"]" + put(0)), ("v", T1), ("x", CALL + get(0) + b"\x85R"), after=get(0) + T0 + b"a" + DROP), ["v"], ["l.0"]),
    "setitem-of-operator": (root(("d", mapping(w=T0) + put(0)), ("v", T1),
                                 after=name("operator", "setitem") + get(0) + text("w") + T2 + b"\x87R" + DROP), ["v"], ["d.w"]),
    "object-that-is-called": (root(("o", new("Plain") + put(0) + mapping(w=T0) + b"b"), ("v", T1), after=get(0) + b")R" + DROP),
                              ["v"], ["o.w"]),
    "partial-that-is-called": (root(("w", T0 + put(0)), ("v", T1), after=name("functools", "partial") + CALL + get(0) + b"\x86R)R" + DROP),
                               [], ["w"]),
    "partial-that-is-kept": (root(("w", T0 + put(0)), ("p", name("functools", "partial") + CALL + get(0) + b"\x86R")), ["w"], []),
    "hooks-of-a-tensor": (root(("w", T0), ("v", T1 + put(0)), ("u", T2 + put(2)),
                               after=CALL + tensor("0", 0, 4, ORDERED + number(1) + get(0) + b"s") + b"\x85R" + DROP), ["u"], ["w", "v"]),
    # Attributes of what foreign code may change.
    "method-of-a-tensor": (root(("w", T0 + put(0)), ("v", T1), after=GETATTR + get(0) + text("zero_") + b"\x86R)R" + DROP), ["v"], ["w"]),
    "attribute-that-is-only-kept": (root(("w", T0 + put(0)), ("x", GETATTR + get(0) + text("shape") + b"\x86R")), ["w"], []),
    "items-of-an-attribute": (root(("o", new("Plain") + put(0) + mapping(w=T0) + b"b"), ("v", T1),
                                   after=GETATTR + get(0) + text("__dict__") + b"\x86R" + text("w") + T2 + b"s" + DROP), [], ["o.w"]),
    "state-of-a-tensor": (root(("w", T0 + put(0)), ("v", T1), after=get(0) + b"(" + storage("2") + number(0) + number(4) + b"\x85" +
                               number(1) + b"\x85\x89t" + b"b" + DROP), ["v"], ["w"]),
    # Keys that are equal to others.
    "key-equal-to-a-text": (root(("d", mapping(w=T0) + new("Key") + mapping(text=text("w")) + b"b" + T1 + b"s"), ("v", T2)), ["v"], ["d.w"]),
    "name-as-a-key": (root(("d", mapping(w=T0) + name(OURS, "SAME_AS_TEXT") + T1 + b"s"), ("v", T2)), ["v"], ["d.w"]),
    "key-in-pairs": (root(("d", name("collections", "OrderedDict") + b"](]" + text("w") + b"a" + T0 + b"a](" +
                           name(OURS, "SAME_AS_TEXT") + T1 + b"ee\x85R"), ("v", T2)), ["v"], ["d.w"]),
    "item-with-such-a-key": (root(("d", new("Items") + pair("w", T0) + name(OURS, "SAME_AS_TEXT") + T1 + b"s"), ("v", T2)), ["v"], ["d.w"]),
    "number-and-true": (root(("d", b"}" + number(1) + T0 + b"s\x88" + T1 + b"s"), ("v", T2)), [], ["d.1", "d.True", "v"]),
    "key-twice": (root(("w", T0), ("w", T1), ("v", T2)), [], ["w", "v"]),
    "names-spelled-alike": (root(("a.b", T0), ("a", mapping(b=T1)), ("v", T2)), ["v"], ["a.b"]),
    "keys-spelled-alike": (root(("d", b"}" + number(1) + T0 + b"s" + text("1") + T1 + b"s"), ("v", T2)), ["v"], ["d.1"]),
    # States.
    "state-changed-later": (root(("o", new("Plain") + mapping(w=T0) + put(0) + b"b"), ("v", T1), after=get(0) + text("u") + T2 + b"s" + DROP),
                            ["v"], ["o.w", "o.u"]),
    "state-of-two-objects": (root(("o", new("Plain") + mapping(w=T0) + put(0) + b"b"), ("p", new("Plain") + get(0) + b"b")), ["o.w"], []),
    "second-state": (root(("o", new("Careful") + put(0) + mapping(w=T0) + b"b"), ("v", T1), after=get(0) + mapping(u=T2) + b"b" + DROP),
                     ["v"], ["o.w", "o.u"]),
    "attribute-in-both-halves": (root(("o", new("Plain") + mapping(w=T0) + mapping(w=T1) + b"\x86b"), ("v", T2)), [], ["o.w", "v"]),
    "dict-in-the-slots": (root(("o", new("Plain") + mapping(w=T0) + mapping(__dict__=mapping(w=T1)) + b"\x86b"), ("v", T2)), ["v"], ["o.w"]),
    "state-that-is-a-list": (root(("o", new("Careful") + b"]" + T0 + b"a" + b"b"), ("v", T1)), ["v"], []),
    "state-that-is-foreign": (root(("o", new("Plain") + new("Items") + pair("w", T0) + b"b"), ("v", T1)), ["v"], ["o.w"]),
    "attributes-of-a-tensor": (root(("w", name("torch._tensor", "_rebuild_from_type_v2") + b"(" + name("torch._utils", "_rebuild_tensor_v2") +
                                     name("torch", "Tensor") + arguments("0") + mapping(data=T1) + b"tR"), ("v", T2)), ["v"], ["w"]),
    "harmless-attributes": (root(("w", name("torch._tensor", "_rebuild_from_type_v2") + b"(" + name("torch._utils", "_rebuild_tensor_v2") +
                                  name("torch.nn.parameter", "Parameter") + arguments("0") + mapping(no_decay=b"\x88") + b"tR")), ["w"], []),
    # Names whose meaning is changed.
    "state-of-a-module": (root(("w", T0), before=name("torch", "_utils") + mapping(_rebuild_tensor_v2=name(OURS, "rebuild_wrong")) + b"b" + DROP),
                          [], ["w"]),
    "setattr-of-a-module": (root(("w", T0), before=name("__builtin__", "setattr") + name("torch", "_utils") + text("_rebuild_tensor_v2") +
                                 name(OURS, "rebuild_wrong") + b"\x87R" + DROP), [], ["w"]),
    "setattr-of-a-function": (root(("w", T0), before=name("__builtin__", "setattr") + name("torch._utils", "_rebuild_tensor_v2") +
                                   text("__code__") + GETATTR + name(OURS, "rebuild_wrong") + text("__code__") + b"\x86R\x87R" + DROP), [], ["w"]),
    "setattr-by-pytorch": (root(("w", T0), before=name("torch._tensor", "_rebuild_from_type_v2") + b"(" + name("__builtin__", "setattr") +
                                name("torch", "Tensor") + name("torch", "_utils") + text("_rebuild_tensor_v2") +
                                name(OURS, "rebuild_wrong") + b"\x87}tR" + DROP), [], ["w"]),
    "names-in-a-container": (root(("w", T0), before=name(OURS, "change") + b"(" + name("torch", "_utils") + text("_rebuild_tensor_v2") +
                                  name(OURS, "rebuild_wrong") + b"tR" + DROP), [], ["w"]),
    "setter-of-its-own-module": (root(("w", T0), before=name("torch._utils", "_set_obj_state") + name("torch._utils", "torch") +
                                      mapping(tensor=new("Replacement")) + b"\x86R" + DROP), [], ["w"]),
    "module-from-a-mapping": (root(("w", T0), before=name("operator", "getitem") + name("sys", "modules") + text("torch._utils") + b"\x86R" +
                                   mapping(_rebuild_tensor_v2=new("Replacement")) + b"b" + DROP), [], ["w"]),
    "object-that-is-iterated": (root(("w", T0), before=name("collections", "OrderedDict") + new("Changer") +
                                     mapping(m=name("torch", "_utils")) + b"b\x85R" + DROP), [], ["w"]),
    "object-that-is-hashed": (root(("w", T0), before=b"}" + new("Changer") + mapping(m=name("torch", "_utils")) + b"bNs" + DROP), [], ["w"]),
    "object-in-a-key": (root(("w", T0), before=b"}" + new("Changer") + mapping(m=name("torch", "_utils")) + b"b\x85Ns" + DROP), [], ["w"]),
    "class-as-a-key": (root(("d", b"}" + name(OURS, "Plain") + T0 + b"s" + pair("w", T1)), ("v", T2)), ["v"], ["d.w"]),
    "tensor-as-a-key": (root(("d", b"}" + T0 + T1 + b"s" + pair("w", T2))), ["d.w"], []),
    # Modules.
    "module": (root(("m", module(mapping(w=T0), mapping(b=T1), mapping(s=module(mapping(w=T2)))))), ["m.w", "m.b", "m.s.w"], []),
    "module-in-itself": (root(("m", new("Net") + put(0) + mapping(_parameters=mapping(w=T0), _buffers=b"}", _modules=mapping(me=get(0))) + b"b")),
                         ["m.w"], []),
    "buffer-that-is-not-kept": (root(("m", module(mapping(w=T0), mapping(b=T1), transient=name("__builtin__", "set") + b"]" + text("b") +
                                                  b"a\x85R"))), ["m.w"], ["m.b"]),
    "parameter-and-buffer-of-one-name": (root(("m", module(mapping(w=T0), mapping(w=T1))), ("v", T2)), ["v"], ["m.w"]),
    "attribute-beside-the-state-dict": (root(("m", module(mapping(w=T0), more=pair("extra", T1)))), ["m.w"], ["m.extra"]),
    # Containers that drop or reorder.
    "deque-with-a-length": (root(("q", name("collections", "deque") + b"]K\x01\x86R" + T0 + b"a" + T1 + b"a"), ("v", T2)), ["v"], ["q.0"]),
    "memo-twice": (root(("w", T0 + put(0)), ("v", T1 + put(0)), ("u", get(0))), [], ["w", "v", "u"]),
    "conjugate": (root(("w", tensor("0", more=b"}" + text("neg") + b"\x88s")), ("v", T1)), ["v"], ["w"]),
}
