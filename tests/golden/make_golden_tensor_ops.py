#!/usr/bin/env python3
"""Writes tests/golden/OP.txt for views, index ops, random numbers and composites; like make_golden.py, whose spelling it uses.

Run: /usr/bin/python3 tests/golden/make_golden_tensor_ops.py [OP ...]
Views and index ops come from numpy, composites from torch in f64 (rounded once for f32), random words from an implementation of
Philox4x32-10 here, which is held against the published vectors of its authors first.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F

from make_golden import DTYPES, FLOATS, FOLDER, INF, LINES, NAN, Word, array, golden, numbers, shape

ANY = ("f32", "f64", "i32", "u8", "i64", "bool")
NUMBERS = ("f32", "f64", "i32", "u8", "i64")


def counted(dtype, *dims):
    """Different elements, where the dtype has enough."""
    return (np.arange(int(np.prod(dims))) % (2 if dtype == "bool" else 97)).astype(DTYPES[dtype]).reshape(dims)


# ---- views ----

def views():
    for dtype in ANY:
        for dims, to in [((6,), (2, 3)), ((2, 3, 4), (6, 4)), ((2, 3, 4), (2, 12)), ((4, 6), (3, 8)), ((), (1, 1)), ((1, 1), ()), ((0, 3), (5, 0))]:
            x = counted(dtype, *dims)
            golden("reshape", [x], x.reshape(to), shape=shape(*to))
        for dims, permutation in [((2, 3), [1, 0]), ((2, 3, 4), [2, 0, 1]), ((2, 1, 3, 2), [3, 1, 0, 2]), ((), []), ((0, 2), [1, 0])]:
            x = counted(dtype, *dims)
            golden("transpose", [x], x.transpose(permutation), permutation=permutation)
        for dims, to, axes in [((), (2, 2), []), ((3,), (2, 3), [1]), ((2,), (2, 3), [0]), ((2, 1), (2, 3), [0, 1]), ((2, 1), (3, 2, 4, 2), [1, 3]), ((1,), (0,), [0]),
                               ((2, 2), (2, 2), [0, 1])]:
            x = counted(dtype, *dims)
            spread = x.reshape([dims[axes.index(k)] if k in axes else 1 for k in range(len(to))])
            golden("broadcast", [x], np.broadcast_to(spread, to), shape=shape(*to), axes=axes)
        for dims, starts, limits, strides in [((7,), (2,), (6,), (1,)), ((7,), (1,), (7,), (2,)), ((3, 5), (0, 1), (3, 5), (2, 3)), ((4, 3), (2, 0), (2, 3), (1, 1)),
                                              ((), (), (), ())]:
            x = counted(dtype, *dims)
            golden("slice", [x], x[tuple(slice(*s) for s in zip(starts, limits, strides))], starts=shape(*starts), limits=shape(*limits), strides=list(strides))
        for dims, low, high in [((3,), (2,), (1,)), ((2, 3), (1, 0), (0, 2)), ((0, 2), (1, 1), (1, 0)), ((2,), (0,), (0,)), ((), (), ())]:
            x, value = counted(dtype, *dims), array(dtype, 1)
            padded = np.pad(x, list(zip(low, high)), constant_values=value) if dims else x
            golden("pad", [x, value], padded, low=shape(*low), high=shape(*high))
        for parts, axis in [([(3,), (2,)], 0), ([(2, 1), (2, 3), (2, 0)], 1), ([(1, 2, 2), (2, 2, 2)], 0), ([(2, 2)], 1)]:
            xs = [counted(dtype, *dims) for dims in parts]
            golden("concatenate", xs, np.concatenate(xs, axis), axis=axis)
        for dims, axes in [((5,), [0]), ((2, 3, 2), [0, 2]), ((2, 2), []), ((0, 3), [0, 1])]:
            x = counted(dtype, *dims)
            golden("reverse", [x], np.flip(x, axes), axes=axes)


# ---- index ops ----

def index_ops():
    for dtype in ANY:
        x = counted(dtype, 2, 3)
        golden("constant", [], x, value=x)
    golden("constant", [], array("f64", [0.1, -0.0, INF, NAN, 1e-310]), value=array("f64", [0.1, -0.0, INF, NAN, 1e-310]))
    for dtype in NUMBERS + ("i8",):
        for dims, axis in [((5,), 0), ((2, 3), 0), ((2, 3), 1), ((2, 3, 2), 1), ((0, 2), 0)]:
            indices = np.indices(dims)[axis].astype(DTYPES[dtype])
            golden("iota", [], indices, shape=shape(*dims), axis=axis, dtype=Word(dtype))
        golden("dim_size", [], array(dtype, 42), value=Word("dim(42)"), dtype=Word(dtype))
    golden("iota", [], (np.arange(260) % 256).astype(np.uint8), shape=shape(260), axis=0, dtype=Word("u8"))
    golden("dim_size", [], array("i64", 2**60 + 1), value=Word(f"dim({2**60 + 1})"), dtype=Word("i64"))

    rows = [((5,), (4,), 0), ((4, 3), (2, 2), 0), ((2, 5, 3), (3,), 1), ((2, 3), (), 1), ((3, 2), (0,), 0)]
    for dtype in ANY:
        for index_dtype in ("i32", "i64"):
            for seed, (dims, index_dims, axis) in enumerate(rows):
                random = np.random.default_rng(seed)
                data, indices = counted(dtype, *dims), random.integers(0, dims[axis], index_dims).astype(DTYPES[index_dtype])
                taken = np.take(data, indices, axis)
                golden("gather", [data, indices], taken, axis=axis)
                if dtype != "bool":
                    updates = numbers(dtype, *taken.shape, seed=seed)
                    result = data.copy()
                    np.add.at(np.moveaxis(result, axis, 0), indices, np.moveaxis(updates, tuple(range(axis, axis + indices.ndim)), tuple(range(indices.ndim))))
                    golden("scatter_add", [data, indices, updates], result, axis=axis)
            for seed, (dims, axis) in enumerate([((4, 3), 1), ((4, 3), 0), ((2, 3, 4), 1), ((5,), 0), ((0, 3), 1)]):
                data = counted(dtype, *dims)
                others = dims[:axis] + dims[axis + 1:]
                indices = np.random.default_rng(seed).integers(0, dims[axis], others).astype(DTYPES[index_dtype])
                golden("pick", [data, indices], np.take_along_axis(data, np.expand_dims(indices, axis).astype(np.int64), axis).squeeze(axis), axis=axis)


# ---- random numbers ----

def philox(key, counter):
    """Salmon et al., 2011, table 2: ten rounds of two 32-bit products."""
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & 0xFFFFFFFF, (a >> 32) ^ c3 ^ k1, a & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def check_philox():
    """kat_vectors of the authors' library Random123."""
    full = 0xFFFFFFFF
    assert philox((0, 0), (0, 0, 0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert philox((full, full), (full,) * 4) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    assert philox((0xA4093822, 0x299F31D0), (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)) == (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


def words(seed, step, stream, count):
    blocks = [philox((seed, 0), (stream, step, block, 0)) for block in range(count // 4 + 1)]
    return np.array(blocks, dtype=np.uint32).ravel()[:count]


def unit(rows, dtype):
    """In [0, 1): 24 bits of a word, or 53 of two."""
    if dtype == "f32":
        return (rows[0] >> 8).astype(np.float32) * np.float32(2.0**-24)
    return ((rows[0] >> 5).astype(np.float64) * 2.0**26 + (rows[1] >> 6)) * 2.0**-53


def randoms():
    check_philox()
    for seed, step, stream, dims in [(0, 0, 0, (9,)), (1, 2, 3, (2, 3)), (2**32 - 1, 2**32 - 1, 2**32 - 1, (5,)), (7, 0, 1, ()), (7, 0, 1, (0, 2))]:
        count = int(np.prod(dims))
        counter = [array("u32", seed), array("u32", step)]
        golden("random_bits", counter, words(seed, step, stream, count).reshape(dims), stream=stream, shape=shape(*dims))
        for dtype, per_number in [("f32", 1), ("f64", 2)]:
            T = DTYPES[dtype]
            low, high, mean, deviation = T(-0.5), T(2.25), T(0.25), T(1.5)
            rows = words(seed, step, stream, 2 * per_number * count).reshape(2 * per_number, count)
            first = words(seed, step, stream, per_number * count).reshape(per_number, count)
            uniform = low + (high - low) * unit(first, dtype)
            golden("random_uniform", counter, uniform.reshape(dims), stream=stream, shape=shape(*dims), dtype=Word(dtype), low=float(low), high=float(high))
            u, v = 1 - unit(rows, dtype).astype(np.float64), unit(rows[per_number:], dtype).astype(np.float64)
            normal = float(mean) + float(deviation) * (np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v))
            golden("random_normal", counter, normal.reshape(dims).astype(T), stream=stream, shape=shape(*dims), dtype=Word(dtype), mean=float(mean), deviation=float(deviation))


# ---- composites ----

def by_torch(op, function, *operands, **attributes):
    """In f64; f32 operands are widened, the result is rounded once. `operands` are functions of a dtype, or integer arrays."""
    for dtype in ("f32", "f64"):
        xs = [x(dtype) if callable(x) else x for x in operands]
        wide = [torch.from_numpy(np.array(x.astype(np.float64) if x.dtype.kind == "f" else x.astype(np.int64))) for x in xs]
        with np.errstate(all="ignore"):
            golden(op, xs, np.asarray(function(*wide)).astype(DTYPES[dtype]), **attributes)


def of(values):
    return lambda dtype: array(dtype, values)


def normal(*dims, seed=1, scale=1.0):
    return lambda dtype: numbers(dtype, *dims, seed=seed, scale=scale)


def activations():
    ordinary = of(FLOATS + [5.0, -5.0, 30.0])
    finite = of([x for x in FLOATS if abs(x) < INF] + [5.0, -5.0])  # -inf * 0 is NaN: torch and the formula agree, but not on gelu of +-inf
    by_torch("relu", F.relu, ordinary)
    by_torch("leaky_relu", F.leaky_relu, ordinary)
    by_torch("leaky_relu", lambda x: F.leaky_relu(x, 0.2), ordinary, slope=0.2)
    by_torch("silu", F.silu, finite)
    by_torch("gelu", F.gelu, finite)
    by_torch("gelu", lambda x: F.gelu(x, approximate="tanh"), finite, form="tanh")
    by_torch("softplus", lambda x: np.logaddexp(0, x.numpy()), ordinary)  # torch turns linear above 20
    by_torch("square", torch.square, ordinary)
    by_torch("reciprocal", torch.reciprocal, ordinary)
    by_torch("clamp", lambda x: torch.clamp(x, -1, 1.5), ordinary, low=-1.0, high=1.5)
    by_torch("clamp", lambda x: torch.clamp(x, min=0.25), ordinary, low=0.25)


def rows():
    for dims, axes in [((5,), [0]), ((3, 4), [0]), ((3, 4), [1]), ((2, 3, 4), [0, 2]), ((2, 3), [0, 1])]:
        by_torch("mean", lambda x: x.mean(tuple(axes)), normal(*dims, seed=2), axes=axes)
    by_torch("mean", lambda x: x, normal(2, 3), axes=[])
    by_torch("mean", lambda x: x.mean(0), normal(0, 2), axes=[0])
    for op, function in [("softmax", torch.softmax), ("log_softmax", torch.log_softmax)]:
        for dims, axis in [((4,), 0), ((3, 5), 1), ((3, 5), 0), ((2, 3, 2), 1), ((2, 1), 1), ((0, 3), 1)]:
            by_torch(op, lambda x: function(x, axis), normal(*dims, seed=3, scale=4.0), axis=axis)
        by_torch(op, lambda x: function(x, 1), of([[1000.0, 999.0, -1000.0], [-1e4, -1e4, -1e4], [0.0, -INF, 1.0], [NAN, 1.0, 2.0]]), axis=1)
    labels = array("i64", [3, 0, 4, 1])
    by_torch("cross_entropy", lambda x, y: F.cross_entropy(x, y, reduction="none"), normal(4, 5, seed=4, scale=5.0), labels)
    by_torch("cross_entropy", lambda x, y: F.cross_entropy(x, y, reduction="none"), normal(4, 5, seed=5, scale=100.0), labels.astype(np.int32))
    by_torch("cross_entropy", lambda x, y: F.cross_entropy(x[None], y[None], reduction="none")[0], normal(3), array("i64", 2))
    by_torch("cross_entropy", lambda x, y: F.cross_entropy(x.permute(0, 2, 1), y, reduction="none"), normal(2, 3, 4, seed=6), array("i64", [[0, 3, 1], [2, 2, 0]]))
    for dims, axis, epsilon in [((3, 8), 1, 1e-5), ((2, 3, 4), 1, 1e-3), ((2, 3, 4), 2, 1e-5), ((5,), 0, 1e-5), ((2, 1), 1, 1e-5)]:
        tail = dims[axis:]
        by_torch("layer_norm", lambda x, s, b: F.layer_norm(x, tail, s, b, epsilon), normal(*dims, seed=7, scale=3.0), normal(*tail, seed=8), normal(*tail, seed=9),
                 axis=axis, epsilon=epsilon)
        by_torch("rms_norm", lambda x, s: x * torch.rsqrt((x * x).mean(tuple(range(axis, len(dims))), keepdim=True) + epsilon) * s,
                 normal(*dims, seed=7, scale=3.0), normal(*tail, seed=8), axis=axis, epsilon=epsilon)
    for dims, seed, step, stream, rate in [((11,), 0, 0, 0, 0.5), ((3, 7), 1, 2, 3, 0.25), ((2, 3, 4), 7, 0, 2**32 - 1, 0.9), ((5,), 4, 5, 6, 0.0), ((0, 2), 0, 0, 0, 0.5)]:
        drawn = words(seed, step, stream, int(np.prod(dims))).reshape(dims)
        kept = torch.from_numpy(drawn.astype(np.float64) >= rate * 2.0**32)
        by_torch("dropout", lambda x, seed, step: torch.where(kept, x / (1 - rate), torch.zeros_like(x)), normal(*dims, seed=9), array("u32", seed), array("u32", step),
                 stream=stream, rate=rate)
    for dtype in ("f32", "i32", "bool"):
        for indices in (array("i64", [2, 0, 1]), array("i32", [[3, 1], [0, 0]]), array("i64", 1)):
            hot = F.one_hot(torch.from_numpy(np.array(indices.astype(np.int64))), 4).numpy().astype(DTYPES[dtype])
            golden("one_hot", [indices], hot, classes=4, dtype=Word(dtype))
    golden("one_hot", [array("i32", [-1, 1, 2])], array("f32", [[0, 0], [0, 1], [0, 0]]), classes=2, dtype=Word("f32"))


def main():
    for family in (views, index_ops, randoms, activations, rows):
        family()
    wanted = sys.argv[1:] or sorted(LINES)
    for op in wanted:
        (FOLDER / f"{op}.txt").write_text("# Made by make_golden_tensor_ops.py.\n" + "\n".join(LINES[op]) + "\n")
    print(f"{len(wanted)} ops, {sum(len(LINES[op]) for op in wanted)} lines")


if __name__ == "__main__":
    main()
