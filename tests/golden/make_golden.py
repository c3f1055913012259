#!/usr/bin/env python3
"""Writes tests/golden/OP.txt: what another tool says each op gives, one call per line (format: tests/support/golden.h).

Run from anywhere with Debian's python3-numpy and python3-torch: /usr/bin/python3 tests/golden/make_golden.py [OP ...]
Values come from numpy, from torch where numpy has no such function, and from Python's exact integers where Sinter defines more than
either (docs/decisions/004-numbers.md). Functions of f32 are computed in f64 and rounded once. The files are committed; no test runs this script.
"""
import math
import pathlib
import sys

import numpy as np
import torch

FOLDER = pathlib.Path(__file__).parent
DTYPES = {"f64": np.float64, "f32": np.float32, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
          "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64, "bool": np.bool_}
NAMES = {np.dtype(t): n for n, t in DTYPES.items()}
INF, NAN = math.inf, math.nan
LINES = {}  # op -> lines


class Word(str):
    """An attribute spelled as it stands: f32, shape[2, 3], dim(4)."""


# ---- spelling ----

def element(x):
    if isinstance(x, np.bool_):
        return "true" if x else "false"
    if isinstance(x, np.floating):
        if np.isnan(x):
            return "nan"
        return str(x) if np.isfinite(x) else ("inf" if x > 0 else "-inf")
    return str(int(x))


def tensor(a):
    a = np.asarray(a)
    return f"{NAMES[a.dtype]}[{', '.join(map(str, a.shape))}]{{{', '.join(element(x) for x in a.ravel())}}}"


def attribute(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, np.ndarray):
        return tensor(value)
    if isinstance(value, float):
        return element(np.float64(value))
    if isinstance(value, str):
        return f'"{value}"'
    return str(value)


def shape(*dims):
    return Word(f"shape[{', '.join(map(str, dims))}]")


def golden(op, operands, results, **attributes):
    """One line of OP.txt. `results` is one array, or a tuple of them."""
    results = results if isinstance(results, tuple) else (results,)
    words = " {" + ", ".join(f"{k} = {attribute(v)}" for k, v in sorted(attributes.items())) + "}" if attributes else ""
    LINES.setdefault(op, []).append(f"{op}({', '.join(map(tensor, operands))}){words} = {', '.join(map(tensor, results))}")


# ---- values ----

def array(dtype, values):
    return np.array(values, dtype=DTYPES[dtype])


def numbers(dtype, *dims, seed=1, scale=1.0, offset=0.0):
    """Normal numbers with few digits; small integers; bools."""
    generator = np.random.default_rng(seed)
    if dtype == "bool":
        return generator.integers(0, 2, dims).astype(np.bool_)
    if dtype[0] == "f":
        return np.round(generator.normal(offset, scale, dims), 3).astype(DTYPES[dtype])
    return generator.integers(0 if dtype[0] == "u" else -9, 10, dims).astype(DTYPES[dtype])


def limits(dtype):
    info = np.iinfo(DTYPES[dtype])
    return int(info.min), int(info.max)


def wrap(dtype, value):
    low, high = limits(dtype)
    return (value - low) % (high - low + 1) + low


INTEGERS = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]


def integer_cases(dtype):
    low, high = limits(dtype)
    return [v for v in (low, low + 1, -7, -1, 0, 1, 2, 3, 7, 100, high - 1, high) if low <= v <= high]


def integer_op(op, function, dtypes=INTEGERS, arity=2):
    """All pairs of interesting integers, by Python's exact arithmetic, cut to the dtype."""
    for dtype in dtypes:
        values = integer_cases(dtype)
        if arity == 1:
            golden(op, [array(dtype, values)], array(dtype, [wrap(dtype, function(v)) for v in values]))
            continue
        pairs = [(a, b) for a in values for b in values]
        golden(op, [array(dtype, [a for a, _ in pairs]), array(dtype, [b for _, b in pairs])],
               array(dtype, [wrap(dtype, function(a, b, dtype) if function.__code__.co_argcount == 3 else function(a, b)) for a, b in pairs]))


