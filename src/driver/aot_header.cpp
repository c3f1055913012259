#include "driver/aot_header.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "base/hash.h"
#include "driver/c_names.h"
#include "runtime/abi.h"
#include "runtime/plan_image.h"

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
  std::string name, accessor;
  TensorType type;
  int64_t offset = 0, elements = 0;
};

/// Where prepared values stand in the state block, and what they are made of.
struct Prepared {
  int64_t mark_at = 0, bytes = 0;         // the mark says that they are there; they begin 64 bytes behind it
  std::string mark;                       // hexadecimal digits of a number below 2^60
  std::map<std::string, int64_t> offsets; // of each value, by the name of its variable
  std::set<std::string> sources;
};

class HeaderWriter {
 public:
  HeaderWriter(const ir::Module& module, const std::vector<ObjectFunction>& functions, const std::string& prefix)
      : module_(module), functions_(functions), prefix_(prefix), accessors_(functions_of_the_header()) {
    lay_out_state();
  }

  std::string write() {
    const std::string guard = upper(prefix_) + "_SINTER_H";
    add("/* Model " + module_.name + ", compiled by Sinter for x86-64-" + std::string(name(functions_.front().program.target)) +
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
    for (const ObjectFunction& function : functions_) {
      write_workspace(function);
      if (function.preparation) write_preparation(function);
      write_function(function);
      write_sites(function.program);
    }
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

  /// The other functions that the header declares or defines; a variable's accessor may not bear their names.
  std::set<std::string> functions_of_the_header() const {
    std::set<std::string> words = {prefix_ + "_error", prefix_ + "_plan_run", prefix_ + "_plan_workspace_bytes"};
    for_each_program([&](const runtime::Program& program) {
      for (const char* ending : {"", "_into", "_workspace_bytes", "_plan", "_kernels", "_constants", "_sites"}) words.insert(stem_of(program) + ending);
    });
    return words;
  }

  void lay_out_state() {
    std::set<std::string> used;
    for_each_program([&](const runtime::Program& program) {
      for (const runtime::Port& port : program.ports) used.insert(port.name);
    });
    for (const ir::Variable& variable : module_.variables) {
      if ((variable.role != Role::kParameter && variable.role != Role::kState) || !used.count(variable.name)) continue;
      const int64_t elements = variable.type.shape.element_count().constant();
      slots_[variable.name] = order_.size();
      order_.push_back({variable.name, accessors_.add(prefix_ + "_" + variable.name), variable.type, state_bytes_, elements});
      state_bytes_ += in_lines(byte_count(variable.type).constant());
    }
    for (const ObjectFunction& function : functions_)
      if (function.preparation) lay_out_prepared(*function.preparation);
  }

  static int64_t in_lines(int64_t bytes) { return (bytes + 63) / 64 * 64; }

  template <class Each> void for_each_program(Each&& each) const {
    for (const ObjectFunction& function : functions_) {
      each(function.program);
      if (function.preparation) each(*function.preparation);
    }
  }

  /// Prepared values stand behind the variables: a line with their mark, then they.
  void lay_out_prepared(const runtime::Program& preparation) {
    Prepared prepared;
    prepared.mark_at = state_bytes_;
    const std::vector<int64_t> image = runtime::plan_image(preparation);
    const Hash128 hash = Hasher().text(preparation.function).bytes(image.data(), image.size() * sizeof(int64_t)).finish();
    prepared.mark = hash.to_string().substr(0, 15);
    for (const runtime::Port& port : preparation.ports) {
      if (port.written) {
        prepared.offsets[port.name] = prepared.bytes;
        prepared.bytes += in_lines(byte_count(port.type).constant());
      } else {
        prepared.sources.insert(port.name);
      }
    }
    state_bytes_ += 64 + prepared.bytes;
    prepared_[preparation.function] = std::move(prepared);
  }

  void write_declarations() {
    add("/* In the object. */");
    add("extern int32_t " + prefix_ + "_plan_run(const int64_t* plan, const SinterKernel* kernels, void* const* variables, void* const* constants,\n"
        "    const int64_t* dims, void* workspace, int64_t workspace_bytes, SinterFailure* failure);");
    add("extern int64_t " + prefix_ + "_plan_workspace_bytes(const int64_t* plan, const int64_t* dims, int64_t* work);");
    for_each_program([&](const runtime::Program& program) {
      const std::string stem = stem_of(program);
      add("extern const int64_t " + stem + "_plan[];\nextern const SinterKernel " + stem + "_kernels[];\nextern void* const " + stem + "_constants[];");
    });
    add("");
  }

  void write_state() {
    add("/* Parameters and state: one block of this many bytes, best on a 64-byte boundary; `" + prefix_ + "_init` fills it. */");
    add("#define " + upper(prefix_) + "_STATE_BYTES " + std::to_string(std::max<int64_t>(64, state_bytes_)) + "\n");
    for (const Slot& slot : order_) {
      add("/* " + in_comment(slot.name) + ": " + slot.type.to_string() + ", " + std::to_string(slot.elements) + (slot.elements == 1 ? " element" : " elements") + " */");
      add("static inline " + std::string(c_type(slot.type.dtype)) + "* " + slot.accessor + "(void* state) { return (" +
          std::string(c_type(slot.type.dtype)) + "*)((char*)state + " + std::to_string(slot.offset) + "); }");
    }
    add("");
  }

  std::string dim_parameters(const runtime::Program& program) const {
    std::string list;
    const auto words = words_of(program);
    for (const std::string& symbol : program.symbols) list += ", int64_t " + words.at(symbol);
    return list;
  }
  std::string dim_array(const runtime::Program& program) const {
    std::string list;
    const auto words = words_of(program);
    for (const std::string& symbol : program.symbols) list += (list.empty() ? "" : ", ") + words.at(symbol);
    return "const int64_t dims[] = {" + (list.empty() ? "0" : list) + "};";
  }

  std::string stem_of(const runtime::Program& program) const { return prefix_ + "_" + program.function; }
  const Prepared* prepared_for(const ObjectFunction& function) const {
    return function.preparation ? &prepared_.at(function.preparation->function) : nullptr;
  }

  void write_workspace(const ObjectFunction& function) {
    const runtime::Program& program = function.program;
    const std::string stem = stem_of(program), dims = dim_parameters(program);
    if (const Prepared* prepared = prepared_for(function)) {
      write_workspace({*function.preparation, std::nullopt});
      add("#define " + upper(stem_of(*function.preparation)) + "_BYTES " + std::to_string(prepared->bytes) + "\n");
    }
    add("/* Bytes of workspace that " + stem + " wants for these dims; negative: a dim that is none. */");
    add("static inline int64_t " + stem + "_workspace_bytes(" + (dims.empty() ? "void" : dims.substr(2)) + ") {\n  " + dim_array(program) + "\n  int64_t work[" +
        std::to_string(3 * program.buffers.size() + 1) + "];");
    const std::string bytes = prefix_ + "_plan_workspace_bytes(" + stem + "_plan, dims, work)";
    if (!function.preparation) {
      add("  return " + bytes + ";\n}\n");
      return;
    }
    const std::string other = stem_of(*function.preparation);
    add("  const int64_t bytes = " + bytes + ", other = " + other + "_workspace_bytes();\n  if (bytes < 0) return bytes;\n  return 64 + " + upper(other) +
        "_BYTES + (bytes > other ? bytes : other);\n}\n");
  }

  /// The address of each port's memory, as a list of C expressions.
  std::string variable_list(const runtime::Program& program) const {
    std::string list;
    const auto words = words_of(program);
    for (const runtime::Port& port : program.ports) {
      list += list.empty() ? "" : ", ";
      if (port.role == Role::kParameter || port.role == Role::kState) {
        list += "(char*)state + " + std::to_string(order_[slots_.at(port.name)].offset);
      } else if (port.role == Role::kPrepared) {
        for (const auto& [function, prepared] : prepared_)
          if (const auto at = prepared.offsets.find(port.name); at != prepared.offsets.end()) list += "prepared + " + std::to_string(at->second);
      } else {
        list += "(void*)" + words.at(argument_key(port));
      }
    }
    return list.empty() ? "0" : list;
  }

  std::string call(const runtime::Program& program) const {
    const std::string stem = stem_of(program);
    return prefix_ + "_plan_run(" + stem + "_plan, " + stem + "_kernels, variables, " + stem + "_constants, dims, workspace, workspace_bytes,\n      failure)";
  }

  void write_preparation(const ObjectFunction& function) {
    const runtime::Program& program = *function.preparation;
    const std::string stem = stem_of(program);
    const Prepared& prepared = prepared_.at(program.function);
    add("/* What " + stem_of(function.program) + " computes from parameters and state alone, into `prepared`. */");
    add("static inline int32_t " + stem + "_into(void* state, char* prepared, void* workspace, int64_t workspace_bytes, SinterFailure* failure) {\n  " +
        dim_array(program) + "\n  void* const variables[] = {" + variable_list(program) + "};\n  (void)state;\n  return " + call(program) + ";\n}\n");
    add("/* Call it once after the state was filled or changed by other means than the functions of this header: " + stem_of(function.program) + "\n"
        "   then finds these values in the state. Without, or after a function has changed the state, it computes them at every call. */");
    add("static inline int32_t " + stem + "(void* state, void* workspace, int64_t workspace_bytes, SinterFailure* failure) {\n"
        "  SinterFailure ignored;\n"
        "  const int32_t code = " + stem + "_into(state, (char*)state + " + std::to_string(prepared.mark_at + 64) + ", workspace, workspace_bytes, failure ? failure : &ignored);\n"
        "  *(int64_t*)((char*)state + " + std::to_string(prepared.mark_at) + ") = code == 0 ? INT64_C(0x" + prepared.mark + ") : 0;\n  return code;\n}\n");
  }

  /// Values prepared from what this function writes are out of date.
  std::string forget_prepared(const runtime::Program& program) const {
    std::string text;
    for (const auto& [function, prepared] : prepared_)
      for (const runtime::Port& port : program.ports)
        if (port.written && prepared.sources.count(port.name)) {
          text += "  *(int64_t*)((char*)state + " + std::to_string(prepared.mark_at) + ") = 0;\n";
          break;
        }
    return text;
  }

  /// Finds prepared values in the state, or makes them in the workspace.
  std::string find_prepared(const ObjectFunction& function) const {
    const Prepared* prepared = prepared_for(function);
    if (prepared == nullptr) return "";
    const std::string stem = stem_of(*function.preparation);
    return "  char* prepared = (char*)state + " + std::to_string(prepared->mark_at + 64) + ";\n  if (*(const int64_t*)((char*)state + " +
           std::to_string(prepared->mark_at) + ") != INT64_C(0x" + prepared->mark + ")) {\n    const int64_t skip = -(int64_t)((uintptr_t)workspace & 63) & 63;\n    if (workspace_bytes < skip + " + upper(stem) +
           "_BYTES) return 18;\n    prepared = (char*)workspace + skip;\n    workspace = prepared + " + upper(stem) + "_BYTES;\n    workspace_bytes -= skip + " +
           upper(stem) + "_BYTES;\n    const int32_t code = " + stem + "_into(state, prepared, workspace, workspace_bytes, failure);\n    if (code != 0) return code;\n  }\n";
  }

  void write_function(const ObjectFunction& function) {
    const runtime::Program& program = function.program;
    std::string parameters, doc;
    const auto words = words_of(program);
    for (const runtime::Port& port : program.ports) {
      if (port.role != Role::kInput && port.role != Role::kOutput) continue;
      const bool input = port.role == Role::kInput;
      const std::string& word = words.at(argument_key(port));
      parameters += ", " + std::string(input ? "const " : "") + std::string(c_type(port.type.dtype)) + "* " + word;
      doc += "\n   " + word + ": " + (input ? "given, " : "filled, ") + port.type.to_string();
    }
    add("/* " + program.function + "." + doc + "\n   workspace: memory of that many bytes, of any content; failure: told where a check failed, may be 0. */");
    add("static inline int32_t " + stem_of(program) + "(void* state" + dim_parameters(program) + parameters +
        ",\n    void* workspace, int64_t workspace_bytes, SinterFailure* failure) {\n  " + dim_array(program) +
        "\n  SinterFailure ignored;\n  (void)state;\n  if (failure == 0) failure = &ignored;\n" + forget_prepared(program) + find_prepared(function) +
        "  void* const variables[] = {" + variable_list(program) + "};\n  return " + call(program) + ";\n}\n");
  }

  /// An input may bear a symbol's name, or an output's.
  static std::string argument_key(const runtime::Port& port) { return (port.role == Role::kInput ? "input " : "output ") + port.name; }

  /// The parameters' names in C: of symbols by their name, of inputs and outputs by `argument_key`.
  std::map<std::string, std::string> words_of(const runtime::Program& program) const {
    CNames names({"state", "workspace", "workspace_bytes", "failure", "dims", "variables", "ignored", "prepared", "skip", "code", "work", "bytes", "other"}, prefix_);
    std::map<std::string, std::string> words;
    for (const std::string& symbol : program.symbols) words[symbol] = names.add(symbol);
    for (const runtime::Port& port : program.ports)
      if (port.role == Role::kInput || port.role == Role::kOutput) words[argument_key(port)] = names.add(port.name);
    return words;
  }

  void write_sites(const runtime::Program& program) {
    std::string sites;
    int64_t count = 0;
    for (const runtime::ProgramKernel& kernel : program.kernels)
      for (const std::string& site : kernel.failure_sites) sites += (count++ ? ", " : "") + string_literal(site);
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
  const std::vector<ObjectFunction>& functions_;
  const std::string& prefix_;
  std::string text_;
  CNames accessors_;
  std::map<std::string, size_t> slots_;
  std::vector<Slot> order_;
  std::map<std::string, Prepared> prepared_;  // by the function that computes them
  int64_t state_bytes_ = 0;
};

}  // namespace

std::string object_header(const ir::Module& module, const std::vector<ObjectFunction>& functions, const std::string& prefix) {
  return HeaderWriter(module, functions, prefix).write();
}

}  // namespace sinter::driver
