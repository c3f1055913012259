// Emits the functions of a module: predict, evaluate, step, init (docs/decisions/001-program-and-state.md).
// compile.cpp decides what is compiled; Lowering runs the bodies.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "frontend/language/language.h"
#include "frontend/language/lower.h"

namespace sinter::language {

/// What a train block says, its values not yet evaluated.
struct TrainPlan {
  const Expression* loss = nullptr;
  const Expression* optimizer = nullptr;
  const Expression *groups = nullptr, *frozen = nullptr, *gradients = nullptr;  // null: absent
  std::vector<std::pair<std::string, const Expression*>> metrics;  // by name
  bool normalise = false;
  std::optional<double> learning_rate;  // in place of the optimizer's own
};

class Program {
 public:
  /// `train` may be null: then the module predicts and initialises only.
  Program(Context& context, const Declaration& model, const TrainPlan* train) : context_(context), model_(model), train_(train) {}

  /// With `gradient`, the module has that function too: with a train block, that of its loss; without, what add_gradient adds.
  ir::Module emit(bool gradient = false);
  /// Adds the function `gradient` to the module of `emit`: from the inputs and `d_RESULT`, the gradient of some scalar with respect to each float result,
  /// to `d_NAME`, the gradients with respect to each float input and parameter but those that `without` names.
  void add_gradient(ir::Module& module, const std::set<std::string, std::less<>>& without);
  /// Metrics that are no means over samples but made of sums, by the function `measure`, and these sums.
  const std::vector<std::string>& totalled() const { return totalled_; }
  const std::vector<std::string>& sums() const { return sums_; }
  const std::vector<std::string>& inputs() const { return inputs_; }
  const std::vector<std::string>& outputs() const { return outputs_; }

 private:
  using Results = std::vector<std::pair<std::string_view, Datum>>;

  Results run_model(Lowering& lowering, Emission& emission, Frame& frame);
  ir::Value normalised(Emission& emission, const std::string& input, ir::Value value, const Frame& frame);
  ir::Function emit_predict();
  ir::Function emit_evaluate();
  ir::Function emit_step();
  ir::Function emit_init();
  ir::Function emit_measure();
  ir::Function emit_gradient(const std::set<std::string, std::less<>>& without);
  ir::Function emit_loss_gradient();
  ir::Value measure(Lowering& lowering, Emission& emission, Frame& frame);
  void write_scalar(Lowering& lowering, Emission& emission, Frame& frame, const std::string& name, const Expression& expression,
                    ir::Value* kept);
  void write_totalled(Lowering& lowering, Emission& emission, Frame& frame, const std::string& name, const Expression& expression);

  // update.cpp
  struct Group;
  TemplatePtr optimizer(Lowering& lowering);
  TemplatePtr with_learning_rate(Lowering& lowering, const Template& made, double learning_rate) const;
  std::vector<const DeclaredVariable*> parameters_to_train(Lowering& lowering);
  std::vector<Group> read_groups(Lowering& lowering, const TemplatePtr& optimizer);
  Group read_group(Lowering& lowering, const Expression& call, const Template& optimizer, std::string path);
  std::vector<std::string> read_patterns(Lowering& lowering, const Expression& expression, const Datum& datum) const;
  std::vector<ir::Value> gradients_of(Lowering& lowering, Emission& emission, const std::vector<const DeclaredVariable*>& parameters, ir::Value loss);
  void update_parameters(Lowering& lowering, Emission& emission, ir::Value loss);
  ir::Value count_step(Emission& emission);
  void read_label(Emission& emission);

  Context& context_;
  const Declaration& model_;
  const TrainPlan* train_;
  VariableTable table_;
  std::vector<std::string> inputs_, outputs_, totalled_, sums_;
};

}  // namespace sinter::language