def by_torch(function):
    return lambda *xs: function(*[torch.from_numpy(np.array(x)) for x in xs]).numpy()


def float_op(op, function, *operands, dtypes=("f32", "f64")):
    """`function` of f64 arrays; f32 operands are widened, the result is rounded once."""
    for dtype in dtypes:
        xs = [array(dtype, x) for x in operands]
        with np.errstate(all="ignore"):
            y = function(*[x.astype(np.float64) for x in xs])
            golden(op, xs, y if y.dtype == np.bool_ else y.astype(DTYPES[dtype]))


ORDINARY = [0.0, -0.0, 0.1, -0.1, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.5, -2.5, 3.7, -3.7, 10.0, -20.0, 1e-3, -1e-8]
EXTREME = [INF, -INF, NAN]
FLOATS = ORDINARY + EXTREME


def pairs_of(values):
    return [a for a in values for _ in values], [b for _ in values for b in values]


# ---- elementwise ----

def elementwise():
    tiny, huge = 1e-40, 1e38  # a subnormal of f32, and near its end
    float_op("exp", np.exp, FLOATS + [-87.5, -100.0, 88.5, 89.0, -104.5, 700.0, -740.0])
    float_op("exp2", np.exp2, FLOATS + [-126.5, -149.0, 127.5, 128.0, -1060.0])
    float_op("expm1", np.expm1, FLOATS + [1e-20, -1e-20, 50.0, -50.0])
    positive = [0.0, -0.0, tiny, 1e-3, 0.1, 0.5, 0.999, 1.0, 1.001, 2.0, 2.718281828, 10.0, 1e10, huge, -1.0, INF, -INF, NAN]
    float_op("log", np.log, positive)
    float_op("log2", np.log2, positive)
    float_op("log1p", np.log1p, [0.0, -0.0, 1e-20, -1e-20, 1e-3, -0.5, -0.999, -1.0, -1.5, 1.0, 10.0, huge, INF, NAN])
    float_op("sqrt", np.sqrt, positive)
    float_op("rsqrt", lambda x: 1 / np.sqrt(x), positive)
    angles = ORDINARY + [1.5707963, 3.1415927, -3.1415927, 100.0, -1000.0, 1e6, 1e22, INF, NAN]
    float_op("sin", np.sin, angles)
    float_op("cos", np.cos, angles)
    float_op("tan", np.tan, angles)
    unit = [0.0, -0.0, 0.1, -0.1, 0.5, -0.5, 0.999, -0.999, 1.0, -1.0, 1.1, -2.0, 1e-10, NAN, INF]
    float_op("asin", np.arcsin, unit)
    float_op("acos", np.arccos, unit)
    float_op("atan", np.arctan, FLOATS + [1e10, -1e10])
    float_op("sinh", np.sinh, FLOATS + [89.0, -89.0])
    float_op("cosh", np.cosh, FLOATS + [89.0, -89.0])
    float_op("tanh", np.tanh, FLOATS + [1e-20, 9.0, -9.0, 30.0])
    float_op("sigmoid", by_torch(torch.sigmoid), FLOATS + [-17.0, 17.0, -50.0, 50.0])
    float_op("erf", by_torch(torch.erf), FLOATS + [1e-20, 0.84375, 1.25, 3.0, -3.0, 6.0])
    rounding = FLOATS + [0.49999997, 1.0000001, 4503599627370497.5, -0.2, 8388609.0, -8388607.5]
    float_op("floor", np.floor, rounding)
    float_op("ceil", np.ceil, rounding)
    float_op("round", np.rint, rounding)
    float_op("trunc", np.trunc, rounding)

    float_op("negate", np.negative, FLOATS)
    float_op("abs", np.abs, FLOATS)
    float_op("sign", lambda x: np.where(x == 0, x, np.sign(x)), FLOATS)
    integer_op("negate", lambda a: -a, arity=1)
    integer_op("abs", lambda a: abs(a), arity=1)
    integer_op("sign", lambda a: (a > 0) - (a < 0), arity=1)


