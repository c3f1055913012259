// Runs bodies of the model language: facts are computed while compiling, tensors become nodes of an Emission's graph.
// compile.cpp and program.cpp drive it, once per function of the module. It knows nothing of train blocks.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "frontend/language/datum.h"
#include "frontend/language/emission.h"

namespace sinter::language {

/// What all functions of one compilation share.
struct Context {
  const File& user;
  const File& library;
  std::map<std::string, int64_t, std::less<>> dims;  // symbols that are compiled in
  std::set<std::string, std::less<>> symbols;        // that the model's inputs name
  std::optional<TensorType> output;                  // of the model's first result, once known
  std::optional<TensorType> label;                   // once a use has told
  std::vector<std::string> measured = {};            // what fit can tell a schedule of an epoch: the loss, metrics
};

/// A running body: its names, and where its layers and variables are named.
struct Frame {
  const Source* source = nullptr;
  const Declaration* declaration = nullptr;  // null in a train block
  Environment names;
  std::string path;            // of the layer and its repeat blocks; empty in the model
  std::string layer_path;      // of the layer alone
  std::string_view target;     // the name that is being assigned: it names layer calls
  Frame* layer = nullptr;      // the layer around this one, itself in a model; null where layers cannot be called
  bool has_variables = false;  // whether variables may be declared here: layers, models, optimizers
  int scope = 0;               // a number of its own per layer call
  bool claimed = false;        // whether it owns its path already
  std::vector<std::pair<std::string_view, std::string>> states;  // names of own states, and their variables
  std::optional<TensorType> state_type;                          // of states declared without one (optimizers, schedules)
  std::optional<ir::Value> step, total_steps;                    // of a schedule that is asked about another place in the training
};

/// Where the user is told of a mistake.
struct Spot {
  const Source* source = nullptr;
  uint32_t offset = 0;
  Place place() const { return source == nullptr ? Place{} : source->place(offset); }
};

/// The arguments of a call, evaluated.
struct Arguments {
  struct Item {
    std::string_view name;  // empty when positional
    Datum value;
    uint32_t offset;
  };
  std::vector<Item> items;
  std::string callee;

  /// Removes and returns the argument of that name, when given.
  std::optional<Item> take(std::string_view name);
};

class Lowering {
 public:
  /// Random ops draw with the variables `train.seed` and `train.step` of `emission`, or, in `init`, with its input `seed` and step 0.
  Lowering(Context& context, Emission& emission, bool init = false) : context_(context), emission_(emission), init_(init) {}

  /// A frame for the body of `model`, its inputs bound. The first is replaced by what `prepare` makes of it.
  template <class Prepare>
  void bind_inputs(const Declaration& model, Frame& frame, Prepare prepare);
  /// The body of a declaration; its results by name.
  std::vector<std::pair<std::string_view, Datum>> run(const Declaration& declaration, Frame& frame);
  /// An initialiser's result of `type`, or a number spread to it.
  ir::Value initial_value(const Datum& initial, const TensorType& type, Spot spot);
  /// The optimizer's body in `frame`, which holds parameter, gradient and step: the new parameter.
  ir::Value run_optimizer(const Template& optimizer, Frame& frame, Spot spot);

  /// What `sum` statements are for from here on: the metric's name, and whether its result is made, of totals, or a batch adds to them.
  void begin_metric(std::string name, bool of_totals);
  /// Outputs that the current metric declared: its sums.
  const std::vector<std::string>& sums() const { return sums_; }

  /// The number of a schedule in this step, an f64 scalar; its states stand below `path`. Asked for twice it is computed once.
  ir::Value rate(const TemplatePtr& schedule, const std::string& path, Spot spot);
  /// The template with some arguments replaced, which have names.
  TemplatePtr changed(const Template& made, Arguments changes, const Frame& frame, uint32_t offset);

  Datum evaluate(const Expression& expression, Frame& frame);
  /// A tensor, or the number as a scalar of `dtype`.
  ir::Value tensor(const Datum& datum, DType dtype, const Frame& frame, uint32_t offset);
  std::string describe(const Datum& datum) const;
  [[noreturn]] void fail(ErrorCode code, const Frame& frame, uint32_t offset, const std::string& message,
                         const std::string& hint = {}) const;

