#include "frontend/language/data_source.h"

#include <algorithm>
#include <filesystem>

#include "frontend/language/parse.h"
#include "frontend/language/suggest.h"

namespace sinter::language {
namespace {

enum class Kind : uint8_t { kCount, kNumber, kFraction, kSeed, kBool, kPath, kNormalise };

struct Known {
  std::string_view source;  // empty: every source
  std::string_view name;
  Kind kind;
  bool required = false;
};
// In the order in which a source takes arguments without a name.
constexpr Known kArguments[] = {
    {"clusters", "samples", Kind::kCount, true},
    {"clusters", "classes", Kind::kCount, true},
    {"clusters", "spread", Kind::kNumber},
    {"digits", "samples", Kind::kCount, true},
    {"digits", "noise", Kind::kNumber},
    {"xor", "samples", Kind::kCount, true},
    {"xor", "noise", Kind::kNumber},
    {"csv", "path", Kind::kPath, true},
    {"", "split", Kind::kFraction},
    {"", "normalise", Kind::kNormalise},
    {"", "shuffle", Kind::kBool},
    {"", "seed", Kind::kSeed},
};
constexpr std::string_view kSources[] = {"clusters", "digits", "xor", "csv"};
constexpr std::string_view kKeptByOption[] = {"split", "normalise", "shuffle"};

class Reader {
 public:
  Reader(const Source& source, std::string folder) : source_(source), folder_(std::move(folder)) {}

  DataSpec read(const Expression& call) {
    if (call.kind != Expression::Kind::kCall || call.operands[0]->kind != Expression::Kind::kName) {
      fail(ErrorCode::kSyntax, call.offset, "a data source is a call such as clusters(samples = 12500, classes = 10, split = 0.8)");
    }
    DataSpec data;
    data.source = call.operands[0]->text;
    data.place = source_.place(call.offset);
    if (std::find(std::begin(kSources), std::end(kSources), data.source) == std::end(kSources)) {
      fail(ErrorCode::kName, call.offset, "there is no data source '" + data.source + "'",
           did_you_mean(data.source, kSources, "the sources are clusters, digits, xor and csv"));
    }
    std::vector<const Known*> known;
    for (const Known& k : kArguments) {
      if (k.source.empty() || k.source == data.source) known.push_back(&k);
    }
    size_t position = 0;
    for (const NamedExpression& given : call.arguments) {
      const Known* argument = nullptr;
      if (given.name.empty()) {
        if (position < known.size()) argument = known[position++];
        else fail(ErrorCode::kType, given.offset, "the data source " + data.source + " takes fewer arguments");
      } else {
        argument = find(known, given, data.source);
      }
      if (!data.arguments.emplace(std::string(argument->name), value(*given.value, *argument)).second) {
        fail(ErrorCode::kName, given.offset, "the argument '" + std::string(argument->name) + "' is given twice");
      }
    }
    for (const Known* k : known) {
      if (k->required && !data.arguments.contains(std::string(k->name))) {
        fail(ErrorCode::kType, call.offset, "the data source " + data.source + " wants '" + std::string(k->name) + "'");
      }
    }
    return data;
  }

 private:
  [[noreturn]] void fail(ErrorCode code, uint32_t offset, const std::string& message, const std::string& hint = {}) const {
    throw Error(code, message).at(source_.place(offset)).hint(hint);
  }

  const Known* find(const std::vector<const Known*>& known, const NamedExpression& given, const std::string& source) const {
    std::vector<std::string> names;
    for (const Known* k : known) {
      if (k->name == given.name) return k;
      names.emplace_back(k->name);
    }
    fail(ErrorCode::kName, given.offset, "the data source " + source + " has no argument '" + std::string(given.name) + "'",
         did_you_mean(given.name, names));
  }

