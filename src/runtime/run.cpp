#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/binding.h"
#include "base/text.h"
#include "runtime/executable.h"
#include "runtime/kernel/plan.h"
#include "runtime/layout.h"
#include "runtime/memory_block.h"
#include "runtime/prepared_values.h"
#include "runtime/tile_queue.h"

namespace sinter::runtime {
namespace {

constexpr size_t kMostSignatures = 8;

/// Stands for the memory of empty variables: a kernel may read it, never write it.
alignas(64) std::byte empty_memory[64];

/// Comes out of a call: the memory is the Run's own unless bound.
bool is_output(const Port& port) { return port.role == Role::kOutput || (port.role == Role::kPrepared && port.written); }

std::string in_role(const Port& port) { return std::string(name(port.role)) + " " + quoted(port.name); }

}  // namespace

struct Run::Impl {
  /// A port and the memory it stands for.
  struct Binding {
    Tensor tensor;            // inputs and outputs
    bool given = false;       // by bind
    size_t state_index = 0;   // parameters and state
    void* address = nullptr;
    Extents extents;
  };
  /// What is kept per signature.
  struct Activation {
    Activation(const Executable& executable, const SymbolValues& symbols, int participants)
        : layout(executable, symbols), outputs(executable.program().ports.size()) {
      if (participants > 1) queue = std::make_unique<TileQueue>(layout, executable.program().segments, participants);
    }
    std::vector<int64_t> signature;
    Layout layout;
    std::unique_ptr<TileQueue> queue;
    std::vector<std::optional<Tensor>> outputs;  // the Run's own, per port
    uint64_t used = 0;
    uint64_t pointed = 0;  // the state of the bindings that its calls point at
  };

  Impl(std::shared_ptr<const Executable> code, State& variables, Team& crew);

  int32_t port_of(std::string_view wanted) const;
  void bind(std::string_view port, Tensor tensor);
  void look_at_state();
  void look_at_prepared();
  void select();
  SymbolValues bind_all() const;
  void point();
  Tensor& own_output(size_t port);
  void check_apart(size_t output) const;
  void execute();
  size_t take_step(size_t at);
  void run_segment(size_t segment);
  bool run_here(const Segment& segment);
  [[noreturn]] void raise(size_t kernel, const SinterFailure& failure);
  void collect_profile();

  std::shared_ptr<const Executable> executable;
  State& state;
  Team& team;
  std::vector<Binding> bindings;     // per port
  std::vector<size_t> state_ports;   // parameters and state
  std::vector<size_t> written_entries;  // of the state
  std::shared_ptr<PreparedValues> prepared;
  std::optional<PreparedSources> prepared_from;  // as this Run saw them last
  SymbolValues dims_given;           // by set_dim
  bool signature_stale = true;       // extents or dims changed since `current` was selected
  uint64_t bindings_state = 1;       // changes with every address