 private:
  struct Nested;     // bounds the recursion
  struct CallScope;  // one entry of the call stack
  void count_step(const Frame& frame, uint32_t offset);
  Spot blame(const Frame& frame, uint32_t offset) const;
  [[noreturn]] void fail_like(const Error& error, const Frame& frame, uint32_t offset) const;

  // statements.cpp
  void run_block(const Block& block, Frame& frame);
  void run_statement(const Statement& statement, Frame& frame);
  void run_assign(const Statement& statement, Frame& frame);
  void run_repeat(const Statement& statement, Frame& frame);
  void assign(const Target& target, Datum value, Frame& frame);
  void declare_variable(const Statement& statement, Frame& frame);
  void declare_sum(const Statement& statement, Frame& frame);
  void claim(Frame& frame, uint32_t offset);
  void name_nodes(const Frame& frame, std::string_view target);
  bool condition(const Expression& expression, Frame& frame, const char* what);
  bool condition(const Datum& value, const Expression& expression, const Frame& frame, const char* what) const;

  // loops.cpp: choices and loops that the program takes when it runs
  struct Rounds;
  void run_if(const Statement& statement, Frame& frame);
  void run_choice(const Statement& statement, ir::Value predicate, Frame& frame);
  void run_scan(const Statement& statement, Frame& frame);
  void run_while(const Statement& statement, Frame& frame);
  /// Names that a block assigns, which must stand for tensors by then: those known before as stand-ins.
  Rounds begin_rounds(const Statement& statement, Frame& frame);
  ir::Value next_of(const Rounds& rounds, size_t carried, Frame& frame);
  void forbid_state(const std::map<std::string, ir::Value, std::less<>>& before, const Statement& statement, const Frame& frame, const char* what);

  // types.cpp
  void bind_input(const Parameter& parameter, Frame& frame);
  /// Binds the pattern's free names; what the datum is under it: a label decided, a number a tensor of rank 0.
  Datum match(const TypePattern& pattern, const Datum& datum, Frame& frame, const Frame& caller, uint32_t offset, const std::string& what);
  void match_shape(const TypePattern& pattern, const TensorType& actual, Frame& frame, const Frame& caller, uint32_t offset,
                   const std::string& what);
  bool match_word(std::string_view word, const Datum& datum) const;
  DType match_dtype(const TypePattern& pattern, DType actual, Frame& frame) const;
  TensorType type_of(const TypePattern& pattern, Frame& frame);
  std::string describe(const TypePattern& pattern, Frame& frame);
  Dim dim_of(const Expression& expression, Frame& frame);

  // expressions.cpp
  Datum name(const Expression& expression, Frame& frame);
  std::optional<Callable> find_callable(std::string_view name, const Frame& frame) const;
  [[noreturn]] void fail_unknown(std::string_view name, const Frame& frame, uint32_t offset) const;
  Datum index(const Expression& expression, Frame& frame);
  Datum index_list(const Expression& expression, const List& list, Frame& frame);
  Datum index_tensor(const Expression& expression, ir::Value value, Frame& frame);
  /// The label as what its use wants; other data as they are.
  Datum decide_label(const Datum& datum, bool classes, const Frame& frame, uint32_t offset);

  // arithmetic.cpp
  bool is_integer_tensor(const Datum& datum) const;
  Datum unary(const Expression& expression, Frame& frame);
  Datum binary(const Expression& expression, Frame& frame);
  Datum logic(const Expression& expression, Frame& frame);
  Datum combine(std::string_view symbol, const Datum& left, const Datum& right, const Frame& frame, uint32_t offset);
  Datum combine_numbers(std::string_view symbol, const Datum& left, const Datum& right, const Frame& frame, uint32_t offset);
  Datum combine_dims(std::string_view symbol, const Dim& left, const Dim& right, const Frame& frame, uint32_t offset);
  Datum power(const Datum& base, const Datum& exponent, const Frame& frame, uint32_t offset);
  ir::Value matmul(ir::Value left, ir::Value right, const Frame& frame, uint32_t offset);
  /// The operands of one elementwise op, numbers as tensors, all of one shape.
  std::vector<ir::Value> spread(std::string_view what, const std::vector<Datum>& data, const Frame& frame, uint32_t offset);

