#include "driver/aot.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "backend/llvm/codegen.h"
#include "driver/aot_header.h"
#include "runtime/plan_image.h"

namespace sinter::driver {
namespace {

/// Words of C23 and C++23 that no identifier may be.
constexpr std::string_view kReserved[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "char8_t", "char16_t", "char32_t",
    "class", "co_await", "co_return", "co_yield", "compl", "concept", "const", "const_cast", "consteval", "constexpr", "constinit", "continue", "decltype",
    "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if",
    "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "private", "protected",
    "public", "register", "reinterpret_cast", "requires", "restrict", "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast",
    "struct", "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "typeof", "typeof_unqual", "union",
    "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq"};

bool is_identifier(std::string_view text) {
  const auto fits = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  return !text.empty() && !std::isdigit(static_cast<unsigned char>(text[0])) && std::all_of(text.begin(), text.end(), fits);
}

std::string bytes_of(const void* data, size_t size) { return {static_cast<const char*>(data), size}; }

}  // namespace

ObjectFile compile_object(const ir::Module& module, const std::vector<std::string>& functions, std::string_view prefix, const CompileOptions& options) {
  if (!is_identifier(prefix))
    throw Error(ErrorCode::kUsage, "the names of an object cannot begin with \"" + std::string(prefix) + "\"").hint("letters, digits and _, e.g. --prefix model");
  if (std::find(std::begin(kReserved), std::end(kReserved), prefix) != std::end(kReserved))
    throw Error(ErrorCode::kUsage, "the names of an object cannot begin with \"" + std::string(prefix) + "\", a reserved word of C or C++")
        .hint("another name, e.g. --prefix " + std::string(prefix) + "_model");
  const std::string head(prefix);
  backend::ObjectParts parts;
  std::map<std::string, bool> have_kernel;
  std::vector<ObjectFunction> written;
  const auto add = [&](const runtime::Program& program) {
    const std::string stem = head + "_" + program.function;
    const std::vector<int64_t> image = runtime::plan_image(program);
    parts.data.push_back({stem + "_plan", bytes_of(image.data(), image.size() * sizeof(int64_t))});
    parts.tables.push_back({stem + "_kernels", runtime::kernel_table(program)});
    std::vector<std::string> constants;
    for (const Tensor& constant : program.constants) {
      constants.push_back(stem + "_constant_" + std::to_string(constants.size()));
      parts.data.push_back({constants.back(), bytes_of(constant.raw(), constant.bytes())});
    }
    parts.tables.push_back({stem + "_constants", std::move(constants)});
    for (const char* end : {"_plan", "_kernels", "_constants"}) parts.exported.push_back(stem + end);
  };
  for (const std::string& function : functions) {
    Lowered lowered = lower(module, function, options);
    for (loop::Kernel& kernel : lowered.kernels())
      if (!have_kernel[kernel.name]) have_kernel[kernel.name] = true, parts.kernels.push_back(std::move(kernel));
    written.push_back({std::move(lowered.code.program), std::nullopt});
    if (lowered.preparation) written.back().preparation = std::move(lowered.preparation->code.program);
    add(written.back().program);
    if (written.back().preparation) add(*written.back().preparation);
  }
  parts.routines = {{"sinter_plan_run", head + "_plan_run"}, {"sinter_plan_workspace_bytes", head + "_plan_workspace_bytes"}};
  return {backend::generate_linked_object(parts, options.level), object_header(module, written, head)};
}

}  // namespace sinter::driver