  std::vector<std::unique_ptr<Activation>> activations;
  Activation* current = nullptr;
  uint64_t clock = 0;
  MemoryBlock arena, scratch;
  std::vector<void*> bases;          // per buffer
  std::vector<Participant> participants;
  bool profiling = false;
  std::vector<KernelTime> times;
};

Run::Impl::Impl(std::shared_ptr<const Executable> code, State& variables, Team& crew)
    : executable(std::move(code)), state(variables), team(crew) {
  const Program& program = executable->program();
  bindings.resize(program.ports.size());
  bases.resize(program.buffers.size());
  times.resize(program.kernels.size());
  for (size_t i = 0; i < program.ports.size(); ++i) {
    const Port& port = program.ports[i];
    if (port.role != Role::kParameter && port.role != Role::kState) continue;
    state_ports.push_back(i);
    bindings[i].state_index = state.index_of(port.name);
    if (port.written) written_entries.push_back(bindings[i].state_index);
    const Tensor& held = std::as_const(state).value(bindings[i].state_index);
    if (held.dtype() != port.type.dtype)
      throw Error(ErrorCode::kType, "the " + in_role(port) + " of the state is " + held.type_string() + ", the program wants " + port.type.to_string());
  }
  if ((prepared = state.prepared(executable))) {
    prepared_from.emplace(*executable->preparation(), state);
    for (size_t i = 0; i < program.ports.size(); ++i) {
      if (program.ports[i].role != Role::kPrepared) continue;
      bindings[i].tensor = prepared->value(program.ports[i].name);
      bindings[i].extents = bindings[i].tensor.extents();
      bindings[i].address = bindings[i].tensor.raw();
    }
  }
  const int64_t each = executable->plan()[SINTER_PLAN_SCRATCH_BYTES] + 64;  // apart, so that neighbours share no line
  scratch = MemoryBlock(each * team.size(), "scratch memory of " + program.function);
  participants.resize(static_cast<size_t>(team.size()));
  for (size_t i = 0; i < participants.size(); ++i) participants[i].scratch = scratch.data() + static_cast<int64_t>(i) * each;
}

int32_t Run::Impl::port_of(std::string_view wanted) const {
  const Program& program = executable->program();
  const int32_t index = program.find_port(wanted);
  if (index >= 0) {
    const Port& port = program.ports[static_cast<size_t>(index)];
    if (port.role == Role::kInput || is_output(port)) return index;
    throw Error(ErrorCode::kUsage, in_role(port) + " cannot be bound").hint("its value stands in the state");
  }
  std::vector<std::string> names;
  for (const Port& port : program.ports)
    if (port.role == Role::kInput || port.role == Role::kOutput) names.push_back(port.name);
  Error error(ErrorCode::kName, program.function + " has no input or output " + quoted(wanted));
  if (const std::string near = closest(wanted, names); !near.empty()) error.hint("did you mean " + quoted(near) + "?");
  throw error;
}

void Run::Impl::bind(std::string_view wanted, Tensor tensor) {
  const size_t index = static_cast<size_t>(port_of(wanted));
  const Port& port = executable->program().ports[index];
  Binding& binding = bindings[index];
  if (!binding.given || tensor.extents() != binding.extents || tensor.dtype() != port.type.dtype) {
    if (tensor.dtype() != port.type.dtype)
      throw Error(ErrorCode::kType, in_role(port) + " is " + port.type.to_string() + ", given is " + tensor.type_string());
    SymbolValues symbols;
    bind_symbols(in_role(port), port.type.shape, tensor.extents(), symbols);
    signature_stale = true;
  }
  binding.tensor = std::move(tensor);
  binding.extents = binding.tensor.extents();
  binding.given = true;
  binding.address = binding.tensor.raw();
  ++bindings_state;
}

/// A variable may have been replaced since the last time, by loaded weights for example.
void Run::Impl::look_at_state() {
  for (const size_t i : state_ports) {
    Binding& binding = bindings[i];
    const Tensor& held = std::as_const(state).value(binding.state_index);
    const Port& port = executable->program().ports[i];
    // Not by its address alone: a new tensor may stand where the old one stood.
    if (held.raw() == binding.address && held.dtype() == port.type.dtype && held.extents() == binding.extents) continue;
    if (held.dtype() != port.type.dtype)
      throw Error(ErrorCode::kType, "the " + in_role(port) + " of the state is " + held.type_string() + ", the program wants " + port.type.to_string());
    if (held.extents() != binding.extents) signature_stale = true;
    binding.extents = held.extents();
    binding.address = const_cast<void*>(held.raw());
    ++bindings_state;
  }
}

/// Prepared values follow the variables they are made of.
void Run::Impl::look_at_prepared() {
  if (!prepared || prepared_from->are_current(state)) return;
  prepared->refresh(state, team);
  prepared_from->note(state);
}

/// The values of all symbols, after every named check of the ports' extents.
SymbolValues Run::Impl::bind_all() const {
  const Program& program = executable->program();
  SymbolValues symbols = dims_given;
  for (size_t i = 0; i < program.ports.size(); ++i) {
    const Port& port = program.ports[i];
    if (is_output(port)) continue;
    if (port.role == Role::kInput && !bindings[i].given)
      throw Error(ErrorCode::kUsage, in_role(port) + " has no value").hint("bind a tensor of type " + port.type.to_string());
    bind_symbols(in_role(port), port.type.shape, bindings[i].extents, symbols);
  }
  for (const std::string& symbol : program.symbols)
    if (!symbols.contains(symbol))
      throw Error(ErrorCode::kUsage, "the dim " + symbol + " follows from no input").hint("set its value");
  for (size_t i = 0; i < program.ports.size(); ++i) {
    const Port& port = program.ports[i];
    if (!is_output(port) || bindings[i].given) check_extents(in_role(port), port.type.shape, bindings[i].extents, symbols);
  }
  return symbols;
}

/// Makes the activation for the extents of now the current one.
void Run::Impl::select() {
  const SymbolValues symbols = bind_all();
  std::vector<int64_t> signature;
  for (const std::string& symbol : executable->program().symbols) signature.push_back(symbols.find(symbol)->second);
  const auto known = std::find_if(activations.begin(), activations.end(), [&](const auto& a) { return a->signature == signature; });
  if (known != activations.end()) {
    current = known->get();
  } else {
    auto made = std::make_unique<Activation>(*executable, symbols, team.size());
    made->signature = std::move(signature);
    if (activations.size() == kMostSignatures) {
      activations.erase(std::min_element(activations.begin(), activations.end(), [](const auto& a, const auto& b) { return a->used < b->used; }));
    }
    current = activations.emplace_back(std::move(made)).get();
  }
  current->used = ++clock;
  if (current->layout.arena_bytes() > arena.bytes()) {
    arena = MemoryBlock();  // before the larger one is taken
    ++bindings_state;
    arena = MemoryBlock(current->layout.arena_bytes(), "the arena of " + executable->program().function);
  }
  signature_stale = false;
}

Tensor& Run::Impl::own_output(size_t port) {
  std::optional<Tensor>& own = current->outputs[port];
  if (!own) {
    const Program& program = executable->program();
    SymbolValues symbols;
    for (size_t i = 0; i < program.symbols.size(); ++i) symbols.emplace(program.symbols[i], current->signature[i]);
    own = Tensor(program.ports[port].type.dtype, program.ports[port].type.shape.evaluate(symbols));
  }
  return *own;
}

/// A bound output is written while inputs are still read.
void Run::Impl::check_apart(size_t output) const {
  const auto range = [&](size_t i) {
    const uintptr_t begin = reinterpret_cast<uintptr_t>(bindings[i].tensor.raw());
    return std::pair(begin, begin + bindings[i].tensor.bytes());
  };
  const auto [begin, end] = range(output);
  for (size_t i = 0; i < bindings.size(); ++i) {
    if (i == output || !bindings[i].given) continue;
    const auto [other_begin, other_end] = range(i);
    if (begin < other_end && other_begin < end)
      throw Error(ErrorCode::kUsage, in_role(executable->program().ports[output]) + " shares memory with " + in_role(executable->program().ports[i]));
  }
}

/// Puts the addresses of now into the current activation's calls.
void Run::Impl::point() {
  const Program& program = executable->program();
  for (size_t i = 0; i < program.ports.size(); ++i) {
    if (!is_output(program.ports[i])) continue;
    if (bindings[i].given) {
      check_apart(i);
    } else {
      bindings[i].address = own_output(i).raw();
    }
  }
  for (size_t b = 0; b < program.buffers.size(); ++b) {
    const PlannedBuffer& buffer = program.buffers[b];
    switch (buffer.kind) {
      case BufferKind::kVariable: bases[b] = bindings[static_cast<size_t>(buffer.index)].address; break;
      case BufferKind::kConstant: bases[b] = const_cast<void*>(program.constants[static_cast<size_t>(buffer.index)].raw()); break;
      case BufferKind::kArena: bases[b] = arena.data() + current->layout.offset(b); break;
      case BufferKind::kRow: break;  // found by the layout, row by row
    }
    if (bases[b] == nullptr) bases[b] = empty_memory;
  }
  current->layout.point(bases);
  current->pointed = bindings_state;
}

/// Runs a segment on the calling thread; false when a kernel failed, participant 0 knows which.
bool Run::Impl::run_here(const Segment& segment) {
  Participant& self = participants[0];
  const std::span<const KernelCall> calls = current->layout.calls();
  for (int32_t k = segment.first; k < segment.first + segment.count; ++k) {
    const KernelCall& call = calls[static_cast<size_t>(k)];
    if (call.tiles == 0) continue;
    const SinterArgs args = {call.buffers, call.dims, self.scratch, &self.failure};
    const auto start = profiling ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
    const int32_t code = call.code(&args, 0, call.tiles);
    if (profiling) self.seconds[static_cast<size_t>(k)] += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (code == SINTER_OK) continue;
    self.failed_at = TileQueue::place(static_cast<size_t>(k), 0);
    self.lowest = self.failure;
    self.lowest.code = code;
    return false;
  }
  return true;
}

void Run::Impl::execute() {
  look_at_state();
  look_at_prepared();
  for (const size_t entry : written_entries) state.changed(entry);  // before, so that it holds after a failure too
  if (signature_stale || current == nullptr) select();
  if (current->pointed != bindings_state) point();
  const Program& program = executable->program();
  if (program.steps.empty()) {
    for (size_t s = 0; s < program.segments.size(); ++s) run_segment(s);
  }
  for (size_t at = 0; at < program.steps.size();) at = take_step(at);
  if (profiling) collect_profile();
}

/// Takes one step of control flow; the number of the next.
size_t Run::Impl::take_step(size_t at) {
  const Step& step = executable->program().steps[at];
  const size_t subject = static_cast<size_t>(step.subject), target = static_cast<size_t>(step.target);
  switch (step.kind) {
    case Step::Kind::kRun: run_segment(subject); return at + 1;
    case Step::Kind::kBegin: return current->layout.begin_loop(subject) ? at + 1 : target;
    case Step::Kind::kNext: return current->layout.next_row(subject) ? target : at + 1;
    case Step::Kind::kJump: return target;
    case Step::Kind::kUnless: return *static_cast<const bool*>(current->layout.address(subject)) ? at + 1 : target;
  }
  return at + 1;
}

void Run::Impl::run_segment(size_t s) {
  const Segment& segment = executable->program().segments[s];
  if (current->queue == nullptr || !current->layout.is_shared(s)) {
    if (run_here(segment)) return;
  } else {
    current->queue->run(s, team, participants);
  }
  const auto lowest = std::min_element(participants.begin(), participants.end(),
                                       [](const Participant& a, const Participant& b) { return a.failed_at < b.failed_at; });
  if (lowest->failed_at == Participant::kNever) return;
  const size_t kernel = TileQueue::kernel_of(lowest->failed_at);
  const SinterFailure failure = lowest->lowest;
  for (Participant& participant : participants) participant.failed_at = Participant::kNever;
  raise(kernel, failure);
}

void Run::Impl::raise(size_t kernel, const SinterFailure& failure) {
  const ProgramKernel& failed = executable->program().kernels[kernel];
  const bool known = failure.site >= 0 && static_cast<size_t>(failure.site) < failed.failure_sites.size();
  Place place;
  place.node = known ? failed.failure_sites[static_cast<size_t>(failure.site)] : failed.name;
  const std::string value = std::to_string(failure.value), limit = std::to_string(failure.limit);
  const std::string message = failure.code == SINTER_INDEX_OUT_OF_RANGE ? "the index " + value + " is outside [0, " + limit + ")"
                              : failure.code == SINTER_CHECK_FAILED     ? "a check failed: " + value + " instead of " + limit
                                                                        : "failure " + std::to_string(failure.code) + ": " + value + ", " + limit;
  throw Error(ErrorCode::kCheck, message).at(std::move(place));
}

void Run::Impl::collect_profile() {
  for (size_t k = 0; k < times.size(); ++k) {
    times[k].calls += 1;
    double longest = 0;
    for (Participant& participant : participants) {
      const double own = std::exchange(participant.seconds[k], 0.0);
      times[k].seconds += own;
      longest = std::max(longest, own);
    }
    times[k].longest += longest;
  }
}

Run::Run(std::shared_ptr<const Executable> executable, State& state, Team& team)
    : impl_(std::make_unique<Impl>(std::move(executable), state, team)) {}
Run::~Run() = default;

void Run::bind(std::string_view port, Tensor tensor) { impl_->bind(port, std::move(tensor)); }

void Run::set_dim(std::string_view symbol, int64_t value) {
  const std::vector<std::string>& symbols = impl_->executable->program().symbols;
  if (std::find(symbols.begin(), symbols.end(), symbol) == symbols.end()) {
    Error error(ErrorCode::kName, impl_->executable->program().function + " has no dim " + quoted(symbol));
    if (const std::string near = closest(symbol, symbols); !near.empty()) error.hint("did you mean " + quoted(near) + "?");
    throw error;
  }
  if (value < 0) throw Error(ErrorCode::kCheck, "the dim " + std::string(symbol) + " cannot be " + std::to_string(value));
  const auto [known, is_new] = impl_->dims_given.try_emplace(std::string(symbol), value);
  if (!is_new && known->second == value) return;
  known->second = value;
  impl_->signature_stale = true;
}

void Run::execute() { impl_->execute(); }

const Tensor& Run::output(std::string_view port) const {
  const size_t index = static_cast<size_t>(impl_->port_of(port));
  const Port& wanted = impl_->executable->program().ports[index];
  if (!is_output(wanted)) throw Error(ErrorCode::kUsage, in_role(wanted) + " is no output");
  if (impl_->bindings[index].given) return impl_->bindings[index].tensor;
  if (impl_->current == nullptr || !impl_->current->outputs[index])
    throw Error(ErrorCode::kUsage, in_role(wanted) + " has no value before the first execution");
  return *impl_->current->outputs[index];
}

int64_t Run::arena_bytes() const { return impl_->current == nullptr ? 0 : impl_->current->layout.arena_bytes(); }

void Run::profile(bool on) {
  impl_->profiling = on;
  impl_->times.assign(impl_->times.size(), {});
  for (Participant& participant : impl_->participants) participant.seconds.assign(on ? impl_->times.size() : 0, 0.0);
}

const std::vector<KernelTime>& Run::kernel_times() const { return impl_->times; }

}  // namespace sinter::runtime
