#include "frontend/language/data_source.h"

#include <algorithm>
#include <filesystem>

#include "frontend/language/parse.h"
#include "frontend/language/suggest.h"
#include "io/file_kind.h"

namespace sinter::language {
namespace {

enum class Kind : uint8_t { kCount, kFromZero, kNumber, kFraction, kSeed, kBool, kPath, kWord, kNames, kSizes, kMissing, kNormalise };

struct Known {
  std::string_view source;  // empty: every source
  std::string_view name;
  Kind kind;
  bool required = false;
  bool named = false;  // never given without its name
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
    {"csv", "header", Kind::kBool, false, true},
    {"csv", "separator", Kind::kWord, false, true},
    {"csv", "features", Kind::kNames, false, true},
    {"csv", "label", Kind::kNames, false, true},
    {"csv", "one_hot", Kind::kNames, false, true},
    {"csv", "missing", Kind::kMissing, false, true},
    {"csv", "stream", Kind::kBool, false, true},
    {"csv", "shuffle_window", Kind::kCount, false, true},
    {"npy", "path", Kind::kPath, true},
    {"npy", "labels", Kind::kPath, false, true},
    {"npz", "path", Kind::kPath, true},
    {"npz", "features", Kind::kWord, false, true},
    {"npz", "label", Kind::kWord, false, true},
    {"idx", "path", Kind::kPath, true},
    {"idx", "scale", Kind::kBool, false, true},
    {"images", "path", Kind::kPath, true},
    {"images", "resize", Kind::kSizes, false, true},
    {"images", "scale", Kind::kBool, false, true},
    {"images", "stream", Kind::kBool, false, true},
    {"text", "path", Kind::kPath, true},
    {"text", "window", Kind::kCount, false, true},
    {"text", "stride", Kind::kCount, false, true},
    {"", "split", Kind::kFraction},
    {"", "normalise", Kind::kNormalise},
    {"", "shuffle", Kind::kBool},
    {"", "seed", Kind::kSeed},
    {"", "stratified", Kind::kBool, false, true},
    {"", "flip", Kind::kBool, false, true},
    {"", "shift", Kind::kFromZero, false, true},
    {"", "crop", Kind::kBool, false, true},
};
constexpr std::string_view kSources[] = {"clusters", "digits", "xor", "csv", "npy", "npz", "idx", "images", "text"};
constexpr std::string_view kKeptByOption[] = {"split", "normalise", "shuffle", "stratified", "flip", "shift", "crop"};
/// Arguments that say which data, so that other data do not keep them.
constexpr std::string_view kOfTheData[] = {"path", "labels", "seed"};

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
           did_you_mean(data.source, kSources, "the sources are clusters, digits, xor, csv, npy, npz, idx, images and text"));
    }
    std::vector<const Known*> known;
    for (const Known& k : kArguments) {
      if (k.source.empty() || k.source == data.source) known.push_back(&k);
    }
    size_t position = 0;
    for (const NamedExpression& given : call.arguments) {
      const Known* argument = nullptr;
      if (given.name.empty()) {
        while (position < known.size() && known[position]->named) ++position;
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
      case Expression::Kind::kList: return list(e);
      case Expression::Kind::kUnary:
        if (e.text == "-" && e.operands[0]->kind == Expression::Kind::kInteger) return -e.operands[0]->integer;
        if (e.text == "-" && e.operands[0]->kind == Expression::Kind::kNumber) return -e.operands[0]->number;
        break;
      default: break;
    }
    fail(ErrorCode::kType, e.offset, "the arguments of a data source are numbers, strings, true and false");
  }

  /// Whole numbers, or strings.
  Argument list(const Expression& e) const {
    std::vector<int64_t> numbers;
    std::vector<std::string> words;
    for (const NamedExpression& item : e.arguments) {
      const Argument value = literal(*item.value);
      if (const auto* number = std::get_if<int64_t>(&value)) numbers.push_back(*number);
      else if (const auto* word = std::get_if<std::string>(&value)) words.push_back(*word);
      else fail(ErrorCode::kType, item.offset, "a list of a data source is of strings, or of whole numbers");
    }
    if (!numbers.empty() && !words.empty()) fail(ErrorCode::kType, e.offset, "a list of a data source is of strings, or of whole numbers");
    if (numbers.empty()) return words;
    return numbers;
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
      case Kind::kFromZero:
        if (integer != nullptr && *integer >= 0 && *integer <= 65536) return *integer;
        fail(ErrorCode::kType, e.offset, what + "is a whole number from 0 to 65536");
      case Kind::kWord:
        if (text != nullptr && !text->empty()) return given;
        fail(ErrorCode::kType, e.offset, what + "is a string");
      case Kind::kNames:
        if (text != nullptr || integer != nullptr || given.index() >= 4) return given;
        fail(ErrorCode::kType, e.offset, what + "is a column by its name or number, or a list of such");
      case Kind::kSizes:
        if (const auto* sizes = std::get_if<std::vector<int64_t>>(&given); sizes != nullptr && sizes->size() == 2) return given;
        fail(ErrorCode::kType, e.offset, what + "is height and width: [28, 28]");
      case Kind::kMissing:
        if (integer != nullptr || number != nullptr || (text != nullptr && (*text == "error" || *text == "skip"))) return given;
        fail(ErrorCode::kType, e.offset, what + "is \"error\", \"skip\" or a number to put in its place");
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

namespace {

std::string source_of(io::FileKind kind) {
  switch (kind) {
    case io::FileKind::kCsv: return "csv";
    case io::FileKind::kText: return "text";
    case io::FileKind::kNpy: return "npy";
    case io::FileKind::kNpz: return "npz";
    case io::FileKind::kIdx: return "idx";
    case io::FileKind::kImages: return "images";
  }
  SINTER_CHECK(false, "a file of unknown kind");
}

template <class Names> bool contains(const Names& names, const std::string& name) { return std::find(std::begin(names), std::end(names), name) != std::end(names); }

}  // namespace

DataSpec read_data_option(const std::string& text, const std::optional<DataSpec>& old) {
  DataSpec data;
  const bool is_call = text.find('(') != std::string::npos && text.back() == ')';
  if (is_call) {
    const Source source{"--data", text};
    data = read_data(*parse_expression(source), source, "");
  } else {
    data.source = source_of(io::kind_of(text));
    data.arguments.emplace("path", text);
    data.place.file = text;
  }
  if (!old) return data;
  // A path alone is read as the text reads data of its kind.
  for (const auto& [name, value] : old->arguments) {
    const bool same = !is_call && old->source == data.source && !contains(kOfTheData, name);
    if (same || contains(kKeptByOption, name)) data.arguments.emplace(name, value);
  }
  return data;
}

Normalise normalise_of(const DataSpec& data) {
  const auto found = data.arguments.find("normalise");
  if (found == data.arguments.end() || std::get<std::string>(found->second) == "none") return Normalise::kNone;
  return std::get<std::string>(found->second) == "standard" ? Normalise::kStandard : Normalise::kMinMax;
}

}  // namespace sinter::language
