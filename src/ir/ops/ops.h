// The families of op records; all.cpp calls each once to fill the registry.
#pragma once

#include "ir/op_def.h"

namespace sinter::ir {

void add_elementwise_ops(OpRegistry& registry);  // arithmetic, math, logic, bits, cast, select
void add_compare_ops(OpRegistry& registry);
void add_reduce_ops(OpRegistry& registry);       // sum .. any, argmax, argmin
void add_contract_ops(OpRegistry& registry);     // dot_general
void add_view_ops(OpRegistry& registry);         // reshape, transpose, broadcast, slice, pad, concatenate, reverse
void add_window_ops(OpRegistry& registry);       // skew, reduce_window_sum .. argmin, pick_window, scatter_window
void add_convolution_ops(OpRegistry& registry);  // convolution, convolution_panels
void add_filter_gradient(OpRegistry& registry);  // filter_gradient
void add_index_ops(OpRegistry& registry);        // constant, iota, dim_size, gather, pick, scatter_add
void add_random_ops(OpRegistry& registry);       // random_bits; composites random_uniform, random_normal
void add_control_ops(OpRegistry& registry);      // if, while, scan, grad, fusion, stop_gradient
void add_activation_ops(OpRegistry& registry);   // relu, gelu, silu, ..., square, clamp: composites of one operand
void add_composite_ops(OpRegistry& registry);    // mean, softmax, log_softmax, cross_entropy, layer_norm, rms_norm, dropout, one_hot
void add_batch_norm_ops(OpRegistry& registry);   // batch_norm, a composite

}  // namespace sinter::ir
