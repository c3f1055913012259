#!/usr/bin/env python3
"""Writes tests/golden/OP.txt for convolutions, pooling, windows and batch_norm; like make_golden.py, whose spelling it uses.

Run: /usr/bin/python3 tests/golden/make_golden_windows.py [OP ...]
Convolutions (also transposed ones) and pooling come from torch, channels moved to its second axis and back, in f64 and rounded once for f32;
windows of the view skew from numpy's sliding_window_view.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F

from make_golden import DTYPES, FOLDER, INF, LINES, NAN, array, golden, numbers, shape

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAXIMA = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
MEANS = {2: F.avg_pool2d, 3: F.avg_pool3d}


def channels_first(a):
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(a, -1, 1).astype(np.float64)))


def channels_last(t, dtype):
    return np.ascontiguousarray(np.moveaxis(t.numpy(), 1, -1)).astype(DTYPES[dtype])


def filter_first(a):
    """[w.., in, out] as torch has it: [out, in, w..]."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(a, (-1, -2), (0, 1)).astype(np.float64)))


def padded(t, low, high, value=0.0):
    pairs = [p for l, h in reversed(list(zip(low, high))) for p in (l, h)]
    return F.pad(t, pairs, value=value)  # negative ones cut off


# ---- convolution ----

def convolution(dims, window, out, low, high, stride=None, dilation=None, groups=1):
    rank = len(window)
    stride, dilation = stride or [1] * rank, dilation or [1] * rank
    for dtype in ("f32", "f64"):
        x = numbers(dtype, *dims, seed=11)
        w = numbers(dtype, *window, dims[-1] // groups, out, seed=12)
        y = CONVOLUTIONS[rank](padded(channels_first(x), low, high), filter_first(w), stride=stride, dilation=dilation, groups=groups)
        golden("convolution", [x, w], channels_last(y, dtype), stride=stride, padding_low=shape(*low), padding_high=shape(*high), dilation=dilation,
               input_dilation=[1] * rank, groups=groups)


def transposed(dims, window, out, padding, extra, stride, dilation, groups=1):
    """torch's transposed convolution: strides become input dilations, its filter [in, out / groups, w..] is reversed."""
    rank = len(window)
    for dtype in ("f32", "f64"):
        x = numbers(dtype, *dims, seed=13)
        channels = dims[-1]
        kernel = numbers(dtype, channels, out // groups, *window, seed=14)  # torch's
        y = TRANSPOSED[rank](channels_first(x), torch.from_numpy(kernel.astype(np.float64)), stride=stride, padding=padding, output_padding=extra, groups=groups,
                             dilation=dilation)
        flipped = np.flip(kernel, tuple(range(2, 2 + rank)))
        grouped = flipped.reshape(groups, channels // groups, out // groups, *window)
        ours = np.moveaxis(grouped, (1, 0, 2), (-3, -2, -1)).reshape(*window, channels // groups, out)
        low = [d * (w - 1) - p for d, w, p in zip(dilation, window, padding)]
        golden("convolution", [x, np.ascontiguousarray(ours)], channels_last(y, dtype), stride=[1] * rank, padding_low=shape(*low),
               padding_high=shape(*[l + e for l, e in zip(low, extra)]), dilation=dilation, input_dilation=stride, groups=groups)


def convolutions():
    convolution((2, 4, 5, 3), (3, 3), 2, [0, 0], [0, 0])
    convolution((1, 5, 4, 2), (3, 3), 3, [1, 1], [1, 1], stride=[2, 1])
    convolution((1, 6, 5, 2), (2, 3), 2, [2, 1], [0, 2], dilation=[2, 1])
    convolution((1, 7, 8, 1), (2, 2), 2, [-1, -2], [0, -1], stride=[3, 4])
    convolution((2, 3, 3, 4), (1, 1), 3, [0, 0], [0, 0])
    convolution((2, 5, 5, 2), (1, 1), 3, [0, 0], [0, 0], stride=[2, 2])
    convolution((1, 4, 4, 4), (3, 2), 6, [1, 0], [1, 1], groups=2)
    convolution((2, 4, 3, 3), (3, 3), 3, [1, 1], [1, 1], stride=[2, 1], groups=3)
    convolution((2, 7, 2), (3,), 3, [2], [1], stride=[2], dilation=[2])
    convolution((1, 3, 4, 3, 2), (2, 2, 3), 2, [1, 0, 1], [0, 0, 1], stride=[1, 2, 1])
    convolution((0, 4, 4, 1), (2, 2), 2, [0, 0], [0, 0])
    transposed((1, 3, 2, 2), (3, 3), 2, [1, 0], [1, 0], [2, 3], [1, 1])
    transposed((2, 2, 3, 4), (2, 2), 6, [0, 0], [0, 1], [2, 2], [1, 2], groups=2)
    transposed((1, 4, 3), (4,), 2, [1], [0], [3], [1])


def panels(dims, window, out, low, high, stride, width):
    """The filter as panels of `width` output channels, zeros beyond the last."""
    rank = len(window)
    for dtype in ("f32", "f64"):
        x, w = numbers(dtype, *dims, seed=23), numbers(dtype, *window, dims[-1], out, seed=24)
        y = CONVOLUTIONS[rank](padded(channels_first(x), low, high), filter_first(w), stride=stride)
        rows = np.pad(w.reshape(-1, out), ((0, 0), (0, -out % width)))
        stored = np.ascontiguousarray(np.moveaxis(rows.reshape(len(rows), -1, width), 1, 0))
        golden("convolution_panels", [x, stored], channels_last(y, dtype), stride=stride, padding_low=shape(*low), padding_high=shape(*high), dilation=[1] * rank,
               input_dilation=[1] * rank, groups=1, filter_shape=shape(*w.shape), width=width)


def all_panels():
    panels((2, 4, 3, 2), (3, 2), 5, [1, 0], [1, 1], [1, 1], 4)
    panels((1, 5, 3), (2,), 8, [0], [1], [2], 4)


def filter_gradient(dims, window, out, low, high, stride, dilation, blocks, groups=1):
    """Of each block of images, by torch."""
    rank = len(window)
    for dtype in ("f32", "f64"):
        x = numbers(dtype, *dims, seed=21)
        weights = torch.zeros(out, dims[-1] // groups, *window, dtype=torch.float64)
        images = -(-dims[0] // blocks)
        y = CONVOLUTIONS[rank](padded(channels_first(x), low, high), weights, stride=stride, dilation=dilation, groups=groups)
        cotangent = numbers(dtype, dims[0], *y.shape[2:], out, seed=22)
        sums = []
        for block in range(blocks):
            w, part = weights.clone().requires_grad_(), slice(block * images, (block + 1) * images)
            CONVOLUTIONS[rank](padded(channels_first(x[part]), low, high), w, stride=stride, dilation=dilation, groups=groups).backward(channels_first(cotangent[part]))
            sums.append(np.moveaxis(w.grad.numpy(), (0, 1), (-1, -2)))
        golden("filter_gradient", [x, cotangent], np.ascontiguousarray(np.stack(sums)).astype(DTYPES[dtype]), stride=stride, padding_low=shape(*low),
               padding_high=shape(*high), dilation=dilation, input_dilation=[1] * rank, window=shape(*window), blocks=blocks, groups=groups)


def filter_gradients():
    filter_gradient((3, 4, 5, 2), (3, 3), 2, [1, 1], [1, 1], [1, 2], [1, 1], 2)
    filter_gradient((2, 5, 3, 3), (2, 2), 2, [0, 1], [0, 0], [1, 1], [2, 1], 1)
    filter_gradient((3, 6, 2), (3,), 3, [1], [2], [2], [1], 3)
    filter_gradient((3, 3, 4, 4), (2, 3), 6, [1, 1], [0, 1], [1, 1], [1, 1], 2, groups=2)
    filter_gradient((2, 4, 3, 3), (3, 3), 3, [1, 1], [1, 1], [2, 1], [1, 1], 1, groups=3)


# ---- windows ----

def skews():
    for dtype in ("f32", "f64", "i32", "bool"):
        x, pad = numbers(dtype, 7, seed=15), array(dtype, 1)
        for window, stride, dilation, low, high in [(3, 1, 1, 0, 0), (2, 2, 1, 1, 0), (3, 2, 2, 2, 1), (2, 3, 1, 0, 0)]:
            spread = np.pad(x, (low, high), constant_values=pad)
            views = np.lib.stride_tricks.sliding_window_view(spread, (window - 1) * dilation + 1)[::stride, ::dilation]
            data = np.ascontiguousarray(np.broadcast_to(x[:, None], (7, window)))
            golden("skew", [data, pad], np.ascontiguousarray(views), axes=[0], window_axes=[1], sizes=shape(len(views)), stride=[stride], dilation=[dilation],
                   offset=shape(low), input_dilation=[1])
    # Entries 2 apart: what numpy's repetition with holes gives.
    x = array("f32", [1, 2, 3])
    holes = array("f32", [0, 1, 0, 2, 0, 3, 0])
    views = np.lib.stride_tricks.sliding_window_view(holes, 2)
    golden("skew", [np.ascontiguousarray(np.broadcast_to(x[:, None], (3, 2))), array("f32", 0)], np.ascontiguousarray(views), axes=[0], window_axes=[1], sizes=shape(6),
           stride=[1], dilation=[1], offset=shape(1), input_dilation=[2])
    # Along the diagonal, back: column w moves down by w.
    x = array("f64", [[1, 2, 3], [4, 5, 6]])
    golden("skew", [x, array("f64", 0)], array("f64", [[1, 0, 0], [4, 2, 0], [0, 5, 3], [0, 0, 6]]), axes=[0], window_axes=[1], sizes=shape(4), stride=[1],
           dilation=[-1], offset=shape(0), input_dilation=[1])


def pool_attributes(rank, window, stride, low, high, dilation):
    return dict(axes=list(range(1, rank + 1)), window=window, stride=stride, padding_low=shape(*low), padding_high=shape(*high), dilation=dilation,
                input_dilation=[1] * rank)


def pooling():
    rows = [((2, 4, 6, 2), [2, 2], [2, 2], [0, 0], [1, 1]), ((1, 5, 5, 3), [3, 3], [2, 2], [1, 1], [1, 1]), ((1, 6, 4, 1), [3, 2], [1, 3], [1, 0], [2, 1]),
            ((1, 4, 3, 4, 2), [2, 2, 2], [2, 1, 1], [1, 0, 1], [1, 1, 1]), ((2, 7, 2), [3], [2], [1], [1])]
    for dims, window, stride, pad, dilation in rows:
        rank = len(window)
        attributes = pool_attributes(rank, window, stride, pad, pad, dilation)
        for dtype in ("f32", "f64"):
            x = numbers(dtype, *dims, seed=16)
            t = channels_first(x).requires_grad_()
            largest, index = MAXIMA[rank](t, window, stride, pad, dilation, return_indices=True)
            golden("reduce_window_max", [x], channels_last(largest.detach(), dtype), **attributes)
            golden("reduce_window_min", [-x], channels_last(-largest.detach(), dtype), **attributes)
            # Where the largest is in its window: torch tells where it is in the image.
            places = np.unravel_index(index.numpy(), dims[1:-1])
            number = np.zeros(index.shape, np.int64)
            for k in range(rank):
                first = (np.arange(index.shape[2 + k]) * stride[k] - pad[k]).reshape([-1 if a == 2 + k else 1 for a in range(rank + 2)])
                number = number * window[k] + (places[k] - first) // dilation[k]
            number = np.ascontiguousarray(np.moveaxis(number, 1, -1))
            golden("reduce_window_argmax", [x], number, **attributes)
            golden("reduce_window_argmin", [-x], number, **attributes)
            golden("pick_window", [x, number], channels_last(largest.detach(), dtype), **attributes)
            updates = numbers(dtype, *number.shape, seed=17)
            largest.backward(channels_first(updates))
            golden("scatter_window", [updates, number], channels_last(t.grad, dtype), sizes=shape(*dims[1:-1]), **attributes)
            if rank in MEANS and dilation == [1] * rank:
                means = MEANS[rank](channels_first(x), window, stride, pad, divisor_override=1)
                golden("reduce_window_sum", [x], channels_last(means, dtype), **attributes)
    ends = dict(axes=[0], window=[2], stride=[1], padding_low=shape(1), padding_high=shape(0), dilation=[1], input_dilation=[1])
    special = array("f32", [1, NAN, -INF, -INF, INF, 3, 3])
    golden("reduce_window_max", [special], array("f32", [1, NAN, NAN, -INF, INF, INF, 3]), **ends)
    golden("reduce_window_min", [special], array("f32", [1, NAN, NAN, -INF, -INF, 3, 3]), **ends)
    golden("reduce_window_sum", [special], array("f32", [1, NAN, NAN, -INF, NAN, INF, 6]), **ends)
    # Counted before the first entry there is padding, -inf or inf.
    golden("reduce_window_argmax", [special], array("i64", [1, 1, 0, 0, 1, 0, 0]), **ends)
    golden("reduce_window_argmin", [special], array("i64", [1, 1, 0, 0, 0, 1, 0]), **ends)


def norms():
    for dims, epsilon in [((4, 3), 1e-5), ((2, 3, 2, 3), 1e-3), ((5, 1), 1e-5)]:
        for dtype in ("f32", "f64"):
            x, scale, bias = numbers(dtype, *dims, seed=18, scale=3.0), numbers(dtype, dims[-1], seed=19), numbers(dtype, dims[-1], seed=20)
            t = channels_first(x)
            y = F.batch_norm(t, None, None, torch.from_numpy(scale.astype(np.float64)), torch.from_numpy(bias.astype(np.float64)), True, 0.1, epsilon)
            over = tuple(k for k in range(t.ndim) if k != 1)
            mean, variance = t.mean(over).numpy(), t.var(over, unbiased=False).numpy()
            golden("batch_norm", [x, scale, bias], (channels_last(y, dtype), mean.astype(DTYPES[dtype]), variance.astype(DTYPES[dtype])), epsilon=epsilon)


def main():
    for family in (convolutions, all_panels, filter_gradients, skews, pooling, norms):
        family()
    wanted = sys.argv[1:] or sorted(LINES)
    for op in wanted:
        (FOLDER / f"{op}.txt").write_text("# Made by make_golden_windows.py.\n" + "\n".join(LINES[op]) + "\n")
    print(f"{len(wanted)} ops, {sum(len(LINES[op]) for op in wanted)} lines")


if __name__ == "__main__":
    main()
