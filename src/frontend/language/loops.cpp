// Choices and loops over tensors: their blocks become regions of `if`, `scan` and `while`. A block is lowered once, around stand-ins for what
// changes from round to round; what else it reads is given to the region, unchanged.
#include <algorithm>

#include "frontend/language/lower.h"
#include "frontend/language/lower_scopes.h"

namespace sinter::language {
namespace {

/// Names that a block assigns, in order, each once.
void collect_assigned(const Block& block, std::vector<Target>& names) {
  for (const Statement& s : block) {
    if (s.kind == Statement::Kind::kAssign)
      for (const Target& target : s.targets)
        if (std::none_of(names.begin(), names.end(), [&](const Target& known) { return known.name == target.name; })) names.push_back(target);
    collect_assigned(s.body, names);
    collect_assigned(s.otherwise, names);
  }
}

std::vector<Target> assigned_in(const Block& block) {
  std::vector<Target> names;
  collect_assigned(block, names);
  return names;
}

void append(std::vector<ir::Value>& to, const std::vector<ir::Value>& values) { to.insert(to.end(), values.begin(), values.end()); }

}  // namespace

/// What goes round in a loop, and what the block assigns anew.
struct Lowering::Rounds {
  std::vector<Target> carried, fresh;
  std::vector<ir::Value> starts, stand_ins;
  Environment outside;  // names as they were
  size_t first_node = 0;
};

void Lowering::run_if(const Statement& s, Frame& frame) {
  const Datum value = evaluate(*s.value, frame);
  const ir::Value* tensor = value.as<ir::Value>();
  if (tensor != nullptr && emission_.builder().type(*tensor) == TensorType{DType::kBool, {}}) return run_choice(s, *tensor, frame);
  run_block(condition(value, *s.value, frame, "the condition of an if") ? s.body : s.otherwise, frame);
}

/// A state is written once per call of the program: not by one side of a choice, not in every round.
void Lowering::forbid_state(const std::map<std::string, ir::Value, std::less<>>& before, const Statement& s, const Frame& frame, const char* what) {
  for (const auto& [name, value] : emission_.written()) {
    const auto old = before.find(name);
    if (old == before.end() || old->second != value)
      fail(ErrorCode::kUnsupported, frame, s.offset, "the state '" + name + "' is assigned in " + what, "assign it after, to what comes out");
  }
}

void Lowering::run_choice(const Statement& s, ir::Value predicate, Frame& frame) {
  const Environment outside = frame.names;
  const auto written = emission_.written();
  const Block* blocks[] = {&s.body, &s.otherwise};
  Environment inside[2];
  size_t first = emission_.node_count();
  const size_t begin = first;
  for (size_t side = 0; side < 2; ++side) {
    run_block(*blocks[side], frame);
    forbid_state(written, s, frame, "a choice by a tensor");
    inside[side] = frame.names;
    frame.names = outside;
  }
  // What both sides give, or one side and what was there before.
  std::vector<Target> names = assigned_in(s.body);
  for (const Target& target : assigned_in(s.otherwise))
    if (std::none_of(names.begin(), names.end(), [&](const Target& known) { return known.name == target.name; })) names.push_back(target);
  std::vector<Target> results;
  std::vector<ir::Value> values[2];
  for (const Target& target : names) {
    const Datum *then = inside[0].find(target.name), *otherwise = inside[1].find(target.name);
    if (then == nullptr || otherwise == nullptr) continue;
    const ir::Value *a = then->as<ir::Value>(), *b = otherwise->as<ir::Value>();
    if (a == nullptr && b == nullptr)
      fail(ErrorCode::kType, frame, target.offset, "'" + std::string(target.name) + "' is " + describe(*then) + " on one side of a choice by a tensor, " + describe(*otherwise) + " on the other",
           "what is known while compiling cannot depend on a tensor");
    const ir::Value one = a ? *a : tensor(*then, emission_.builder().dtype(*b), frame, target.offset);
    const ir::Value other = b ? *b : tensor(*otherwise, emission_.builder().dtype(*a), frame, target.offset);
    const TensorType &left = emission_.builder().type(one), &right = emission_.builder().type(other);
    if (left != right)
      fail(ErrorCode::kType, frame, target.offset,
           "'" + std::string(target.name) + "' is " + left.to_string() + " where the condition holds and " + right.to_string() + " where it does not");
    results.push_back(target);
    values[0].push_back(one);
    values[1].push_back(other);
  }
  if (results.empty()) return;
  std::vector<ir::Value> given = emission_.captured(begin, {}, values[0]);
  for (const ir::Value value : emission_.captured(begin, given, values[1])) given.push_back(value);
  std::vector<ir::Graph> regions;
  for (const std::vector<ir::Value>& side : values) regions.push_back(emission_.region(given, side));
  given.insert(given.begin(), predicate);
  const std::vector<ir::Value> made = emission_.builder().apply("if", std::move(given), {}, std::move(regions));
  for (size_t i = 0; i < results.size(); ++i) frame.names.set(results[i].name, made[i]);
}

Lowering::Rounds Lowering::begin_rounds(const Statement& s, Frame& frame) {
  Rounds rounds;
  rounds.outside = frame.names;
  for (const Target& target : assigned_in(s.body)) {
    const Datum* known = frame.names.find(target.name);
    const bool is_row = std::any_of(s.targets.begin(), s.targets.end(), [&](const Target& row) { return row.name == target.name; });
    if (known == nullptr || is_row) {
      if (!is_row) rounds.fresh.push_back(target);
      continue;
    }
    const ir::Value* start = known->as<ir::Value>();
    if (start == nullptr)
      fail(ErrorCode::kType, frame, target.offset, "'" + std::string(target.name) + "' is " + describe(*known) + " before this loop, and assigned in it",
           "what changes from round to round begins as a tensor: " + std::string(target.name) + " = full(shape, 0, f32)");
    rounds.carried.push_back(target);
    rounds.starts.push_back(*start);
  }
  rounds.first_node = emission_.node_count();
  for (size_t i = 0; i < rounds.carried.size(); ++i) {
    rounds.stand_ins.push_back(emission_.stand_in(emission_.builder().type(rounds.starts[i])));
    frame.names.set(rounds.carried[i].name, rounds.stand_ins.back());
  }
  return rounds;
}

/// The value of what goes round after the block.
ir::Value Lowering::next_of(const Rounds& rounds, size_t i, Frame& frame) {
  const Target& target = rounds.carried[i];
  const TensorType type = emission_.builder().type(rounds.starts[i]);
  const ir::Value next = tensor(*frame.names.find(target.name), type.dtype, frame, target.offset);
  const TensorType& actual = emission_.builder().type(next);
  if (actual != type)
    fail(ErrorCode::kType, frame, target.offset,
         "'" + std::string(target.name) + "' is " + type.to_string() + " before the loop and " + actual.to_string() + " after a round",
         "what goes round keeps its type");
  return next;
}

void Lowering::run_scan(const Statement& s, Frame& frame) {
  std::vector<ir::Value> stacks;
  std::optional<Dim> length;
  for (size_t i = 0; i < s.rows.size(); ++i) {
    const Datum datum = evaluate(*s.rows[i], frame);
    const ir::Value* given = datum.as<ir::Value>();
    if (const Dim* count = datum.as<Dim>())
      stacks.push_back(emission_.builder().call("iota", {}, {{"shape", Shape{*count}}, {"axis", int64_t{0}}, {"dtype", DType::kI64}}));
    else if (given != nullptr && emission_.builder().shape(*given).rank() > 0)
      stacks.push_back(*given);
    else
      fail(ErrorCode::kType, frame, s.rows[i]->offset, "a scan goes along the first axis of a tensor, or counts to a whole number; this is " + describe(datum));
    const Dim rows = emission_.builder().shape(stacks.back())[0];
    if (length && *length != rows)
      fail(ErrorCode::kType, frame, s.rows[i]->offset, "the tensors of a scan are equally long; this one has " + rows.to_string() + " rows, the first " + length->to_string());
    length = rows;
  }
  const auto written = emission_.written();
  Rounds rounds = begin_rounds(s, frame);
  std::vector<ir::Value> rows;
  for (size_t i = 0; i < stacks.size(); ++i) {
    TensorType type = emission_.builder().type(stacks[i]);
    type.shape = Shape(std::vector<Dim>(type.shape.begin() + 1, type.shape.end()));
    rows.push_back(emission_.stand_in(type));
    frame.names.set(s.targets[i].name, rows.back());
  }
  run_block(s.body, frame);
  forbid_state(written, s, frame, "a scan");

  std::vector<ir::Value> results;
  for (size_t i = 0; i < rounds.carried.size(); ++i) results.push_back(next_of(rounds, i, frame));
  Environment names = rounds.outside;
  std::vector<std::string_view> stacked;
  for (const auto& [name, datum] : frame.names) {
    if (rounds.outside.find(name) != nullptr) continue;
    const ir::Value* value = datum.as<ir::Value>();
    const bool is_row = std::any_of(s.targets.begin(), s.targets.end(), [&](const Target& row) { return row.name == name; });
    if (is_row) continue;
    if (value == nullptr || emission_.is_variable(*value)) {
      names.set(name, datum);
      continue;
    }
    results.push_back(*value);
    stacked.push_back(name);
  }
  std::vector<ir::Value> arguments = rounds.stand_ins;
  append(arguments, rows);
  const std::vector<ir::Value> captured = emission_.captured(rounds.first_node, arguments, results);
  arguments = rounds.stand_ins;
  append(arguments, captured);
  append(arguments, rows);
  results.insert(results.begin() + static_cast<std::ptrdiff_t>(rounds.carried.size()), captured.begin(), captured.end());
  std::vector<ir::Value> operands = rounds.starts;
  append(operands, captured);
  append(operands, stacks);
  const int64_t carried = static_cast<int64_t>(rounds.carried.size() + captured.size());
  const std::vector<ir::Value> made =
      emission_.builder().apply("scan", std::move(operands), {{"carried", carried}, {"length", *length}, {"reverse", s.reverse}}, {emission_.region(arguments, results)});
  for (size_t i = 0; i < rounds.carried.size(); ++i) names.set(rounds.carried[i].name, made[i]);
  for (size_t i = 0; i < stacked.size(); ++i) names.set(stacked[i], made[static_cast<size_t>(carried) + i]);
  frame.names = std::move(names);
}

void Lowering::run_while(const Statement& s, Frame& frame) {
  const auto written = emission_.written();
  Rounds rounds = begin_rounds(s, frame);
  const Datum condition = evaluate(*s.value, frame);
  const ir::Value* holds = condition.as<ir::Value>();
  if (holds == nullptr || emission_.builder().type(*holds) != TensorType{DType::kBool, {}})
    fail(ErrorCode::kType, frame, s.value->offset, "the condition of a while is " + describe(condition) + ", not a tensor bool[]",
         holds == nullptr ? "use repeat for a number of turns that is known while compiling" : "reduce it with reduce_any or reduce_all");
  const std::vector<ir::Value> decides{*holds};
  run_block(s.body, frame);
  forbid_state(written, s, frame, "a while");
  std::vector<ir::Value> results;
  for (size_t i = 0; i < rounds.carried.size(); ++i) results.push_back(next_of(rounds, i, frame));
  std::vector<ir::Value> arguments = rounds.stand_ins;
  for (const std::vector<ir::Value>* wanted : {&decides, static_cast<const std::vector<ir::Value>*>(&results)})
    append(arguments, emission_.captured(rounds.first_node, arguments, *wanted));
  const std::vector<ir::Value> captured(arguments.begin() + static_cast<std::ptrdiff_t>(rounds.stand_ins.size()), arguments.end());
  append(results, captured);
  std::vector<ir::Value> operands = rounds.starts;
  append(operands, captured);
  const std::vector<ir::Value> made =
      emission_.builder().apply("while", std::move(operands), {}, {emission_.region(arguments, decides), emission_.region(arguments, results)});
  frame.names = rounds.outside;
  for (size_t i = 0; i < rounds.carried.size(); ++i) frame.names.set(rounds.carried[i].name, made[i]);
}

}  // namespace sinter::language
