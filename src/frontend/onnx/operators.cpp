#include "frontend/onnx/operators.h"

#include <map>

namespace sinter::onnx {
namespace {

using Key = std::pair<std::string, std::string>;

std::map<Key, std::vector<Operator>> make_index() {
  OperatorTable table;
  for (const auto add : {
           add_arithmetic,
           add_activations,
           add_logic,
           add_constants,
           add_shapes,
           add_indexing,
           add_products,
           add_reductions,
           add_normalisations,
           add_convolutions,
           add_pools,
           add_losses,
           add_quantisation,
           add_resampling,
       })
    add(table);
  std::map<Key, std::vector<Operator>> index;
  for (Operator& row : table) index[{row.domain, row.name}].push_back(std::move(row));
  return index;
}

}  // namespace

const Operator* find_operator(std::string_view domain, std::string_view name, int64_t version, bool& known) {
  static const std::map<Key, std::vector<Operator>> index = make_index();
  const auto found = index.find({std::string(domain), std::string(name)});
  known = found != index.end();
  const Operator* best = nullptr;
  if (known)
    for (const Operator& row : found->second)
      if (row.since <= version && (best == nullptr || row.since > best->since)) best = &row;
  return best;
}

}  // namespace sinter::onnx