  // calls.cpp
  Datum call(const Expression& expression, Frame& frame);
  Callable callee(const Expression& expression, Frame& frame);
  Datum call_declared(const Declaration& declaration, Arguments arguments, Frame& frame, uint32_t offset);
  void bind(const Declaration& declaration, Arguments& arguments, Frame& callee, const Frame& caller, uint32_t offset);
  TemplatePtr make_template(const Declaration& declaration, Arguments arguments, const Frame& frame, uint32_t offset);
  std::string layer_name(const Declaration& declaration, Arguments& arguments, const Frame& frame);

  // op_calls.cpp
  struct OpCall;
  Datum call_op(const ir::OpDef& op, Arguments arguments, const Frame& frame, uint32_t offset);
  OpCall sort_arguments(const ir::OpDef& op, Arguments arguments, const Frame& frame, uint32_t offset);
  std::pair<const ir::OperandDef*, const ir::AttributeDef*> find_slot(const ir::OpDef& op, const Arguments::Item& item, size_t& position,
                                                                      const Frame& frame) const;
  Datum fold(const ir::OpDef& op, const std::vector<Datum>& operands);
  std::vector<ir::Value> operands_of(const ir::OpDef& op, const std::vector<Datum>& data, const ir::Attributes& attributes,
                                     const Frame& frame, uint32_t offset);
  ir::Attribute attribute(const ir::OpDef& op, const ir::AttributeDef& def, const Datum& datum, const Frame& frame, uint32_t offset);
  ir::Value read_run_state(const char* variable);
  void fill_random(const ir::OpDef& op, std::vector<Datum>& operands, ir::Attributes& attributes);
  void complete_axes(const ir::OpDef& op, const std::vector<ir::Value>& operands, ir::Attributes& attributes);
  ir::Value keep_axes(ir::Value operand, ir::Value reduced, const ir::Attributes& attributes);

  // schedules.cpp
  ir::Value run_schedule(const Template& schedule, Frame& frame, Spot spot);
  std::optional<Datum> place_in_training(std::string_view name, const Frame& frame);
  Datum rate_at(const Arguments::Item& schedule, const std::optional<Arguments::Item>& step,
                const std::optional<Arguments::Item>& total_steps, const Frame& frame);
  Datum monitored(const Arguments::Item& name, const Frame& frame, uint32_t offset);

  // builtins.cpp
  /// Nested lists of numbers as a tensor.
  Tensor table(const Datum& value, DType dtype, const Frame& frame, uint32_t offset);
  Datum call_builtin(Builtin builtin, Arguments arguments, const Frame& frame, uint32_t offset);

  struct Call {
    Spot spot;
    std::string_view name;
  };

  Context& context_;
  Emission& emission_;
  bool init_;
  std::vector<Call> calls_;
  std::vector<const Declaration*> running_;
  std::map<std::string, int, std::less<>> owners_;   // path -> scope of the layer call that owns it
  std::set<std::string, std::less<>> declared_;      // variables of this function
  std::map<std::string, int, std::less<>> streams_;  // random ops seen per name
  std::map<const Template*, ir::Value> rates_;       // of schedules, in this step
  std::string metric_;                               // the one that is measured; empty outside of metrics
  bool of_totals_ = false;
  std::vector<std::string> sums_;
  int scopes_ = 0;
  int depth_ = 0;
  int64_t steps_ = 0;
};

/// The builtins by name, for lookup and suggestions.
const std::vector<std::pair<std::string_view, Builtin>>& builtins();
std::string_view name(Builtin builtin);

template <class Prepare>
void Lowering::bind_inputs(const Declaration& model, Frame& frame, Prepare prepare) {
  bool first = true;
  for (const Parameter& parameter : model.parameters) {
    bind_input(parameter, frame);
    const Datum* bound = frame.names.find(parameter.name);
    if (!first || bound == nullptr || !bound->is<ir::Value>()) continue;
    frame.names.set(parameter.name, prepare(std::string(parameter.name), *bound->as<ir::Value>()));
    first = false;
  }
}

}  // namespace sinter::language
