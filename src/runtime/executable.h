// Executable, State, Run: the three objects of a compiled program.
//   Executable  code, constants, plan; immutable, shared by threads.
//   State       the memory of parameters and state variables, by name, and of what executables prepare from them; shared by the programs of
//               one module.
//   Run         one activation: laid-out arena, kernel arguments, failure slots. One thread at a time; cheap to repeat.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/abi.h"
#include "runtime/program.h"
#include "runtime/team.h"

namespace sinter::runtime {

class PreparedValues;

/// A program with its machine code. `code_owner` keeps the mapped code alive; `preparation` computes the prepared variables that the program
/// reads, null when it reads none.
class Executable {
 public:
  Executable(Program program, std::vector<SinterKernel> kernels, std::shared_ptr<void> code_owner,
             std::shared_ptr<const Executable> preparation = nullptr);
  const Program& program() const { return program_; }
  SinterKernel kernel(size_t index) const { return kernels_[index]; }
  /// The program as a plan image (runtime/kernel/plan.h).
  const std::vector<int64_t>& plan() const { return plan_; }
  const std::shared_ptr<const Executable>& preparation() const { return preparation_; }

 private:
  Program program_;
  std::vector<SinterKernel> kernels_;  // one per program kernel
  std::vector<int64_t> plan_;
  std::shared_ptr<void> code_owner_;
  std::shared_ptr<const Executable> preparation_;
};

/// Variables by name. Memory is 64-byte aligned; a variable keeps its address until it is replaced.
///
/// Values prepared from a variable are computed anew after it has changed: a Run that writes it says so, and so does whoever asks for it to be
/// written (get and value of a State that is not const). Who writes later, through a tensor or reference got before, calls `changed`.
class State {
 public:
  State();
  ~State();
  State(State&&) noexcept;
  State& operator=(State&&) noexcept;

  /// Adds a zero-filled variable; the same name and type again is a no-op, another type raises Error kType.
  void declare(const std::string& name, Role role, const TensorType& type);
  /// Raises Error kName with the closest name.
  Tensor& get(std::string_view name);
  const Tensor& get(std::string_view name) const;
  bool contains(std::string_view name) const;
  /// The variable's place in entries(), which it keeps. Raises as get.
  size_t index_of(std::string_view name) const;
  Tensor& value(size_t index) {
    changed(index);
    return entries_[index].value;
  }
  const Tensor& value(size_t index) const { return entries_[index].value; }

  /// The variable holds, or is about to hold, other values.
  void changed(std::string_view name) { changed(index_of(name)); }
  void changed(size_t index) { versions_[index].store(version(index) + 1, std::memory_order_relaxed); }
  /// Counts changes of the variable.
  uint64_t version(size_t index) const { return versions_[index].load(std::memory_order_relaxed); }

  /// What this executable prepares from this state: one copy for all its Runs, kept until executable or state go. Null when it prepares
  /// nothing. Threads may ask at the same time.
  std::shared_ptr<PreparedValues> prepared(const std::shared_ptr<const Executable>& executable);
  /// Memory of all prepared values.
  int64_t prepared_bytes() const;

  struct Entry {
    std::string name;
    Role role;
    Tensor value;
  };
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  struct PreparedTable;
  std::vector<Entry> entries_;
  std::deque<std::atomic<uint64_t>> versions_;  // per entry; atomic, since threads may ask for variables at the same time
  std::unique_ptr<PreparedTable> prepared_;
};

struct KernelTime {
  int64_t calls = 0;
  double seconds = 0;  // sum over participants
  double longest = 0;  // of the participant that was at it longest, call by call: about what the kernel took
};

class Run {
 public:
  /// Binds parameters and state of the program's ports to `state` (which must hold them and outlive the Run).
  Run(std::shared_ptr<const Executable> executable, State& state, Team& team);
  ~Run();

  /// Gives the tensor of an input or output for the next executions. Input memory must stay valid until replaced; a bound output is written
  /// in place. Outputs that are not bound get tensors of the Run's own. Raises Error kName, kType (dtype), kCheck (extents).
  void bind(std::string_view port, Tensor tensor);
  /// Sets a symbol that no input determines.
  void set_dim(std::string_view symbol, int64_t value);
  /// Runs the program once. Raises Error kCheck naming the model's node when a kernel reports a failure. In steady state (same extents) it
  /// allocates nothing.
  void execute();
  /// The tensor of an output after execute().
  const Tensor& output(std::string_view port) const;

  int64_t arena_bytes() const;  // for the extents last executed
  void profile(bool on);
  const std::vector<KernelTime>& kernel_times() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sinter::runtime
