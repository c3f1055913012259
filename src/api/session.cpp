// Sessions: variables, and the threads that compute.
#include <cstring>

#include "api/guard.h"
#include "api/handles.h"
#include "base/machine.h"
#include "driver/compile.h"
#include "driver/training.h"
#include "runtime/data/facts.h"
#include "runtime/fit.h"

namespace sinter::api {
namespace {

/// What the file of an ONNX model holds.
void restore(Session& session) {
  for (const auto& [name, value] : session.model->values)
    if (value.bytes() > 0) std::memcpy(session.state.get(name).raw(), value.raw(), value.bytes());
}

void open(const sinter_model* model, int32_t threads, sinter_parallel_for loop, void* host, sinter_session** session) {
  require(model, "model");
  require(session, "session");
  const int count = threads == 0 && loop == nullptr ? this_machine().cores : threads;
  if (count < 1 || count > 1024) throw Error(ErrorCode::kUsage, "a session has 1 to 1024 threads, not " + std::to_string(count));
  auto made = std::make_shared<Session>();
  made->model = model->model;
  made->identity = made->model->identity;
  driver::declare_variables(made->model->module, made->state);
  restore(*made);
  if (loop != nullptr) made->team = runtime::host_team(count, loop, host);
  else made->team = count == 1 ? runtime::serial_team() : runtime::thread_team(count);
  *session = new sinter_session{std::move(made)};
}

}  // namespace
}  // namespace sinter::api

using namespace sinter::api;

extern "C" {

int32_t sinter_session_open(const sinter_model* model, int32_t threads, sinter_session** session) {
  return guarded([&] { open(model, threads, nullptr, nullptr, session); });
}

int32_t sinter_session_open_in_host(const sinter_model* model, int32_t threads, sinter_parallel_for loop, void* host, sinter_session** session) {
  return guarded([&] {
    if (loop == nullptr) require(nullptr, "loop");
    open(model, threads, loop, host, session);
  });
}

void sinter_session_close(sinter_session* session) { delete session; }

int32_t sinter_session_initialise(sinter_session* session, uint32_t seed) {
  return guarded([&] {
    require(session, "session");
    Session& s = *session->session;
    if (s.model->module.find_function("init") == nullptr) {
      if (s.model->values.empty()) throw sinter::Error(sinter::ErrorCode::kName, "the model has no function \"init\"");
      restore(s);
      return;
    }
    const auto init = sinter::runtime::native_function(sinter::driver::compile(s.model->module, "init"), s.state, *s.team);
    sinter::runtime::initialise(*init, seed);
  });
}

int32_t sinter_session_load(sinter_session* session, const char* path) {
  return guarded([&] {
    require(session, "session");
    require(path, "path");
    Session& s = *session->session;
    auto facts = sinter::runtime::facts_from(sinter::runtime::load_metadata(path), path);
    sinter::runtime::load_weights(path, s.state, s.model->identity);
    s.identity.facts = sinter::runtime::to_metadata(facts);
  });
}

int32_t sinter_session_save(const sinter_session* session, const char* path) {
  return guarded([&] {
    require(session, "session");
    require(path, "path");
    sinter::runtime::save_weights(path, session->session->state, session->session->identity);
  });
}

const char* sinter_session_variable_name(const sinter_session* session, int64_t index, int32_t* is_parameter) {
  if (session == nullptr || index < 0) return nullptr;
  const auto& entries = session->session->state.entries();
  if (static_cast<size_t>(index) >= entries.size()) return nullptr;
  const auto& entry = entries[static_cast<size_t>(index)];
  if (is_parameter != nullptr) *is_parameter = entry.role == sinter::Role::kParameter;
  return entry.name.c_str();
}

int32_t sinter_session_variable(sinter_session* session, const char* name, sinter_tensor* tensor) {
  return guarded([&] {
    require(session, "session");
    require(name, "name");
    require(tensor, "tensor");
    sinter::Tensor& value = session->session->state.get(name);
    *tensor = {static_cast<int32_t>(value.dtype()), static_cast<int32_t>(value.rank()), value.extents().data(), value.raw()};
  });
}
}
