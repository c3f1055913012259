// Prepared values: what an executable computes ahead from the variables of a state, for all its Runs on that state. Kept by State, asked for by
// Run before it executes. They follow the variables they are made of: by versions, and by addresses, since a variable may be replaced. Never
// saved, never seen by the caller. Reasons: docs/decisions/012-prepared-values.md.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "runtime/executable.h"

namespace sinter::runtime {

/// The variables that values are prepared from, as they were when these were computed last.
class PreparedSources {
 public:
  explicit PreparedSources(const Executable& preparation, const State& state);
  /// Nothing has changed since `note`; false before the first.
  bool are_current(const State& state) const;
  void note(const State& state);
  /// After a failure: as if nothing had been noted.
  void forget();

 private:
  struct Source {
    size_t state_index;
    uint64_t version = 0;
    const void* address = nullptr;
  };
  std::vector<Source> sources_;
  bool noted_ = false;
};

class PreparedValues {
 public:
  explicit PreparedValues(std::shared_ptr<const Executable> preparation);

  /// The memory of a prepared variable, which keeps its address.
  const Tensor& value(std::string_view name) const;
  int64_t bytes() const;

  /// Computes the values unless they are current. Runs of several threads may ask at the same time, as long as none of them writes the state:
  /// the first computes, with its team, the others wait for it. Raises what execute() does.
  void refresh(State& state, Team& team);

 private:
  const std::shared_ptr<const Executable> preparation_;
  std::vector<Tensor> values_;  // per port of the preparation; those it writes
  std::mutex mutex_;
  std::unique_ptr<PreparedSources> sources_;  // under the mutex
};

}  // namespace sinter::runtime
