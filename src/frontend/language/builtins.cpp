// Functions of the compiler: they look at types and lists, which ops cannot.
#include <algorithm>

#include "frontend/language/lower.h"

namespace sinter::language {
namespace {

constexpr size_t kMaxElements = 1 << 20;  // of a table written in a text
constexpr int64_t kMaxAxes = 64;

/// The extents of nested lists of numbers; the numbers in row-major order.
bool flatten(const Datum& datum, size_t level, Extents& extents, std::vector<Datum>& into) {
  const List* list = datum.as<List>();
  if (list == nullptr) {
    into.push_back(datum);
    return level == extents.size() && into.size() <= kMaxElements;
  }
  const auto size = static_cast<int64_t>((*list)->size());
  if (level == extents.size()) {
    if (!into.empty()) return false;  // a list where a number stood before
    extents.push_back(size);
  }
  if (extents[level] != size || level > 16) return false;
  return std::all_of((*list)->begin(), (*list)->end(), [&](const Datum& item) { return flatten(item, level + 1, extents, into); });
}

}  // namespace

const std::vector<std::pair<std::string_view, Builtin>>& builtins() {
  static const std::vector<std::pair<std::string_view, Builtin>> kBuiltins = {
      {"shape", Builtin::kShape},   {"rank", Builtin::kRank},       {"size", Builtin::kSize}, {"dtype", Builtin::kDType},
      {"length", Builtin::kLength}, {"product", Builtin::kProduct}, {"full", Builtin::kFull}, {"table", Builtin::kTable},
      {"per_axis", Builtin::kPerAxis}, {"rate_at", Builtin::kRateAt}, {"monitored", Builtin::kMonitored}};
  return kBuiltins;
}

std::string_view name(Builtin builtin) {
  for (const auto& [known, value] : builtins()) {
    if (value == builtin) return known;
  }
  return "builtin";
}

Tensor Lowering::table(const Datum& value, DType dtype, const Frame& frame, uint32_t offset) {
  Extents extents;
  std::vector<Datum> items;
  if (!flatten(value, 0, extents, items))
    fail(ErrorCode::kType, frame, offset, "the lists of a table are of equal length, and not too many");
  Tensor table(dtype, extents);
  for (int64_t i = 0; i < table.size(); ++i) {
    const Datum& item = items[static_cast<size_t>(i)];
    const bool* flag = item.as<bool>();
    if (!item.known_number() && flag == nullptr) fail(ErrorCode::kType, frame, offset, "a table holds numbers, not " + describe(item));
    if (const auto whole = item.known_integer()) table.set_integer(i, *whole);
    else table.set(i, flag != nullptr ? static_cast<double>(*flag) : *item.known_number());
  }
  return table;
}

Datum Lowering::call_builtin(Builtin builtin, Arguments arguments, const Frame& frame, uint32_t offset) {
  const std::string callee(language::name(builtin));
  const auto next = [&](std::string_view wanted) -> std::optional<Arguments::Item> {
    if (auto named = arguments.take(wanted)) return named;
    if (arguments.items.empty() || !arguments.items.front().name.empty()) return std::nullopt;
    return arguments.take("");
  };
  const auto need = [&](std::string_view wanted) {
    auto item = next(wanted);
    if (!item) fail(ErrorCode::kType, frame, offset, "argument '" + std::string(wanted) + "' of " + callee + " is missing");
    return *item;
  };
  const auto done = [&] {
    if (arguments.items.empty()) return;
    const auto& extra = arguments.items.front();
    fail(ErrorCode::kName, frame, extra.offset,
         extra.name.empty() ? callee + " takes fewer arguments" : callee + " has no argument '" + std::string(extra.name) + "'");
  };
  const auto tensor_type = [&] {
    const auto item = need("x");
    done();
    const Datum value = decide_label(item.value, false, frame, item.offset);
    if (!value.is<ir::Value>()) fail(ErrorCode::kType, frame, item.offset, callee + " wants a tensor, not " + describe(value));
    return emission_.builder().type(*value.as<ir::Value>());
  };
  const auto list_of = [&](const Arguments::Item& item) -> List {
    if (const List* list = item.value.as<List>()) return *list;
    fail(ErrorCode::kType, frame, item.offset, callee + " wants a list, not " + describe(item.value));
  };
  const auto dtype_of_item = [&](const std::optional<Arguments::Item>& item) {
    if (!item) return DType::kF32;
    if (const DType* dtype = item->value.as<DType>()) return *dtype;
    fail(ErrorCode::kType, frame, item->offset, callee + " wants a dtype, not " + describe(item->value));
  };
  switch (builtin) {
    case Builtin::kShape: return make_list(tensor_type().shape);
    case Builtin::kRank: return Dim(static_cast<int64_t>(tensor_type().shape.rank()));
    case Builtin::kSize: return tensor_type().shape.element_count();
    case Builtin::kDType: return tensor_type().dtype;
    case Builtin::kLength: {
      const List list = list_of(need("list"));
      done();
      return Dim(static_cast<int64_t>(list->size()));
    }
    case Builtin::kProduct: {
      const List list = list_of(need("list"));
      done();
      Datum result = Dim(1);
      for (const Datum& item : *list) result = combine("*", result, item, frame, offset);
      return result;
    }
    case Builtin::kFull: {
      const List dims = list_of(need("shape"));
      const auto value = need("value");
      const DType dtype = dtype_of_item(next("dtype"));
      done();
      Shape shape;
      for (const Datum& dim : *dims) {
        if (!dim.is<Dim>() || dim.known_integer().value_or(0) < 0)
          fail(ErrorCode::kType, frame, offset, "a shape holds whole numbers from 0, not " + describe(dim));
        shape.push_back(*dim.as<Dim>());
      }
      return emission_.builder().broadcast_to(tensor(value.value, dtype, frame, value.offset), shape);
    }
    case Builtin::kPerAxis: {
      const auto value = need("value"), count = need("count");
      done();
      const auto axes = count.value.known_integer();
      if (!axes || *axes < 0 || *axes > kMaxAxes) fail(ErrorCode::kType, frame, count.offset, "a count of axes is a whole number, not " + describe(count.value));
      const List* list = value.value.as<List>();
      if (list == nullptr) return make_list(std::vector<Datum>(static_cast<size_t>(*axes), value.value));
      if (static_cast<int64_t>((*list)->size()) != *axes)
        fail(ErrorCode::kType, frame, value.offset, "this list has " + std::to_string((*list)->size()) + " items, for " + std::to_string(*axes) + " axes",
             "one number stands for all axes");
      return value.value;
    }
    case Builtin::kTable: {
      const auto list = need("value");
      const DType dtype = dtype_of_item(next("dtype"));
      done();
      return emission_.builder().constant(table(list.value, dtype, frame, list.offset));
    }
    case Builtin::kRateAt: {
      const auto schedule = need("schedule");
      const auto step = next("step"), total_steps = next("total_steps");
      done();
      return rate_at(schedule, step, total_steps, frame);
    }
    case Builtin::kMonitored: {
      const auto measured = need("name");
      done();
      return monitored(measured, frame, offset);
    }
  }
  SINTER_CHECK(false, "an unknown builtin");
}

}  // namespace sinter::language
