#!/usr/bin/env python3
"""Fits the polynomials of src/backend/simd/bitcode and prints them as C++ constants.

Run by hand when a polynomial changes (Debian: python3-mpmath); the build does not need it.
Method: Remez exchange in 160 digits on the weighted error; then, from the lowest power up, each coefficient is
rounded to its C++ type and the ones above it are fitted again, so that rounding one is made good by the others.
"""
import struct
import sys

from mpmath import mp, mpf, matrix, lu_solve, exp, log, tanh, erf, erfc, sin, cos, tan, atan, asin, sinh, sqrt, pi, expm1, log1p

mp.dps = 160  # a fit of many terms divides by high powers of numbers near 0


def round_to(value, bits):
    """value in a float of `bits` bits of precision, ties to even, as an mpf."""
    if value == 0:
        return mpf(0)
    mantissa, exponent = mp.frexp(value)
    return mp.ldexp(mp.nint(mp.ldexp(mantissa, bits)), int(exponent) - bits)


def remez(target, weight, powers, low, high):
    """Coefficients c that minimise max |weight(x) * (target(x) - sum c_k x^powers[k])| on [low, high]."""
    n = len(powers)
    grid_size = 40 * (n + 1)
    middle, half = (low + high) / 2, (high - low) / 2
    grid = [middle - half * mp.cos(pi * k / grid_size) for k in range(grid_size + 1)]
    grid = [x for x in grid if abs(x) > half / 2000]
    grid_size = len(grid) - 1
    values = [target(x) for x in grid]
    weights = [weight(x) for x in grid]
    nodes = [round(k * grid_size / n) for k in range(n + 1)]
    for _ in range(60):
        a, b = matrix(n + 1, n + 1), matrix(n + 1, 1)
        for row, g in enumerate(nodes):
            for k, p in enumerate(powers):
                a[row, k] = grid[g] ** p
            a[row, n] = (-1) ** row / weights[g]
            b[row] = values[g]
        solution = lu_solve(a, b)
        c, level = [solution[k] for k in range(n)], abs(solution[n])
        error = [w * (v - sum(ck * x**p for ck, p in zip(c, powers))) for x, v, w in zip(grid, values, weights)]
        # One extremum per run of equal sign; of those, n + 1 of alternating sign without the smallest ripples.
        extrema = []
        for g, e in enumerate(error):
            if extrema and (e >= 0) == (error[extrema[-1]] >= 0):
                if abs(e) > abs(error[extrema[-1]]):
                    extrema[-1] = g
            else:
                extrema.append(g)
        while len(extrema) > n + 1:
            size = [abs(error[g]) for g in extrema]
            if len(extrema) == n + 2:
                extrema.pop(0 if size[0] < size[-1] else -1)
                continue
            k = min(range(len(extrema) - 1), key=lambda k: max(size[k], size[k + 1]))
            del extrema[k : k + 2]
        greatest = max(abs(e) for e in error)
        if greatest < level * (1 + mpf(10) ** -3):
            return c
        if len(extrema) < n + 1:
            break
        nodes = extrema
    return least_squares(grid, values, weights, powers)


def least_squares(grid, values, weights, powers):
    """Where the exchange fails, which it does for weights that vanish over much of the range: within a bit of the best."""
    n = len(powers)
    rows = [[w * x**p for p in powers] for x, w in zip(grid, weights)]
    right = [w * v for v, w in zip(values, weights)]
    a = matrix(n, n)
    b = matrix(n, 1)
    for i in range(n):
        for j in range(n):
            a[i, j] = sum(row[i] * row[j] for row in rows)
        b[i] = sum(row[i] * r for row, r in zip(rows, right))
    return list(lu_solve(a, b))


def fit(name, target, weight, powers, low, high, bits):
    low, high = mpf(low), mpf(high)
    fixed = []
    rest = target
    for k in range(len(powers)):
        p0 = powers[k]  # x^p0 is divided out: what is left is an ordinary polynomial, which always has a unique best fit
        c = remez(lambda x: rest(x) / x**p0, lambda x: abs(weight(x) * x**p0), [p - p0 for p in powers[k:]], low, high)
        fixed.append(round_to(c[0], bits))
        rest = lambda x, done=tuple(fixed): target(x) - sum(ck * x**p for ck, p in zip(done, powers))
    error = max(abs(weight(x) * rest(x)) for x in (low + (high - low) * k / 2000 for k in range(2001)) if x != 0)
    kind, suffix = ("float", "f") if bits == 24 else ("double", "")
    numbers = ", ".join((float(c).hex().replace("0000000p", "p") if bits == 24 else float(c).hex()) + suffix for c in fixed)
    print(f"// {name}: error 2^{float(mp.log(error, 2)):.1f} on [{float(low):.4g}, {float(high):.4g}]")
    print(f"constexpr {kind} k{name}[] = {{{numbers}}};", flush=True)