def quotient(a, b):
    return 0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def arithmetic():
    some = [0.0, -0.0, 0.1, -1.5, 3.0, -7.25, 1e30, 1e-30, INF, -INF, NAN]
    a, b = pairs_of(some)
    for op, function in [("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply), ("divide", np.divide), ("remainder", np.fmod)]:
        with np.errstate(all="ignore"):
            for dtype in ("f32", "f64"):
                x, y = array(dtype, a), array(dtype, b)
                golden(op, [x, y], function(x, y))
    integer_op("add", lambda a, b: a + b)
    integer_op("subtract", lambda a, b: a - b)
    integer_op("multiply", lambda a, b: a * b)
    integer_op("divide", lambda a, b: quotient(a, b))
    integer_op("remainder", lambda a, b: 0 if b == 0 else a - b * quotient(a, b))
    bases, exponents = pairs_of([0.0, -0.0, 0.5, 1.0, -1.0, 2.0, -2.0, 3.0, 0.3, -1.5, 10.0, INF, -INF, NAN])
    float_op("power", np.power, bases, exponents)
    float_op("atan2", np.arctan2, *pairs_of([0.0, -0.0, 1.0, -1.0, 0.3, -2.5, 1e10, INF, -INF, NAN]))
    a, b = pairs_of([0.0, -0.0, 1.0, -1.0, 2.5, INF, -INF, NAN])
    # numpy leaves max(-0, +0) open; Sinter says -0 < +0.
    zeros = lambda f, pick: (lambda x, y: np.where((x == 0) & (y == 0), np.where(pick(np.signbit(x), np.signbit(y)), -0.0, 0.0), f(x, y)))
    float_op("maximum", zeros(np.maximum, np.logical_and), a, b)
    float_op("minimum", zeros(np.minimum, np.logical_or), a, b)
    integer_op("maximum", lambda a, b: max(a, b))
    integer_op("minimum", lambda a, b: min(a, b))
    a, b = array("bool", [0, 0, 1, 1]), array("bool", [0, 1, 0, 1])
    for op, function in [("and", np.logical_and), ("or", np.logical_or), ("xor", np.logical_xor), ("maximum", np.logical_or), ("minimum", np.logical_and)]:
        golden(op, [a, b], function(a, b))
    golden("not", [array("bool", [0, 1])], array("bool", [1, 0]))
    integer_op("and", lambda a, b: a & b)
    integer_op("or", lambda a, b: a | b)
    integer_op("xor", lambda a, b: a ^ b)
    integer_op("not", lambda a: ~a, arity=1)

    def shift(right):
        def apply(a, b, dtype):
            bits = DTYPES[dtype]().itemsize * 8
            amount = b % (1 << bits)  # read as unsigned
            if amount >= bits:
                return (-1 if a < 0 else 0) if right else 0
            return a >> amount if right else a << amount
        return apply
    integer_op("shift_left", shift(False))
    integer_op("shift_right", shift(True))
    for dtype, bits in [("i32", 32), ("u32", 32), ("i64", 64), ("u8", 8)]:
        for op, right in [("shift_left", False), ("shift_right", True)]:
            amounts = [0, 1, bits // 2, bits - 1, bits, bits + 1]
            values = [limits(dtype)[0] + 5] * 6 + [limits(dtype)[1] - 5] * 6
            golden(op, [array(dtype, values), array(dtype, amounts * 2)],
                   array(dtype, [wrap(dtype, shift(right)(v, n, dtype)) for v, n in zip(values, amounts * 2)]))


def comparisons():
    a, b = pairs_of([0.0, -0.0, 1.0, -1.5, INF, -INF, NAN])
    for op, function in [("equal", np.equal), ("not_equal", np.not_equal), ("less", np.less), ("less_equal", np.less_equal), ("greater", np.greater),
                         ("greater_equal", np.greater_equal)]:
        float_op(op, function, a, b)
        for dtype in ("i8", "i32", "i64", "u32", "u64", "bool"):
            values = [0, 1] if dtype == "bool" else integer_cases(dtype)
            x, y = (array(dtype, v) for v in pairs_of(values))
            golden(op, [x, y], function(x, y))
    float_op("is_nan", np.isnan, FLOATS + [3e38, 1e-40])
    float_op("is_finite", np.isfinite, FLOATS + [3e38, 1e-40])


def selections():
    for dtype in ("f32", "f64", "i32", "i64", "u8", "bool"):
        c = array("bool", [[1, 0, 1], [0, 0, 1]])
        golden("select", [c, numbers(dtype, 2, 3), numbers(dtype, 2, 3, seed=2)], np.where(c, numbers(dtype, 2, 3), numbers(dtype, 2, 3, seed=2)))
    golden("select", [array("bool", [1, 0, 0]), array("f32", [NAN, NAN, 1]), array("f32", [1, -0.0, NAN])], array("f32", [NAN, -0.0, NAN]))

    def cast(x, dtype):
        target = np.dtype(DTYPES[dtype])
        if dtype == "bool":
            return np.array([v != 0 for v in x.tolist()], dtype=np.bool_)
        if target.kind == "f":
            if x.dtype.kind in "iu":  # through exact integers: one rounding
                return np.array([np.float64(int(v)) if dtype == "f64" else round_integer_to_f32(int(v)) for v in x.tolist()], dtype=target)
            with np.errstate(all="ignore"):
                return x.astype(target)
        low, high = limits(dtype)
        if x.dtype.kind == "f":
            return np.array([0 if math.isnan(v) else low if v <= low else high if v >= high else int(v) for v in x.tolist()], dtype=target)
        return np.array([wrap(dtype, int(v)) for v in x.tolist()], dtype=target)

    floats = [0.0, -0.0, 0.4, -0.6, 1.5, -1.5, 127.9, -128.5, 255.5, 300.0, -300.0, 65536.7, 2147483648.0, -2147483904.0, 4294967296.0, 9.3e18, -9.3e18, 1.9e19, 1e-40,
              16777217.0, INF, -INF, NAN]
    for to in DTYPES:
        for source in ("f32", "f64"):
            x = array(source, floats)
            golden("cast", [x], cast(x, to), dtype=Word(to))
        for source in ("i8", "u8", "i32", "u32", "i64", "u64"):
            x = array(source, integer_cases(source) + ([16777217, 33554435] if "8" not in source else []))
            golden("cast", [x], cast(x, to), dtype=Word(to))
        golden("cast", [array("bool", [0, 1])], cast(array("bool", [0, 1]), to), dtype=Word(to))
    x = array("u64", [2**63 + 2**39, 2**63 + 2**39 + 1, 2**53 + 1])  # f64 on the way to f32 would round twice
    for to in ("f32", "f64"):
        golden("cast", [x], cast(x, to), dtype=Word(to))

    for source, to in [("f32", "u32"), ("f32", "i32"), ("f64", "i64"), ("f64", "u64")]:
        x = array(source, [0.0, -0.0, 1.0, -2.5, 1e-40, INF, -INF])
        golden("bitcast", [x], x.view(DTYPES[to]), dtype=Word(to))
    for source, to, values in [("u32", "f32", [0, 1, 0x3F800000, 0x80000000, 0x7F800000]), ("i64", "f64", [0, 1, 0x3FF0000000000000, -2**63]),
                               ("i8", "u8", [-1, 0, 127, -128]), ("u16", "i16", [0, 65535, 32768])]:
        x = array(source, values)
        golden("bitcast", [x], x.view(DTYPES[to]), dtype=Word(to))


def round_integer_to_f32(v):
    """Nearest f32, ties to even, by exact arithmetic."""
    shift = max(abs(v).bit_length() - 24, 0)
    kept, rest = abs(v) >> shift, abs(v) & ((1 << shift) - 1)
    half = 1 << shift >> 1
    if shift and (rest > half or (rest == half and kept & 1)):
        kept += 1
    return math.copysign(math.ldexp(kept, shift), v)


# ---- reductions and contractions ----

def reductions():
    for dtype in ("f32", "f64", "i32", "i64", "u32", "u8"):
        wide = np.float64 if dtype[0] == "f" else DTYPES[dtype]
        for dims, axes in [((2, 3), [0]), ((2, 3), [1]), ((2, 3), [0, 1]), ((2, 3, 4), [1]), ((2, 3, 4), [0, 2]), ((2, 3), []), ((), []), ((0, 3), [0]), ((2, 0), [0])]:
            x = numbers(dtype, *dims, seed=len(dims) + 1)
            reduce = lambda f, **kw: np.asarray(f(x.astype(wide), axis=tuple(axes), **kw)).astype(DTYPES[dtype])
            golden("reduce_sum", [x], reduce(np.sum, dtype=wide), axes=axes)
            golden("reduce_product", [x], reduce(np.prod, dtype=wide), axes=axes)
            low, high = (-INF, INF) if dtype[0] == "f" else limits(dtype)
            golden("reduce_max", [x], reduce(np.max, initial=low), axes=axes)
            golden("reduce_min", [x], reduce(np.min, initial=high), axes=axes)
    golden("reduce_max", [array("f32", [[1, NAN, 3], [1, -INF, 2]])], array("f32", [NAN, 2]), axes=[1])
    golden("reduce_min", [array("f32", [[1, NAN, 3], [1, -INF, 2]])], array("f32", [NAN, -INF]), axes=[1])
    golden("reduce_max", [array("f64", [[-0.0, 0.0], [0.0, -0.0], [-0.0, -0.0]])], array("f64", [0.0, 0.0, -0.0]), axes=[1])
    golden("reduce_min", [array("f64", [[-0.0, 0.0], [0.0, -0.0], [0.0, 0.0]])], array("f64", [-0.0, -0.0, 0.0]), axes=[1])
    golden("reduce_sum", [array("f32", [1e8, 1, -1e8])], array("f32", 1), axes=[0])  # the reference sums in f64
    golden("reduce_sum", [array("u8", [200, 100])], array("u8", 44), axes=[0])
    for op, function in [("reduce_all", np.all), ("reduce_any", np.any), ("reduce_min", np.all), ("reduce_max", np.any)]:
        for dims, axes in [((3, 4), [0]), ((3, 4), [1]), ((3, 4), [0, 1]), ((0, 2), [0]), ((3,), [])]:
            x = numbers("bool", *dims, seed=5)
            golden(op, [x], np.asarray(function(x, axis=tuple(axes))), axes=axes)
    for op, function in [("argmax", np.argmax), ("argmin", np.argmin)]:
        for dtype in ("f32", "f64", "i32", "i64", "u8"):
            for dims, axis in [((5,), 0), ((3, 4), 0), ((3, 4), 1), ((2, 3, 2), 1), ((0, 3), 1)]:
                x = numbers(dtype, *dims, seed=7)
                golden(op, [x], function(x, axis=axis).astype(np.int64), axis=axis)
        x = array("f32", [[1, NAN, NAN], [0.0, -0.0, 0.0], [2, 2, 1], [INF, -INF, NAN]])
        golden(op, [x], function(x, axis=1).astype(np.int64), axis=1)


def contractions():
    letters = "abcdefghij"
    cases = [((2, 3), (3, 4), [], [], [1], [0]), ((2, 3), (4, 3), [], [], [1], [1]), ((3, 2), (3, 4), [], [], [0], [0]), ((3, 2), (4, 3), [], [], [0], [1]),
             ((3,), (3,), [], [], [0], [0]), ((2,), (3,), [], [], [], []), ((), (2,), [], [], [], []), ((), (), [], [], [], []),
             ((2, 3, 4), (2, 4, 2), [0], [0], [2], [1]), ((3, 2, 2, 4), (4, 2, 3, 3), [0, 2], [3, 1], [3], [0]),
             ((2, 3, 4), (4, 5, 2), [], [], [0, 2], [2, 0]), ((2, 3), (2, 3), [0, 1], [0, 1], [], []), ((2, 0), (0, 3), [], [], [1], [0]),
             ((0, 3), (3, 2), [], [], [1], [0]), ((1, 1), (1, 1), [], [], [1], [0])]
    for dtype in ("f32", "f64", "i32", "i64", "u8"):
        for lhs_dims, rhs_dims, lhs_batch, rhs_batch, lhs_contract, rhs_contract in cases:
            lhs, rhs = numbers(dtype, *lhs_dims, seed=3), numbers(dtype, *rhs_dims, seed=4)
            lhs_names = list(letters[:len(lhs_dims)])
            rhs_names = list(letters[len(lhs_dims):len(lhs_dims) + len(rhs_dims)])
            for l, r in zip(lhs_batch + lhs_contract, rhs_batch + rhs_contract):
                rhs_names[r] = lhs_names[l]
            out = [lhs_names[i] for i in lhs_batch]
            out += [n for i, n in enumerate(lhs_names) if i not in lhs_batch + lhs_contract]
            out += [n for i, n in enumerate(rhs_names) if i not in rhs_batch + rhs_contract]
            wide = np.float64 if dtype[0] == "f" else DTYPES[dtype]
            y = np.einsum(f"{''.join(lhs_names)},{''.join(rhs_names)}->{''.join(out)}", lhs.astype(wide), rhs.astype(wide))
            golden("dot_general", [lhs, rhs], np.asarray(y).astype(DTYPES[dtype]), lhs_batch=lhs_batch, rhs_batch=rhs_batch, lhs_contract=lhs_contract,
                   rhs_contract=rhs_contract)
    for dtype in ("f32", "f64", "i32"):
        for rows, depth, columns, width, batch in ((3, 4, 5, 2, 1), (2, 3, 8, 4, 1), (1, 1, 1, 3, 1), (2, 3, 3, 4, 2), (2, 0, 3, 2, 1)):
            lhs, rhs = numbers(dtype, batch, rows, depth, seed=5), numbers(dtype, batch, depth, columns, seed=6)
            panels = np.pad(rhs, ((0, 0), (0, 0), (0, -columns % width))).reshape(batch, depth, -(-columns // width), width).transpose(0, 2, 1, 3)
            y = np.einsum("bmk,bkn->bmn", lhs.astype(np.float64), rhs.astype(np.float64))
            golden("dot_panels", [lhs, np.ascontiguousarray(panels)], y.astype(DTYPES[dtype]), lhs_batch=[0], rhs_batch=[0], lhs_contract=[2],
                   rhs_contract=[1], rhs_shape=shape(batch, depth, columns), width=width)


def others():
    golden("stop_gradient", [array("f32", [1, NAN, -0.0])], array("f32", [1, NAN, -0.0]))


def main():
    for family in (others, elementwise, arithmetic, comparisons, selections, reductions, contractions):
        family()
    wanted = sys.argv[1:] or sorted(LINES)
    for op in wanted:
        (FOLDER / f"{op}.txt").write_text("# Made by make_golden.py.\n" + "\n".join(LINES[op]) + "\n")
    print(f"{len(wanted)} ops, {sum(len(LINES[op]) for op in wanted)} lines")


if __name__ == "__main__":
    main()
