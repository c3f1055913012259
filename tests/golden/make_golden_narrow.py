#!/usr/bin/env python3
"""Writes tests/golden/narrow/OP.txt: golden values of f16, bf16 and of integers summed wide, as make_golden.py does for the other dtypes.

Run from anywhere: python3 tests/golden/make_golden_narrow.py. Needs Python alone: fractions are exact, `struct` rounds f16, and bf16 is rounded here.
"""
import itertools
import math
import pathlib
import random
import struct
from fractions import Fraction

FOLDER = pathlib.Path(__file__).parent / "narrow"
INF, NAN = math.inf, math.nan
LINES = {}


def to_f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def to_f16(x):
    try:
        return struct.unpack("<e", struct.pack("<e", x))[0]
    except OverflowError:
        return math.copysign(INF, x)


def to_bf16(x):
    """The nearest multiple of the unit of the last place, ties to even; a Python float holds what is asked here exactly."""
    if x == 0 or math.isinf(x) or math.isnan(x):
        return x
    exponent = max(math.frexp(x)[1] - 1, -126)
    unit = Fraction(2) ** (exponent - 7)
    y = float(round(Fraction(x) / unit) * unit)
    return math.copysign(INF, x) if abs(y) >= 2.0**128 else math.copysign(y, x)


ROUND = {"f16": to_f16, "bf16": to_bf16, "f32": to_f32, "f64": float}


def element(x):
    if isinstance(x, int):
        return str(x)
    if math.isnan(x):
        return "nan"
    return repr(float(x)) if math.isfinite(x) else ("inf" if x > 0 else "-inf")


def tensor(dtype, dims, values):
    return f"{dtype}[{', '.join(map(str, dims))}]{{{', '.join(map(element, values))}}}"


def golden(op, operands, attributes, result):
    words = f" {{{', '.join(f'{k} = {v}' for k, v in sorted(attributes.items()))}}}" if attributes else ""
    LINES.setdefault(op, []).append(f"{op}({', '.join(operands)}){words} = {result}")


def casts():
    numbers = [0.0, -0.0, 1.5, -0.1, 1 / 3, 65504.0, 65519.0, 65520.0, 1e5, 3e38, 3.3961e38, 2.0**-24, 2.0**-25, 3 * 2.0**-26, 1e-40, 2.0**-133, 1 + 2.0**-8,
               1 + 3 * 2.0**-8, 1 + 2.0**-11, INF, -INF, NAN]
    for source, to in itertools.product(("f32", "f64"), ("f16", "bf16")):
        x = [ROUND[source](v) for v in numbers]
        n = [len(x)]
        golden("cast", [tensor(source, n, x)], {"dtype": to}, tensor(to, n, [ROUND[to](v) for v in x]))
        y = [ROUND[to](v) for v in x]
        golden("cast", [tensor(to, n, y)], {"dtype": source}, tensor(source, n, y))
    for to in ("f16", "bf16"):
        for source, x in (("i32", [0, 1, -257, 2049, 2051, -65519, 16777217]), ("u8", [0, 7, 255]), ("i64", [2**53 + 1, -(2**24) - 1])):
            golden("cast", [tensor(source, [len(x)], x)], {"dtype": to}, tensor(to, [len(x)], [ROUND[to](float(v)) for v in x]))
        golden("cast", [tensor(to, [5], [1.5, -2.75, 300.0, -INF, NAN])], {"dtype": "i8"}, tensor("i8", [5], [1, -2, 127, -128, 0]))


def arithmetic():
    draw = random.Random(1)
    for dtype in ("f16", "bf16"):
        a, b = ([ROUND[dtype](draw.uniform(-4, 4)) for _ in range(40)] + [INF, NAN, 0.0, -0.0] for _ in range(2))
        operands = [tensor(dtype, [len(a)], v) for v in (a, b)]
        for op, f in (("add", lambda x, y: x + y), ("multiply", lambda x, y: x * y)):
            golden(op, operands, {}, tensor(dtype, [len(a)], [ROUND[dtype](to_f32(f(x, y))) for x, y in zip(a, b)]))


def shape(dims):
    return f"shape[{', '.join(map(str, dims))}]"


def products():
    draw = random.Random(2)
    axes = {"lhs_batch": [], "rhs_batch": [], "lhs_contract": [1], "rhs_contract": [0]}
    for (lhs, rhs), (rows, depth, columns) in itertools.product(
            (("bf16", "bf16"), ("f16", "f16"), ("i8", "i8"), ("u8", "u8"), ("u8", "i8"), ("i8", "u8"), ("i16", "i16")), ((2, 3, 4), (3, 9, 2), (1, 0, 2))):
        def values(dtype, count):
            if dtype in ROUND:
                return [ROUND[dtype](draw.uniform(-2, 2)) for _ in range(count)]
            bits = int(dtype[1:])
            low, high = (0, 2**bits - 1) if dtype[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            return [draw.choice((low, high, draw.randint(low, high))) for _ in range(count)]

        a, b = values(lhs, rows * depth), values(rhs, depth * columns)
        is_float = lhs in ROUND
        number = Fraction if is_float else int
        sums = [sum((number(a[m * depth + k]) * number(b[k * columns + n]) for k in range(depth)), number(0)) for m in range(rows) for n in range(columns)]
        dims = [rows, columns]
        result = tensor("f32", dims, [to_f32(float(s)) for s in sums]) if is_float else tensor("i32", dims, [(s + 2**31) % 2**32 - 2**31 for s in sums])
        operands = [tensor(lhs, [rows, depth], a), tensor(rhs, [depth, columns], b)]
        golden("dot_general", operands, {**axes, "wide": "true"}, result)
        if is_float:
            golden("dot_general", operands, axes, tensor(lhs, dims, [ROUND[lhs](to_f32(float(s))) for s in sums]))
        if (lhs, rhs) not in (("bf16", "bf16"), ("u8", "i8"), ("i8", "i8")):
            continue
        group, width = (2 if is_float else 4), 3
        def bits(k, n):
            if k >= depth or n >= columns:
                return 0
            x = b[k * columns + n]
            return struct.unpack("<I", struct.pack("<f", x))[0] >> 16 if is_float else x % 256
        words = [sum(bits(g * group + i, p * width + j) << (32 // group * i) for i in range(group))
                 for p in range(-(-columns // width)) for g in range(-(-depth // group)) for j in range(width)]
        stored = tensor("u32", [1, -(-columns // width), -(-depth // group), width], words)
        panels = {**axes, "rhs_shape": shape([depth, columns]), "width": width, "wide": "true"}
        golden("dot_panels", [operands[0], stored], panels, result)
        if lhs == "i8":
            raised = [s + 128 * sum(b[k * columns + n] for k in range(depth)) for s, n in zip(sums, itertools.cycle(range(columns)))]
            golden("dot_panels", [operands[0], stored], {**panels, "raised": "true"}, tensor("i32", dims, raised))


def main():
    casts()
    arithmetic()
    products()
    FOLDER.mkdir(exist_ok=True)
    for op, lines in LINES.items():
        (FOLDER / f"{op}.txt").write_text("# Made by make_golden_narrow.py.\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