  /// A literal, with a minus sign perhaps.
  Argument literal(const Expression& e) const {
    switch (e.kind) {
      case Expression::Kind::kInteger: return e.integer;
      case Expression::Kind::kNumber: return e.number;
      case Expression::Kind::kString: return e.string;
      case Expression::Kind::kName:
        if (e.text == "true" || e.text == "false") return e.text == "true";
        break;
      case Expression::Kind::kUnary:
        if (e.text == "-" && e.operands[0]->kind == Expression::Kind::kInteger) return -e.operands[0]->integer;
        if (e.text == "-" && e.operands[0]->kind == Expression::Kind::kNumber) return -e.operands[0]->number;
        break;
      default: break;
    }
    fail(ErrorCode::kType, e.offset, "the arguments of a data source are numbers, strings, true and false");
  }

  Argument value(const Expression& e, const Known& known) const {
    const Argument given = literal(e);
    const std::string what = "'" + std::string(known.name) + "' ";
    const auto* integer = std::get_if<int64_t>(&given);
    const auto* number = std::get_if<double>(&given);
    const auto* text = std::get_if<std::string>(&given);
    const double value = integer != nullptr ? static_cast<double>(*integer) : number != nullptr ? *number : -1;
    switch (known.kind) {
      case Kind::kCount:
        if (integer != nullptr && *integer >= 1 && *integer <= 1'000'000'000) return *integer;
        fail(ErrorCode::kType, e.offset, what + "is a whole number from 1 to 1000000000");
      case Kind::kSeed:
        if (integer != nullptr && *integer >= 0 && *integer <= UINT32_MAX) return *integer;
        fail(ErrorCode::kType, e.offset, what + "is a whole number from 0 to 4294967295");
      case Kind::kNumber:
        if ((integer != nullptr || number != nullptr) && value >= 0) return value;
        fail(ErrorCode::kType, e.offset, what + "is a number from 0");
      case Kind::kFraction:
        if ((integer != nullptr || number != nullptr) && value > 0 && value <= 1) return value;
        fail(ErrorCode::kType, e.offset, what + "is the fraction that trains: a number above 0, at most 1");
      case Kind::kBool:
        if (std::holds_alternative<bool>(given)) return given;
        fail(ErrorCode::kType, e.offset, what + "is true or false");
      case Kind::kNormalise:
        if (text != nullptr && (*text == "none" || *text == "standard" || *text == "minmax")) return given;
        fail(ErrorCode::kType, e.offset, what + "is \"standard\", \"minmax\" or \"none\"");
      case Kind::kPath:
        if (text != nullptr && !text->empty()) return (std::filesystem::path(folder_) / *text).lexically_normal().string();
        fail(ErrorCode::kType, e.offset, what + "is the path of a file, as a string");
    }
    SINTER_CHECK(false, "an argument of unknown kind");
  }

  const Source& source_;
  std::string folder_;
};

}  // namespace

DataSpec read_data(const Expression& call, const Source& source, const std::string& folder) { return Reader(source, folder).read(call); }

DataSpec read_data_option(const std::string& text, const std::optional<DataSpec>& old) {
  DataSpec data;
  if (text.find('(') != std::string::npos && text.back() == ')') {
    const Source source{"--data", text};
    data = read_data(*parse_expression(source), source, "");
  } else {
    data.source = "csv";
    data.arguments.emplace("path", text);
    data.place.file = text;
  }
  for (const std::string_view name : kKeptByOption) {
    if (!old) break;
    const auto kept = old->arguments.find(std::string(name));
    if (kept != old->arguments.end()) data.arguments.insert(*kept);
  }
  return data;
}

Normalise normalise_of(const DataSpec& data) {
  const auto found = data.arguments.find("normalise");
  if (found == data.arguments.end() || std::get<std::string>(found->second) == "none") return Normalise::kNone;
  return std::get<std::string>(found->second) == "standard" ? Normalise::kStandard : Normalise::kMinMax;
}

}  // namespace sinter::language
