#include "runtime/prepared_values.h"

#include <algorithm>

namespace sinter::runtime {

PreparedSources::PreparedSources(const Executable& preparation, const State& state) {
  for (const Port& port : preparation.program().ports)
    if (port.role == Role::kParameter || port.role == Role::kState) sources_.push_back({state.index_of(port.name)});
}

bool PreparedSources::are_current(const State& state) const {
  return noted_ && std::all_of(sources_.begin(), sources_.end(), [&](const Source& source) {
           return source.version == state.version(source.state_index) && source.address == state.value(source.state_index).raw();
         });
}

void PreparedSources::note(const State& state) {
  for (Source& source : sources_) {
    source.version = state.version(source.state_index);
    source.address = state.value(source.state_index).raw();
  }
  noted_ = true;
}

void PreparedSources::forget() { noted_ = false; }

PreparedValues::PreparedValues(std::shared_ptr<const Executable> preparation) : preparation_(std::move(preparation)) {
  for (const Port& port : preparation_->program().ports)
    values_.push_back(port.written ? Tensor::uninitialized(port.type.dtype, port.type.shape.evaluate({})) : Tensor());
}

const Tensor& PreparedValues::value(std::string_view name) const {
  const int32_t port = preparation_->program().find_port(name);
  SINTER_CHECK(port >= 0, "nothing prepares " + std::string(name));
  return values_[static_cast<size_t>(port)];
}

int64_t PreparedValues::bytes() const {
  int64_t bytes = 0;
  for (size_t i = 0; i < values_.size(); ++i)
    if (preparation_->program().ports[i].written) bytes += static_cast<int64_t>(values_[i].bytes());
  return bytes;
}

void PreparedValues::refresh(State& state, Team& team) {
  const std::lock_guard lock(mutex_);
  if (!sources_) sources_ = std::make_unique<PreparedSources>(*preparation_, state);
  if (sources_->are_current(state)) return;
  sources_->forget();
  // With the lock held, no thread of the team may turn to other work of its host: that could be a Run that waits for this lock.
  const std::unique_ptr<Team> alone = team.runs_other_work() ? serial_team() : nullptr;
  Run run(preparation_, state, alone ? *alone : team);
  const std::vector<Port>& ports = preparation_->program().ports;
  for (size_t i = 0; i < ports.size(); ++i)
    if (ports[i].written) run.bind(ports[i].name, values_[i]);
  run.execute();
  sources_->note(state);
}

}  // namespace sinter::runtime
