// What generated tests make of the samples of op records: modules, inputs, values of symbols. Used by the contract suite, by the tests of
// passes and by those of the backend; everything follows from records and seeds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/module.h"
#include "ir/op_def.h"

namespace sinter::test {

/// One function `main` that applies the op to input variables, named as the operands (of a variadic one: "operands.0", "operands.1"),
/// and returns output variables "result" (of several: "result.0", ...).
ir::Module module_of(const ir::OpDef& op, const ir::Sample& sample);
std::string operand_name(const ir::OpDef& op, size_t index);

/// The types of a sample's operands.
std::vector<TensorType> operand_types(const ir::Sample& sample);
std::vector<ir::Graph> regions_of(const std::vector<std::string>& region_texts);

/// A tensor of the operand's type under `symbols`, filled as it asks. Raises Error kCheck when the fill has no value for it (an index below
/// 0 entries).
Tensor make_input(const ir::SampleOperand& operand, const SymbolValues& symbols, uint32_t seed);
/// All inputs of module_of by variable name.
std::map<std::string, Tensor> make_inputs(const ir::OpDef& op, const ir::Sample& sample, const SymbolValues& symbols, uint32_t seed);

/// Values for the symbols of a sample: 0, 1, 2, and those around the lanes of vectors, alone and mixed. One empty choice when it has no
/// symbols. Some may not suit the op; the evaluator then raises Error kCheck, and native code must too.
std::vector<SymbolValues> symbol_choices(const ir::Sample& sample);
/// One choice of small, different sizes from 2, for tests that walk over every element.
SymbolValues small_symbols(const ir::Sample& sample);

/// For GoogleTest: every record of the registry (that `holds` picks), and its name as the name of the test.
std::vector<const ir::OpDef*> all_ops(bool (*holds)(const ir::OpDef&) = nullptr);
struct OpName {
  template <class Info> std::string operator()(const Info& info) const { return info.param->name; }
};

}  // namespace sinter::test

namespace sinter::ir {
/// What GoogleTest shows of a record.
inline void PrintTo(const OpDef* op, std::ostream* out) { *out << op->name; }
}  // namespace sinter::ir
