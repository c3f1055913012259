// Functions: compiled, bound to the caller's memory, run.
#include "api/guard.h"
#include "api/handles.h"
#include "base/text.h"
#include "driver/compile.h"

namespace sinter::api {
namespace {

static_assert(SINTER_F64 == static_cast<int>(DType::kF64) && SINTER_F32 == static_cast<int>(DType::kF32) && SINTER_BF16 == static_cast<int>(DType::kBF16) &&
              SINTER_I8 == static_cast<int>(DType::kI8) && SINTER_I64 == static_cast<int>(DType::kI64) && SINTER_U8 == static_cast<int>(DType::kU8) &&
              SINTER_BOOL == static_cast<int>(DType::kBool));
constexpr int32_t kMostAxes = 64;

/// The caller's memory as a tensor. Raises Error kUsage for what is none.
Tensor wrap(const sinter_tensor& given, const std::string& port) {
  const auto fail = [&](const std::string& why) { throw Error(ErrorCode::kUsage, port + ": " + why); };
  if (given.dtype < 0 || given.dtype > SINTER_BOOL) fail("there is no dtype " + std::to_string(given.dtype));
  if (given.rank < 0 || given.rank > kMostAxes) fail("a rank of " + std::to_string(given.rank));
  if (given.rank > 0 && given.dims == nullptr) fail("dims is a null pointer");
  const auto dtype = static_cast<DType>(given.dtype);
  Extents extents(given.dims, given.dims + given.rank);
  int64_t bytes = static_cast<int64_t>(size_in_bytes(dtype));
  bool empty = false;
  for (const int64_t extent : extents) {
    if (extent < 0) fail("a dim is " + std::to_string(extent));
    empty = empty || extent == 0;
    if (extent > 0 && __builtin_mul_overflow(bytes, extent, &bytes)) fail("its size does not fit 64 bits");
  }
  if (empty) return Tensor(dtype, std::move(extents));
  if (given.data == nullptr) fail("data is a null pointer");
  if (reinterpret_cast<uintptr_t>(given.data) % size_in_bytes(dtype) != 0) fail("data of " + std::string(name(dtype)) + " stand on a multiple of their size");
  return Tensor::wrap(dtype, std::move(extents), given.data, nullptr);
}

}  // namespace
}  // namespace sinter::api

using namespace sinter::api;

extern "C" {

int32_t sinter_function_open(sinter_session* session, const char* name, sinter_function** function) {
  return guarded([&] {
    require(session, "session");
    require(name, "name");
    require(function, "function");
    auto made = std::make_unique<sinter_function>();
    made->session = session->session;
    auto executable = sinter::driver::compile(made->session->model->module, name);
    for (const auto& port : executable->program().ports)
      if (port.role == sinter::Role::kInput || port.role == sinter::Role::kOutput)
        made->ports.push_back({port.name, port.type.to_string(), port.role == sinter::Role::kOutput});
    made->run = std::make_unique<sinter::runtime::Run>(std::move(executable), made->session->state, *made->session->team);
    *function = made.release();
  });
}

void sinter_function_close(sinter_function* function) { delete function; }

const char* sinter_function_port(const sinter_function* function, int64_t index, int32_t* is_output, const char** type) {
  if (function == nullptr || index < 0 || static_cast<size_t>(index) >= function->ports.size()) return nullptr;
  const sinter_function::Port& port = function->ports[static_cast<size_t>(index)];
  if (is_output != nullptr) *is_output = port.is_output;
  if (type != nullptr) *type = port.type.c_str();
  return port.name.c_str();
}

int32_t sinter_function_bind(sinter_function* function, const char* port, const sinter_tensor* tensor) {
  return guarded([&] {
    require(function, "function");
    require(port, "port");
    require(tensor, "tensor");
    function->run->bind(port, wrap(*tensor, port));
  });
}

int32_t sinter_function_set_dim(sinter_function* function, const char* symbol, int64_t value) {
  return guarded([&] {
    require(function, "function");
    require(symbol, "symbol");
    if (value < 0) throw sinter::Error(sinter::ErrorCode::kUsage, "the dim " + std::string(symbol) + " cannot be " + std::to_string(value));
    function->run->set_dim(symbol, value);
  });
}

int32_t sinter_function_run(sinter_function* function) {
  return guarded([&] {
    require(function, "function");
    function->run->execute();
  });
}

int32_t sinter_function_output(const sinter_function* function, const char* port, sinter_tensor* tensor) {
  return guarded([&] {
    require(function, "function");
    require(port, "port");
    require(tensor, "tensor");
    const sinter::Tensor& value = function->run->output(port);
    *tensor = {static_cast<int32_t>(value.dtype()), static_cast<int32_t>(value.rank()), value.extents().data(), const_cast<void*>(value.raw())};
  });
}
}