def chebyshev(target, count, low, high):
    """Coefficients of the polynomial of `count` powers through the target at Chebyshev's points: within a bit of the best."""
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle + half * mp.cos(pi * (k + mpf(1) / 2) / count) for k in range(count)]
    a = matrix(count, count)
    for row, x in enumerate(points):
        for k in range(count):
            a[row, k] = x**k
    return [c for c in lu_solve(a, matrix([target(x) for x in points]))]


def erf_table():
    """erf on 16 intervals around i w (w about 0.266): erf(i w + t) = v + t (c1 + t (c2 + ...)), v = t at i = 0. Printed power by power, 16 numbers each."""
    width, powers = mpf(278985) / 2**20, 7  # erf(i w) and its slope are almost floats for i up to 3, where their rounding would show
    rows = [[mpf(0)] + chebyshev(lambda t: erf(t) / t - 1, powers - 1, mpf(0), width / 2)]
    for i in range(1, 16):
        rows.append(chebyshev(lambda t: erf(i * width + t), powers, -width / 2, width / 2))
    print("// ErfTable")
    for power in range(powers):
        numbers = [float(round_to(row[power], 24)).hex().replace("0000000p", "p") + "f" for row in rows]
        print("{" + ", ".join(numbers) + "},", flush=True)


def fits():
    """name -> (target, weight, powers, low, high, bits). Weights make the error relative to the final result."""
    half_log2 = float(log(2) / 2) + 0.0003
    tiny = mpf(10) ** -20  # stands for 0 where the target is a quotient

    def away(x):
        return x if abs(x) > tiny else tiny

    def series(x, direct, first_terms):  # near 0 a quotient loses all digits: use its series there
        return direct(x) if abs(x) > mpf(10) ** -12 else first_terms(x)

    def exp_q(r):  # exp(r) = 1 + r + r^2 q(r)
        return series(r, lambda r: (expm1(r) - r) / r**2, lambda r: mpf(1) / 2 + r / 6)

    def log_p(f):  # log(1 + f) = f - f^2/2 + f^3 p(f)
        return series(f, lambda f: (log1p(f) - f + f**2 / 2) / f**3, lambda f: mpf(1) / 3 - f / 4)

    def log_atanh(z):  # log((1+s)/(1-s)) = 2 s + s^3 p(s^2)
        return series(z, lambda z: (2 * mp.atanh(sqrt(z)) - 2 * sqrt(z)) / sqrt(z)**3, lambda z: mpf(2) / 3 + 2 * z / 5)

    def log2_atanh(z):  # log2((1+s)/(1-s)) = log2(e) (2 s + 2/3 s^3) + s^5 p(s^2)
        return series(z, lambda z: (2 * mp.atanh(sqrt(z)) - 2 * sqrt(z) - 2 * sqrt(z)**3 / 3) / sqrt(z)**5, lambda z: mpf(2) / 5 + 2 * z / 7) / log(2)

    def exp2_q(r):  # 2^r = 1 + r ln 2 + r^2 q(r)
        return series(r, lambda r: (2**r - 1 - r * log(2)) / r**2, lambda r: log(2)**2 / 2 + r * log(2)**3 / 6)

    def cos_rest(z):  # cos(x) = 1 - x^2 / 2 + x^4 p(x^2)
        return series(z, lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, lambda z: mpf(1) / 24 - z / 720)

    def log2_p(f):  # log2(1 + f) = f (log2(e) + f p(f))
        return series(f, lambda f: (log1p(f) / f - 1) / f / log(2), lambda f: (-mpf(1) / 2 + f / 3) / log(2))

    def odd(function, coefficient):  # function(x) = x + x^3 p(x^2), of z = x^2
        return lambda z: series(z, lambda z: (function(sqrt(z)) - sqrt(z)) / sqrt(z)**3, lambda z: mpf(coefficient))

    def odd_weight(function):  # relative to function, of z = x^2
        return lambda z: away(z) * sqrt(away(z)) / function(sqrt(away(z)))

    def erf_small(z):  # erf(x) = x + x p(x^2)
        return series(z, lambda z: erf(sqrt(z)) / sqrt(z) - 1, lambda z: 2 / sqrt(pi) - 1)

    def erf_tail(a):  # erfc(a) = exp(-g(a))
        return -log(erfc(a))

    table = {
        "ExpF32": (exp_q, lambda r: away(r)**2 / abs(expm1(away(r))), range(5), -half_log2, half_log2, 24),
        "LogF32": (log_p, lambda f: away(f)**3 / log1p(away(f)), range(8), -0.33334, 0.33334, 24),
        "Log2F32": (log2_p, lambda f: away(f)**2 / log1p(away(f)), range(9), -0.33334, 0.33334, 24),
        "TanhF32": (odd(tanh, -mpf(1) / 3), odd_weight(tanh), range(6), 0, 0.65**2, 24),
        "SinF32": (odd(sin, -mpf(1) / 6), odd_weight(sin), range(4), 0, 0.7855**2, 24),
        "CosF32": (cos_rest, lambda z: z**2 / cos(sqrt(z)), range(3), 0, 0.7855**2, 24),
        "TanF32": (odd(tan, mpf(1) / 3), odd_weight(tan), range(7), 0, 0.7855**2, 24),
        "AtanF32": (odd(atan, -mpf(1) / 3), odd_weight(atan), range(9), 0, 1, 24),
        "AsinF32": (odd(asin, mpf(1) / 6), odd_weight(asin), range(7), 0, 0.36, 24),
        "SinhF32": (odd(sinh, mpf(1) / 6), odd_weight(sinh), range(4), 0, 1, 24),
        "ExpF64": (exp_q, lambda r: away(r)**2 / abs(expm1(away(r))), range(11), -half_log2, half_log2, 53),
        "LogF64": (log_atanh, lambda z: away(z) * sqrt(away(z)) / mp.atanh(sqrt(away(z))) / 2, range(7), 0, 0.0296, 53),
        "TanhF64": (odd(tanh, -mpf(1) / 3), odd_weight(tanh), range(12), 0, 0.601**2, 53),
        "ErfF64": (erf_small, lambda z: sqrt(away(z)) / erf(sqrt(away(z))), range(12), 0, 0.94**2, 53),
        "ErfTailF64": (erf_tail, lambda a: erfc(a) / erf(a), range(18), 0.92, 6, 53),
        "SinhF64": (odd(sinh, mpf(1) / 6), odd_weight(sinh), range(8), 0, 1, 53),
        "SinF64": (odd(sin, -mpf(1) / 6), odd_weight(sin), range(7), 0, 0.7855**2, 53),
        "CosF64": (cos_rest, lambda z: z**2 / cos(sqrt(z)), range(6), 0, 0.7855**2, 53),
        "TanF64": (odd(tan, mpf(1) / 3), odd_weight(tan), range(15), 0, 0.7855**2, 53),
        "AtanF64": (odd(atan, -mpf(1) / 3), odd_weight(atan), range(20), 0, 1, 53),
        "AsinF64": (odd(asin, mpf(1) / 6), odd_weight(asin), range(16), 0, 0.36, 53),
        "PowerLog2F64": (log2_atanh, lambda z: away(z)**2 * sqrt(away(z)) / mp.atanh(sqrt(away(z))) / 2 * log(2), range(8), 0, 0.0296, 53),
        "PowerExp2F64": (exp2_q, lambda r: r**2 / 2**r, range(11), -0.501, 0.501, 53),
        "PowerLog2": (lambda z: log_atanh(z) / log(2),
                      lambda z: away(z) * sqrt(away(z)) / mp.atanh(sqrt(away(z))) / 2 * log(2), range(5), 0, 0.0296, 53),
        "PowerExp2": (lambda r: series(r, lambda r: (2**r - 1) / r, lambda r: log(2)), lambda r: r / 2**r, range(8), -0.5, 0.5, 53),
    }
    return table


if __name__ == "__main__":
    chosen = fits()
    for name in sys.argv[1:] or [*chosen, "ErfTable"]:
        if name == "ErfTable":
            erf_table()
            continue
        target, weight, powers, low, high, bits = chosen[name]
        fit(name, target, weight, list(powers), low, high, bits)
