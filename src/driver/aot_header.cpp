#include "driver/aot_header.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "runtime/abi.h"

namespace sinter::driver {

/// The text of runtime/abi.h, embedded at build time.
std::string_view abi_text();

namespace {

std::string_view c_type(DType dtype) {
  switch (dtype) {
    case DType::kF64: return "double";
    case DType::kF32: return "float";
    case DType::kF16:
    case DType::kBF16: return "uint16_t";
    case DType::kI8: return "int8_t";
    case DType::kI16: return "int16_t";
    case DType::kI32: return "int32_t";
    case DType::kI64: return "int64_t";
    case DType::kU8: return "uint8_t";
    case DType::kU16: return "uint16_t";
    case DType::kU32: return "uint32_t";
    case DType::kU64: return "uint64_t";
    case DType::kBool: return "uint8_t";
  }
  return "void";
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

/// A variable of the state block: every parameter and state variable has a constant shape.
struct Slot {
  std::string name, identifier;
  TensorType type;
  int64_t offset = 0, elements = 0;
};

class HeaderWriter {
 public:
  HeaderWriter(const ir::Module& module, const std::vector<runtime::Program>& programs, const std::string& prefix)
      : module_(module), programs_(programs), prefix_(prefix) {
    lay_out_state();
  }

  std::string write() {
    const std::string guard = upper(prefix_) + "_SINTER_H";
    add("/* Model " + module_.name + ", compiled by Sinter for x86-64-" + std::string(name(programs_.front().target)) +
        ". Generated: link with the object of the same compilation.\n"
        "   Every function returns 0, or a code that " + prefix_ + "_error explains. None allocates, blocks or keeps state of its own; two threads may run\n"
        "   two models, or one model with two blocks of state. */\n");
    add("#ifndef " + guard + "\n#define " + guard + "\n");
    add("#include <stdint.h>\n");
    add("#ifndef SINTER_ABI_VERSION\n" + stripped_abi() + "#elif SINTER_ABI_VERSION != " + std::to_string(SINTER_ABI_VERSION) +
        "\n#error \"two objects of different versions of Sinter\"\n#endif\n");
    add("#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    write_declarations();
    write_state();
    for (const runtime::Program& program : programs_) write_function(program);
    write_errors();
    add("#ifdef __cplusplus\n}\n#endif\n");
    add("#endif");
    return text_;
  }

 private:
  void add(const std::string& part) { text_ += part + "\n"; }

  static std::string stripped_abi() {
    std::string text(abi_text());
    const std::string pragma = "#pragma once\n";
    const size_t at = text.find(pragma);
    if (at != std::string::npos) text.erase(0, at + pragma.size());
    return text;
  }

  std::string identifier(const std::string& path) {
    std::string word;
    for (const char c : path) word += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    while (!identifiers_.insert(word).second) word += "_";
    return word;
  }

  void lay_out_state() {
    std::set<std::string> used;
    for (const runtime::Program& program : programs_)
      for (const runtime::Port& port : program.ports) used.insert(port.name);
    for (const ir::Variable& variable : module_.variables) {
      if ((variable.role != Role::kParameter && variable.role != Role::kState) || !used.count(variable.name)) continue;
      const int64_t elements = variable.type.shape.element_count().constant();
      slots_[variable.name] = order_.size();
      order_.push_back({variable.name, identifier(variable.name), variable.type, state_bytes_, elements});
      state_bytes_ += (elements * static_cast<int64_t>(size_in_bytes(variable.type.dtype)) + 63) / 64 * 64;
    }
  }

  void write_declarations() {
    add("/* In the object. */");
    add("extern int32_t " + prefix_ + "_plan_run(const int64_t* plan, const SinterKernel* kernels, void* const* variables, void* const* constants,\n"
        "    const int64_t* dims, void* workspace, int64_t workspace_bytes, SinterFailure* failure);");
    add("extern int64_t " + prefix_ + "_plan_workspace_bytes(const int64_t* plan, const int64_t* dims, int64_t* work);");
    for (const runtime::Program& program : programs_) {
      const std::string stem = prefix_ + "_" + program.function;
      add("extern const int64_t " + stem + "_plan[];\nextern const SinterKernel " + stem + "_kernels[];\nextern void* const " + stem + "_constants[];");
    }
    add("");
  }

  void write_state() {
    add("/* Parameters and state: one block of this many bytes, best on a 64-byte boundary; `" + prefix_ + "_init` fills it. */");
    add("#define " + upper(prefix_) + "_STATE_BYTES " + std::to_string(std::max<int64_t>(64, state_bytes_)) + "\n");
    for (const Slot& slot : order_) {
      add("/* " + slot.name + ": " + slot.type.to_string() + ", " + std::to_string(slot.elements) + (slot.elements == 1 ? " element" : " elements") + " */");
      add("static inline " + std::string(c_type(slot.type.dtype)) + "* " + prefix_ + "_" + slot.identifier + "(void* state) { return (" +
          std::string(c_type(slot.type.dtype)) + "*)((char*)state + " + std::to_string(slot.offset) + "); }");
    }
    add("");
  }

  std::string dim_parameters(const runtime::Program& program) const {
    std::string list;
    for (const std::string& symbol : program.symbols) list += ", int64_t " + symbol;
    return list;
  }
  static std::string dim_array(const runtime::Program& program) {
    std::string list;
    for (const std::string& symbol : program.symbols) list += (list.empty() ? "" : ", ") + symbol;
    return "const int64_t dims[] = {" + (list.empty() ? "0" : list) + "};";
  }

  void write_function(const runtime::Program& program) {
    const std::string stem = prefix_ + "_" + program.function;
    std::string dims = dim_parameters(program);
    add("/* Bytes of workspace that " + stem + " wants for these dims; negative: a dim that is none. */");
    add("static inline int64_t " + stem + "_workspace_bytes(" + (dims.empty() ? "void" : dims.substr(2)) + ") {\n  " + dim_array(program) + "\n  int64_t work[" +
        std::to_string(3 * program.buffers.size() + 1) + "];\n  return " + prefix_ + "_plan_workspace_bytes(" + stem + "_plan, dims, work);\n}\n");
    std::string parameters, variables, doc;
    for (const runtime::Port& port : program.ports) {
      variables += variables.empty() ? "" : ", ";
      if (port.role == Role::kParameter || port.role == Role::kState) {
        variables += "(char*)state + " + std::to_string(order_[slots_.at(port.name)].offset);
        continue;
      }
      const bool input = port.role == Role::kInput;
      const std::string word = argument_name(port.name);
      parameters += ", " + std::string(input ? "const " : "") + std::string(c_type(port.type.dtype)) + "* " + word;
      variables += "(void*)" + word;
      doc += "\n   " + word + ": " + (input ? "given, " : "filled, ") + port.type.to_string();
    }
    add("/* " + program.function + "." + doc + "\n   workspace: memory of that many bytes, of any content; failure: told where a check failed, may be 0. */");
    add("static inline int32_t " + stem + "(void* state" + dims + parameters + ",\n    void* workspace, int64_t workspace_bytes, SinterFailure* failure) {\n  " +
        dim_array(program) + "\n  void* const variables[] = {" + (variables.empty() ? "0" : variables) + "};\n  SinterFailure ignored;\n  (void)state;\n  return " + prefix_ +
        "_plan_run(" + stem + "_plan, " + stem + "_kernels, variables, " + stem + "_constants, dims, workspace, workspace_bytes,\n      failure ? failure : &ignored);\n}\n");
    write_sites(program);
  }

  static std::string argument_name(const std::string& port) {
    static const std::set<std::string> kTaken = {"state", "workspace", "workspace_bytes", "failure", "dims", "variables", "ignored"};
    std::string word;
    for (const char c : port) word += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    return kTaken.count(word) ? word + "_" : word;
  }

  void write_sites(const runtime::Program& program) {
    std::string sites;
    int64_t count = 0;
    for (const runtime::ProgramKernel& kernel : program.kernels)
      for (const std::string& site : kernel.failure_sites) sites += (count++ ? ", \"" : "\"") + site + "\"";
    if (count == 0) return;
    add("/* The model's node of each failure site. */");
    add("static const char* const " + prefix_ + "_" + program.function + "_sites[] = {" + sites + "};\n");
  }

  void write_errors() {
    add("static inline const char* " + prefix_ + "_error(int32_t code) {\n"
        "  switch (code) {\n"
        "    case 0: return \"no error\";\n"
        "    case 1: return \"an index is out of range: see failure->value and failure->limit\";\n"
        "    case 2: return \"a check failed: see failure->value and failure->limit\";\n"
        "    case 16: return \"a dim does not fit 64 bits\";\n"
        "    case 17: return \"a dim is negative, or the memory it asks for is absurd\";\n"
        "    case 18: return \"the workspace is too small\";\n"
        "    default: return \"the object and the header do not belong together\";\n"
        "  }\n}\n");
  }

  const ir::Module& module_;
  const std::vector<runtime::Program>& programs_;
  const std::string& prefix_;
  std::string text_;
  std::set<std::string> identifiers_;
  std::map<std::string, size_t> slots_;
  std::vector<Slot> order_;
  int64_t state_bytes_ = 0;
};

}  // namespace

std::string object_header(const ir::Module& module, const std::vector<runtime::Program>& programs, const std::string& prefix) {
  return HeaderWriter(module, programs, prefix).write();
}

}  // namespace sinter::driver
