// Sinter as a library for C++17: sinter.h with owners, exceptions and typed tensors. Header only; link with libsinter.
// What a model, a session and a function are, and what may be done at the same time, is told in sinter.h.
#ifndef SINTER_SINTER_HPP
#define SINTER_SINTER_HPP

#include <sinter/sinter.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace sinter {

/// A mistake of the caller or of a file, or a fault of Sinter's (kind "internal").
class Error : public std::runtime_error {
 public:
  Error() : std::runtime_error(sinter_error_message()), kind_(sinter_error_kind()) {}
  explicit Error(const std::string& message) : std::runtime_error(message), kind_("usage") {}
  const std::string& kind() const { return kind_; }

 private:
  std::string kind_;
};

namespace detail {

inline void check(int32_t status) {
  if (status != SINTER_FINE) throw Error();
}

template <class T> constexpr int32_t dtype_of() {
  using U = std::remove_const_t<T>;
  static_assert(std::is_arithmetic_v<U>, "tensors hold numbers and bools");
  if constexpr (std::is_same_v<U, bool>) return SINTER_BOOL;
  else if constexpr (std::is_floating_point_v<U>) return sizeof(U) == 8 ? SINTER_F64 : SINTER_F32;
  else if constexpr (std::is_signed_v<U>) return sizeof(U) == 1 ? SINTER_I8 : sizeof(U) == 2 ? SINTER_I16 : sizeof(U) == 4 ? SINTER_I32 : SINTER_I64;
  else return sizeof(U) == 1 ? SINTER_U8 : sizeof(U) == 2 ? SINTER_U16 : sizeof(U) == 4 ? SINTER_U32 : SINTER_U64;
}

template <class T> struct Close;
template <> struct Close<sinter_model> {
  void operator()(sinter_model* p) const { sinter_model_close(p); }
};
template <> struct Close<sinter_session> {
  void operator()(sinter_session* p) const { sinter_session_close(p); }
};
template <> struct Close<sinter_function> {
  void operator()(sinter_function* p) const { sinter_function_close(p); }
};

}  // namespace detail

using Dims = std::vector<int64_t>;

/// A tensor's memory, which is another's, seen as elements of T.
template <class T> class View {
 public:
  explicit View(const sinter_tensor& tensor) : dims_(tensor.dims, tensor.dims + tensor.rank), data_(static_cast<T*>(tensor.data)) {
    if (tensor.dtype != detail::dtype_of<T>()) throw Error("this tensor does not hold elements of that type");
    for (const int64_t dim : dims_) size_ *= static_cast<size_t>(dim);
  }
  T* data() const { return data_; }
  size_t size() const { return size_; }
  const Dims& dims() const { return dims_; }
  T* begin() const { return data_; }
  T* end() const { return data_ + size_; }
  T& operator[](size_t i) const { return data_[i]; }

 private:
  Dims dims_;
  T* data_;
  size_t size_ = 1;
};

struct ModelOptions {
  std::string model = {}, specialize = {};
  double learning_rate = 0;
  bool gradient = false;
};

class Model {
 public:
  /// From a file.
  explicit Model(const std::string& path, const ModelOptions& options = {}) {
    const sinter_model_options given = convert(options);
    sinter_model* model = nullptr;
    detail::check(sinter_model_open(path.c_str(), &given, &model));
    handle_.reset(model);
  }
  static Model parse(const std::string& text, const ModelOptions& options = {}, const std::string& name = "text") {
    const sinter_model_options given = convert(options);
    sinter_model* model = nullptr;
    detail::check(sinter_model_parse(text.c_str(), name.c_str(), &given, &model));
    return Model(model);
  }
  const sinter_model* get() const { return handle_.get(); }

 private:
  explicit Model(sinter_model* model) : handle_(model) {}
  static sinter_model_options convert(const ModelOptions& options) {
    sinter_model_options given{};
    given.size = sizeof given;
    given.model = options.model.empty() ? nullptr : options.model.c_str();
    given.specialize = options.specialize.empty() ? nullptr : options.specialize.c_str();
    given.learning_rate = options.learning_rate;
    given.gradient = options.gradient ? 1 : 0;
    return given;
  }
  std::unique_ptr<sinter_model, detail::Close<sinter_model>> handle_;
};

