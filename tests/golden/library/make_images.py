#!/usr/bin/env python3
"""Writes tests/golden/library/images.txt: what PyTorch computes for the library's convolutions, pooling and norms, like make_library.py.

Run: /usr/bin/python3 tests/golden/library/make_images.py
PyTorch has channels on the second axis and filters [out, in, ..]; both are moved on the way.
"""
import torch
import torch.nn.functional as F

from make_library import Writer, numbers, shrunk


def first(x):
    return x.movedim(-1, 1).contiguous()


class Contiguous(torch.autograd.Function):
    """torch 1.13 gives wrong gradients of instance_norm where the cotangent is channels last."""

    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, dy):
        return dy.contiguous()


def last(x):
    return Contiguous.apply(x).movedim(1, -1)


def weights(prefix, module):
    """[out, in / groups, w..] as [w.., in / groups, out]."""
    turned = lambda t: t.movedim((1, 0), (-2, -1))
    result = {prefix + ".weight": (turned(module.weight), lambda: turned(module.weight.grad))}
    if module.bias is not None:
        result[prefix + ".bias"] = (module.bias, lambda: module.bias.grad)
    return result


def weights_transposed(prefix, module):
    """[in, out / groups, w..] as [w.., in / groups, out]: output channels of all groups stand side by side."""
    def turned(t):
        groups = module.groups
        inputs, outputs, window = t.shape[0] // groups, t.shape[1], t.shape[2:]
        grouped = t.reshape(groups, inputs, outputs, *window).movedim((1, 0, 2), (-3, -2, -1))
        return grouped.reshape(*window, inputs, groups * outputs)
    return {prefix + ".weight": (turned(module.weight), lambda: turned(module.weight.grad)), prefix + ".bias": (module.bias, lambda: module.bias.grad)}


def spelled(text, dims):
    return text.replace("x:", f"x: f64[{', '.join(map(str, dims))}]", 1)


def main():
    w = Writer("images", "From PyTorch: torch.nn's convolutions, pooling and norms, channels moved to the last axis.")

    def layer(text, dims, module, parameters, inputs=None):
        w.call(spelled(text, dims), {"x": numbers(*dims)}, lambda x: last(module(first(x))), parameters)

    def convolution(text, dims, module):
        shrunk(module)
        layer(text, dims, module, weights("result", module))

    def function(text, dims, f):
        w.call(spelled(text, dims), {"x": numbers(*dims)}, lambda x: last(f(first(x))))

    nn = torch.nn
    convolution("conv1d(x:, 3, 3)", (2, 6, 2), nn.Conv1d(2, 3, 3))
    convolution("conv1d(x:, 2, 4, stride = 2, padding = 3, dilation = 2)", (1, 9, 2), nn.Conv1d(2, 2, 4, 2, 3, 2))
    convolution("conv2d(x:, 3, 3)", (2, 5, 4, 2), nn.Conv2d(2, 3, 3))
    convolution("conv2d(x:, 3, [3, 2], stride = [2, 1], padding = [1, 0], bias = false)", (1, 5, 4, 2), nn.Conv2d(2, 3, (3, 2), (2, 1), (1, 0), bias=False))
    convolution('conv2d(x:, 2, 4, padding = "same", dilation = [1, 2])', (1, 4, 5, 2), nn.Conv2d(2, 2, 4, padding="same", dilation=(1, 2)))
    convolution("conv2d(x:, 6, 3, padding = 1, groups = 2)", (1, 4, 3, 4), nn.Conv2d(4, 6, 3, padding=1, groups=2))
    convolution("conv3d(x:, 2, 2, stride = [1, 2, 1])", (1, 3, 4, 3, 2), nn.Conv3d(2, 2, 2, (1, 2, 1)))
    convolution("depthwise_conv2d(x:, 3, multiplier = 2, padding = 1)", (1, 4, 4, 2), nn.Conv2d(2, 4, 3, padding=1, groups=2))
    depthwise, pointwise = shrunk(nn.Conv2d(3, 3, 3, 2, groups=3, bias=False)), shrunk(nn.Conv2d(3, 2, 1))
    layer("separable_conv2d(x:, 2, 3, stride = 2)", (1, 5, 6, 3), lambda x: pointwise(depthwise(x)),
          weights("result.depthwise", depthwise) | weights("result.pointwise", pointwise))
    module = shrunk(nn.ConvTranspose1d(2, 3, 4, 2, 1))
    layer("conv_transpose1d(x:, 3, 4, stride = 2, padding = 1)", (1, 4, 2), module, weights_transposed("result", module))
    module = shrunk(nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), groups=2, dilation=(1, 2)))
    layer("conv_transpose2d(x:, 6, [3, 2], stride = [2, 3], padding = [1, 0], output_padding = [1, 2], groups = 2, dilation = [1, 2])", (1, 3, 2, 4), module,
          weights_transposed("result", module))

    function("max_pool(x:)", (2, 4, 6, 2), lambda x: F.max_pool2d(x, 2))
    function("max_pool(x:, 3, stride = 2, padding = 1)", (1, 5, 6, 2), lambda x: F.max_pool2d(x, 3, 2, 1))
    function("max_pool(x:, [2, 3], stride = 1, dilation = 2)", (1, 5, 7, 1), lambda x: F.max_pool2d(x, (2, 3), 1, dilation=2))
    function("max_pool(x:, 2)", (2, 7, 3), lambda x: F.max_pool1d(x, 2))
    function("average_pool(x:, 3, stride = 2, padding = 1)", (1, 5, 6, 2), lambda x: F.avg_pool2d(x, 3, 2, 1))
    function("average_pool(x:, 3, stride = 2, padding = 1, count_padding = false)", (1, 5, 6, 2), lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))
    function("average_pool(x:, [2, 1, 2])", (1, 4, 3, 5, 2), lambda x: F.avg_pool3d(x, (2, 1, 2)))
    function("global_average_pool(x:)", (2, 3, 4, 3), lambda x: x.mean((2, 3)))
    function("global_max_pool(x:)", (2, 3, 4, 3), lambda x: x.amax((2, 3)))
    function("adaptive_average_pool(x:, [2, 3])", (2, 5, 7, 2), lambda x: F.adaptive_avg_pool2d(x, (2, 3)))
    function("adaptive_average_pool(x:, 1)", (1, 3, 4, 2), lambda x: F.adaptive_avg_pool2d(x, 1))
    function("adaptive_average_pool(x:, 4)", (1, 6, 2), lambda x: F.adaptive_avg_pool1d(x, 4))
    function("adaptive_max_pool(x:, [2, 3])", (1, 5, 7, 2), lambda x: F.adaptive_max_pool2d(x, (2, 3)))
    function("adaptive_max_pool(x:, [4, 5])", (1, 6, 3, 2), lambda x: F.adaptive_max_pool2d(x, (4, 5)))
    w.call("flatten(x: f64[2, 3, 2])", {"x": numbers(2, 3, 2)}, lambda x: x.flatten(1))

    def norm(module):
        return {"result.scale": (module.weight, lambda: module.weight.grad), "result.bias": (module.bias, lambda: module.bias.grad)}

    module = shrunk(nn.GroupNorm(2, 4))
    layer("group_norm(x:, 2)", (2, 3, 2, 4), module, norm(module))
    layer("instance_norm(x:)", (2, 3, 2, 3), nn.InstanceNorm2d(3), {})
    module = shrunk(nn.InstanceNorm2d(3, eps=0.01, affine=True))
    layer("instance_norm(x:, epsilon = 0.01, affine = true)", (2, 4, 3, 3), module, norm(module))
    w.write()


if __name__ == "__main__":
    main()
