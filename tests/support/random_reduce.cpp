// The reducer of random modules.
#include <algorithm>

#include "support/random_draft.h"

namespace sinter::test {
namespace {

class Reducer {
 public:
  Reducer(Draft draft, const std::function<bool(const RandomModule&)>& fails) : best_(std::move(draft)), fails_(fails) {}

  RandomModule operator()() {
    while (drop_results() || drop_steps()) {
    }
    return best_.emit();
  }

 private:
  bool keep_if_it_fails(Draft candidate) {
    const RandomModule random = candidate.emit();
    if (!fails_(random)) return false;
    best_ = draft_of(random);  // what is dead goes for good
    return true;
  }

  bool drop_results() {
    for (size_t i = 0; i < best_.updates.size(); ++i) {
      Draft candidate = best_;
      candidate.updates.erase(candidate.updates.begin() + static_cast<std::ptrdiff_t>(i));
      if (keep_if_it_fails(std::move(candidate))) return true;
    }
    for (size_t i = 0; i < best_.outputs.size(); ++i) {
      Draft candidate = best_;
      candidate.outputs.erase(candidate.outputs.begin() + static_cast<std::ptrdiff_t>(i));
      if (keep_if_it_fails(std::move(candidate))) return true;
    }
    return false;
  }

  /// A step goes when its results become arguments with the values they had, and what it read becomes outputs where nothing else needs it.
  bool drop_steps() {
    for (size_t i = best_.steps.size(); i-- > 0;) {
      if (keep_if_it_fails(without_step(i, false)) || keep_if_it_fails(without_step(i, true))) return true;
    }
    return false;
  }

  Draft without_step(size_t index, bool keeps_operands) const {
    Draft draft = best_;
    const Draft::Step step = draft.steps[index];
    draft.steps.erase(draft.steps.begin() + static_cast<std::ptrdiff_t>(index));
    for (const int result : step.results) {
      Draft::Item& item = draft.items[static_cast<size_t>(result)];
      item.is_argument = true;
      item.role = Role::kInput;
      item.fill = {item.type};
    }
    const auto is_argument = [&](int item) { return draft.items[static_cast<size_t>(item)].is_argument; };
    std::erase_if(draft.outputs, is_argument);
    for (const int operand : step.operands) {
      if (keeps_operands && !is_argument(operand)) draft.outputs.push_back(operand);
    }
    return draft;
  }

  Draft best_;
  const std::function<bool(const RandomModule&)>& fails_;
};

}  // namespace

RandomModule reduce(const RandomModule& random, const std::function<bool(const RandomModule&)>& fails) { return Reducer(draft_of(random), fails)(); }

}  // namespace sinter::test