/// A function with its tensors. It does not own the memory that is bound.
class Function {
 public:
  explicit Function(sinter_function* function) : handle_(function) {}

  /// `data` must live until another memory is bound or the function is gone.
  template <class T> Function& bind(const std::string& port, T* data, const Dims& dims) {
    sinter_tensor tensor{detail::dtype_of<T>(), static_cast<int32_t>(dims.size()), dims.data(), const_cast<std::remove_const_t<T>*>(data)};
    detail::check(sinter_function_bind(handle_.get(), port.c_str(), &tensor));
    return *this;
  }
  /// A vector, or whatever has data() and size(); its size is held against the dims.
  template <class C, class = decltype(std::declval<C&>().data())> Function& bind(const std::string& port, C& values, const Dims& dims) {
    size_t size = 1;
    for (const int64_t dim : dims) size *= static_cast<size_t>(dim);
    if (size != values.size()) throw Error(port + ": " + std::to_string(values.size()) + " elements are given, the dims make " + std::to_string(size));
    return bind(port, values.data(), dims);
  }
  Function& set_dim(const std::string& symbol, int64_t value) {
    detail::check(sinter_function_set_dim(handle_.get(), symbol.c_str(), value));
    return *this;
  }
  void run() { detail::check(sinter_function_run(handle_.get())); }

  /// Valid until the next run.
  template <class T> View<T> output(const std::string& port) const {
    sinter_tensor tensor{};
    detail::check(sinter_function_output(handle_.get(), port.c_str(), &tensor));
    return View<T>(tensor);
  }
  /// An output that is one f32, such as the loss.
  float scalar(const std::string& port) const {
    const View<float> view = output<float>(port);
    if (view.size() != 1) throw Error(port + " is no single number");
    return view[0];
  }

  struct Port {
    std::string name, type;
    bool is_output;
  };
  std::vector<Port> ports() const {
    std::vector<Port> all;
    int32_t is_output = 0;
    const char* type = nullptr;
    while (const char* name = sinter_function_port(handle_.get(), static_cast<int64_t>(all.size()), &is_output, &type))
      all.push_back({name, type, is_output != 0});
    return all;
  }

 private:
  std::unique_ptr<sinter_function, detail::Close<sinter_function>> handle_;
};

class Session {
 public:
  /// `threads` 0: one for each core that the process may use.
  explicit Session(const Model& model, int threads = 0) {
    sinter_session* session = nullptr;
    detail::check(sinter_session_open(model.get(), threads, &session));
    handle_.reset(session);
  }
  Session(const Model& model, int threads, sinter_parallel_for loop, void* host) {
    sinter_session* session = nullptr;
    detail::check(sinter_session_open_in_host(model.get(), threads, loop, host, &session));
    handle_.reset(session);
  }

  void initialise(uint32_t seed) { detail::check(sinter_session_initialise(handle_.get(), seed)); }
  void load(const std::string& path) { detail::check(sinter_session_load(handle_.get(), path.c_str())); }
  void save(const std::string& path) const { detail::check(sinter_session_save(handle_.get(), path.c_str())); }

  Function function(const std::string& name) {
    sinter_function* function = nullptr;
    detail::check(sinter_function_open(handle_.get(), name.c_str(), &function));
    return Function(function);
  }

  /// Ask again before each time that it is written.
  template <class T> View<T> variable(const std::string& name) {
    sinter_tensor tensor{};
    detail::check(sinter_session_variable(handle_.get(), name.c_str(), &tensor));
    return View<T>(tensor);
  }
  std::vector<std::string> parameters() const { return names(1); }
  std::vector<std::string> states() const { return names(0); }

 private:
  std::vector<std::string> names(int32_t wanted) const {
    std::vector<std::string> all;
    int32_t is_parameter = 0;
    for (int64_t i = 0; const char* name = sinter_session_variable_name(handle_.get(), i, &is_parameter); ++i)
      if (is_parameter == wanted) all.push_back(name);
    return all;
  }
  std::unique_ptr<sinter_session, detail::Close<sinter_session>> handle_;
};

}  // namespace sinter

#endif
