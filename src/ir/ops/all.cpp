#include "ir/ops/ops.h"

namespace sinter::ir {

const OpRegistry& OpRegistry::instance() {
  static const OpRegistry registry = [] {
    OpRegistry made;
    add_elementwise_ops(made);
    add_compare_ops(made);
    add_reduce_ops(made);
    add_contract_ops(made);
    add_view_ops(made);
    add_window_ops(made);
    add_convolution_ops(made);
    add_filter_gradient(made);
    add_index_ops(made);
    add_random_ops(made);
    add_control_ops(made);
    add_activation_ops(made);
    add_composite_ops(made);
    add_batch_norm_ops(made);
    return made;
  }();
  return registry;
}

}  // namespace sinter::ir
