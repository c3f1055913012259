#include "runtime/data/text.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "io/mapping.h"
#include "runtime/data/arguments.h"

namespace sinter::runtime {
namespace {

constexpr size_t kMostCharacters = 65536;  // in a vocabulary: a character's number is kept in 16 bits

/// The bytes of the character at `at`: 1 to 4, 0 when it is no UTF-8 (overlong forms and surrogates are looked over).
size_t character_bytes(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const size_t count = first < 0x80 ? 1 : first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xF0 && first < 0xF5 ? 4 : 0;
  if (count == 0 || at + count > text.size()) return 0;
  for (size_t i = 1; i < count; ++i)
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  return count;
}

[[noreturn]] void fail_at(const std::string& path, std::string_view text, size_t at, const std::string& message, const std::string& hint = {}) {
  Place place;
  place.file = path;
  const std::string_view before = text.substr(0, at);
  place.line = static_cast<int>(std::count(before.begin(), before.end(), '\n') + 1);
  place.column = static_cast<int>(at - (before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1) + 1);
  throw Error(ErrorCode::kData, message).at(std::move(place)).hint(hint);
}

class CharacterReader final : public SampleReader {
 public:
  CharacterReader(const DataRequest& request, std::shared_ptr<const std::vector<uint16_t>> characters, size_t first, size_t last, int64_t window, int64_t stride, bool follows)
      : SampleReader(request.feature, request.label), characters_(std::move(characters)), first_(first), window_(window), stride_(stride), follows_(follows) {
    const int64_t length = static_cast<int64_t>(last - first) - (follows ? 1 : 0);
    count_ = length < window ? 0 : (length - window) / stride + 1;
  }
  int64_t samples() const override { return count_; }

  void read(std::span<const int64_t> rows, const std::optional<Augmenting>&, Tensor& features, Tensor& labels) const override {
    const bool one_label = labels.size() == static_cast<int64_t>(rows.size());  // what follows the window, not each of its characters
    const auto copy = [&](Tensor& to, int64_t shift, int64_t width) {
      visit_dtype(to.dtype(), [&](auto element) {
        auto* out = to.data<decltype(element)>();
        for (const int64_t row : rows) {
          const uint16_t* from = characters_->data() + first_ + static_cast<size_t>(row * stride_ + shift);
          for (int64_t i = 0; i < width; ++i) *out++ = static_cast<decltype(element)>(from[i]);
        }
      });
    };
    copy(features, 0, window_);
    if (follows_) copy(labels, one_label ? window_ : 1, one_label ? 1 : window_);
  }

  void identify(Hasher& hasher) const override {
    hasher.bytes(characters_->data(), characters_->size() * sizeof(uint16_t)).number(first_).number(static_cast<uint64_t>(window_)).number(static_cast<uint64_t>(stride_));
  }

 private:
  std::shared_ptr<const std::vector<uint16_t>> characters_;
  size_t first_;
  int64_t window_, stride_, count_ = 0;
  bool follows_;
};

/// The characters of a text that occur in it, in the order of their code points (which is that of their bytes in UTF-8).
std::vector<std::string> vocabulary_of(std::string_view text, const std::string& path) {
  std::map<std::string_view, bool> seen;
  for (size_t at = 0; at < text.size();) {
    const size_t count = character_bytes(text, at);
    if (count == 0) fail_at(path, text, at, "this is no UTF-8", "save the text in UTF-8");
    seen.emplace(text.substr(at, count), true);
    if (seen.size() > kMostCharacters) fail_at(path, text, at, "the text has more than 65536 different characters");
    at += count;
  }
  std::vector<std::string> vocabulary;
  for (const auto& [character, yes] : seen) vocabulary.emplace_back(character);
  return vocabulary;
}

std::vector<uint16_t> numbers_of(std::string_view text, const std::vector<std::string>& vocabulary, const std::string& path) {
  std::map<std::string_view, uint16_t> number;
  std::vector<int> single(256, -1);
  for (size_t i = 0; i < vocabulary.size(); ++i) {
    number.emplace(vocabulary[i], static_cast<uint16_t>(i));
    if (vocabulary[i].size() == 1) single[static_cast<unsigned char>(vocabulary[i][0])] = static_cast<int>(i);
  }
  std::vector<uint16_t> numbers;
  numbers.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (const int known = single[static_cast<unsigned char>(text[at])]; known >= 0) {
      numbers.push_back(static_cast<uint16_t>(known));
      ++at;
      continue;
    }
    const size_t count = character_bytes(text, at);
    if (count == 0) fail_at(path, text, at, "this is no UTF-8", "save the text in UTF-8");
    const auto found = number.find(text.substr(at, count));
    if (found == number.end()) fail_at(path, text, at, "the character " + quoted(text.substr(at, count)) + " was not in the text that trained");
    numbers.push_back(found->second);
    at += count;
  }
  return numbers;
}

}  // namespace

SourceData read_characters(const DataRequest& request) {
  const Arguments arguments(request);
  const std::string path = arguments.path();
  if (request.feature.extents.size() != 1 || is_float(request.feature.dtype) || request.feature.dtype == DType::kBool)
    arguments.fail(ErrorCode::kType, "gives windows of whole numbers, the model's input takes " + type_text(request.feature), "an input such as i32[batch, 64] does");
  const int64_t window = arguments.count("window", request.feature.extents[0]), stride = arguments.count("stride", window);
  if (window < 1 || stride < 1) arguments.fail(ErrorCode::kUsage, "wants whole numbers from 1 as 'window' and 'stride'");
  if (window != request.feature.extents[0])
    arguments.fail(ErrorCode::kType, "cuts windows of " + std::to_string(window) + " characters, the model's input takes " + type_text(request.feature));
  const int64_t label_width = element_count(request.label.extents);
  if (!request.label_optional && (!request.label_is_classes || (label_width != window && label_width != 1)))
    arguments.fail(ErrorCode::kType, "labels a window with the characters that follow, as classes; the model wants " + type_text(request.label));
  const io::MappedFile mapped(path);
  auto facts = std::make_shared<DataFacts>();
  facts->vocabulary = request.known && !request.known->vocabulary.empty() ? request.known->vocabulary : vocabulary_of(mapped.bytes(), path);
  const auto size = static_cast<int64_t>(facts->vocabulary.size());
  if (request.classes && size > *request.classes)
    arguments.fail(ErrorCode::kType, "finds " + std::to_string(size) + " different characters in " + path + ", the model tells " + std::to_string(*request.classes) + " apart");
  const auto characters = std::make_shared<const std::vector<uint16_t>>(numbers_of(mapped.bytes(), facts->vocabulary, path));
  const auto training = static_cast<size_t>(static_cast<double>(characters->size()) * arguments.split());
  const bool follows = !request.label_optional || static_cast<int64_t>(characters->size()) > window;
  const auto part = [&](size_t first, size_t last) {
    Dataset data = read_by(std::make_shared<CharacterReader>(request, characters, first, last, window, stride, follows), follows);
    data.facts = facts;
    return data;
  };
  SourceData data;
  data.all = part(0, training);
  data.validation = part(training, characters->size());
  if (data.all.samples() == 0) throw Error(ErrorCode::kData, path + " is too short: a window of " + std::to_string(window) + " characters and the one after it do not fit").at(request.place);
  return data;
}

}  // namespace sinter::runtime
