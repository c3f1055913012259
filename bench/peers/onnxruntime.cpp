// Times a small model in ONNX Runtime, through its C interface, and prints its microseconds.
//   onnxruntime LIBRARY THREADS SECONDS matmul M N K | softmax R C | layer_norm R C | gelu_chain R C | mlp BATCH WIDTH WIDTH ...
// The interface is a table of functions in an order that never changes; no header of the library is needed.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "onnx_model.h"
#include "timing.h"

namespace {

using Dims = peers::OnnxModel::Dims;

/// The functions of the library's table that are used, by their places in it.
enum Place {
  kGetErrorMessage = 2, kCreateEnv = 3, kCreateSessionFromArray = 8, kRun = 9, kCreateSessionOptions = 10, kSetOptimization = 23, kSetThreads = 24,
  kCreateTensor = 49, kCreateMemoryInfo = 69, kReleaseValue = 96,
};

class Library {
 public:
  explicit Library(const char* path) {
    struct Base {
      void** (*get)(uint32_t version);
      const char* (*version)();
    };
    void* handle = dlopen(path, RTLD_NOW);
    if (!handle) throw std::runtime_error(dlerror());
    table_ = reinterpret_cast<const Base* (*)()>(dlsym(handle, "OrtGetApiBase"))()->get(16);
  }
  template <class... A> void call(Place place, A... arguments) const {
    void* status = reinterpret_cast<void* (*)(A...)>(table_[place])(arguments...);
    if (status) throw std::runtime_error(reinterpret_cast<const char* (*)(void*)>(table_[kGetErrorMessage])(status));
  }
  void release(void* value) const { reinterpret_cast<void (*)(void*)>(table_[kReleaseValue])(value); }

 private:
  void** table_ = nullptr;
};

struct Case {
  Dims input;
  std::string model;
};

Case make_case(const std::string& what, const Dims& n) {
  peers::OnnxModel model;
  Dims input{n.at(0), n.at(1)}, output = input;
  if (what == "matmul") {
    input = {n.at(0), n.at(2)};
    model.constant("w", {n[2], n[1]}, 1);
    model.node("MatMul", {"x", "w"}, "y");
  } else if (what == "softmax") {
    model.node("Softmax", {"x"}, "y", peers::OnnxModel::axis(1));
  } else if (what == "layer_norm") {
    model.constant("scale", {n[1]}, 1);
    model.constant("bias", {n[1]}, 1);
    model.node("LayerNormalization", {"x", "scale", "bias"}, "y", peers::OnnxModel::axis(1));
  } else if (what == "gelu_chain") {
    model.constant("b", {n[1]}, 1);
    model.node("Gelu", {"x"}, "g");
    model.node("Mul", {"x", "g"}, "m");
    model.node("Add", {"m", "b"}, "y");
  } else if (what == "mlp") {
    std::string from = "x";
    for (size_t i = 1; i + 1 < n.size(); ++i) {
      const std::string k = std::to_string(i);
      const bool last = i + 2 == n.size();
      model.constant("w" + k, {n[i], n[i + 1]}, 0.03f);
      model.constant("b" + k, {n[i + 1]}, 0.03f);
      model.node("Gemm", {from, "w" + k, "b" + k}, last ? "y" : "d" + k);
      if (!last) model.node("Relu", {"d" + k}, "h" + k);
      from = "h" + k;
    }
    output = {n[0], n.back()};
  } else {
    throw std::runtime_error("no case " + what);
  }
  model.input(input);
  model.output(output);
  return {input, model.text()};
}

double time_case(const Library& library, const Case& c, int threads, double seconds) {
  void *environment, *options, *session, *memory, *x;
  library.call(kCreateEnv, 3, "peers", &environment);
  library.call(kCreateSessionOptions, &options);
  library.call(kSetOptimization, options, 99);
  library.call(kSetThreads, options, threads);
  library.call(kCreateSessionFromArray, environment, static_cast<const void*>(c.model.data()), c.model.size(), options, &session);
  const size_t bytes = static_cast<size_t>(c.input[0] * c.input[1]) * 4;
  auto* data = static_cast<float*>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096));
  for (size_t i = 0; i < bytes / 4; ++i) data[i] = static_cast<float>(std::rand() % 2001 - 1000) / 1000;
  library.call(kCreateMemoryInfo, 1, 0, &memory);
  library.call(kCreateTensor, memory, data, bytes, c.input.data(), c.input.size(), 1, &x);
  const char *in[] = {"x"}, *out[] = {"y"};
  return peers::median_microseconds(seconds, [&] {
    void* y = nullptr;
    library.call(kRun, session, static_cast<void*>(nullptr), in, const_cast<const void* const*>(&x), size_t{1}, out, size_t{1}, &y);
    library.release(y);
  });
}

}  // namespace

int main(int count, char** arguments) try {
  if (count < 7) return std::fprintf(stderr, "usage: onnxruntime LIBRARY THREADS SECONDS CASE SIZES\n"), 2;
  Dims sizes;
  for (int i = 5; i < count; ++i) sizes.push_back(std::atoll(arguments[i]));
  const Library library(arguments[1]);
  std::printf("%.3f\n", time_case(library, make_case(arguments[4], sizes), std::atoi(arguments[2]), std::atof(arguments[3])));
  std::fflush(stdout);
  std::_Exit(0);  // the library's threads need no farewell
} catch (const std::exception& error) {
  std::fprintf(stderr, "onnxruntime: %s\n", error.what());
  return 1;
}
