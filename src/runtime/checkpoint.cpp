#include "runtime/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "io/safetensors.h"

namespace sinter::runtime {
namespace {

// Metadata: `sinter` says what the file is, as in "checkpoint 1"; files of other programs have none.
constexpr std::string_view kKind = "sinter", kWeights = "weights", kCheckpoint = "checkpoint";
constexpr std::string_view kModelHash = "model", kTrainingHash = "training", kSumPrefix = "sum.", kDataPrefix = "data.";
constexpr const char* kSameText = "compile the model text that the file was made with";
constexpr size_t kMostListed = 3;  // names in a message

/// State that belongs to a training run, not to the model (docs/decisions/001-program-and-state.md).
bool is_of_training(std::string_view name) { return name.starts_with("optimizer.") || name.starts_with("train."); }
bool is_weight(const State::Entry& entry) {
  return entry.role == Role::kParameter || (entry.role == Role::kState && !is_of_training(entry.name));
}
bool is_any(const State::Entry&) { return true; }

void save(const std::string& path, const State& state, bool (*belongs)(const State::Entry&), std::map<std::string, std::string> metadata) {
  io::TensorFile file;
  file.metadata = std::move(metadata);
  for (const State::Entry& entry : state.entries()) {
    if (belongs(entry)) file.tensors.emplace_back(entry.name, entry.value);
  }
  io::write_safetensors(path, file);
}

std::map<std::string, std::string> describe(std::string_view kind, const ModelIdentity& identity) {
  std::map<std::string, std::string> metadata{{std::string(kKind), std::string(kind) + " " + std::to_string(kCheckpointVersion)}};
  if (!identity.model.empty()) metadata.emplace(kModelHash, identity.model);
  for (const auto& [name, value] : identity.facts) metadata.emplace(name, value);
  if (kind != kCheckpoint) return metadata;
  if (!identity.training.empty()) metadata.emplace(kTrainingHash, identity.training);
  for (const auto& [name, value] : identity.data) metadata.emplace(std::string(kDataPrefix) + name, value);
  return metadata;
}

/// One file held against one state.
class Loader {
 public:
  Loader(const std::string& path, State& state) : path_(path), state_(state), file_(io::read_safetensors(path)) {
    const std::string kind = metadata(kKind);
    const size_t space = kind.find(' ');
    kind_ = kind.substr(0, space);
    if (kind_.empty()) return;
    if (kind_ != kWeights && kind_ != kCheckpoint) fail("is a file of Sinter that holds neither weights nor a checkpoint, but " + quoted(kind));
    const int64_t version = space == std::string::npos ? 0 : number(kind.substr(space + 1), "version");
    if (version < 1) fail("is damaged: its version is " + std::to_string(version));
    if (version > kCheckpointVersion) {
      fail("is a " + kind_ + " file of version " + std::to_string(version) + ", this program reads up to " +
               std::to_string(kCheckpointVersion),
           "use a newer Sinter");
    }
  }

  const std::string& kind() const { return kind_; }

  /// Holds the file's variables, all or the weights, against those of the state.
  void match(bool (*belongs)(const State::Entry&)) {
    const bool all = belongs == is_any;
    std::vector<std::string> wanted, missing, extra;
    for (State::Entry const& entry : state_.entries()) {
      if (!belongs(entry)) continue;
      wanted.push_back(entry.name);
      const Tensor* found = file_.find(entry.name);
      if (found == nullptr)
        missing.push_back(entry.name);
      else
        pairs_.emplace_back(state_.index_of(entry.name), found);
    }
    for (const auto& [name, tensor] : file_.tensors) {
      if (!all && is_of_training(name)) continue;
      if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) extra.push_back(name);
    }
    check_names(wanted, missing, extra);
    for (const auto& [index, tensor] : pairs_) check_value(state_.entries()[index], *tensor);
  }

  void check_hash(std::string_view key, const std::string& expected, const std::string& what, const std::string& hint) const {
    const std::string found = metadata(key);
    if (found.empty() || expected.empty() || found == expected) return;
    fail("belongs to " + what + ": names and types fit, but its hash is " + found + ", not " + expected, hint);
  }

  /// Files from before data were noted have nothing to be held against.
  void check_data(const std::map<std::string, std::string>& given, const std::string& hint) const {
    for (const auto& [name, value] : given) {
      const std::string found = metadata(std::string(kDataPrefix) + name);
      if (name == kDataSource || found.empty() || found == value) continue;
      if (name != kDataContent) fail("belongs to a training with " + name + " = " + found + ", given is " + name + " = " + value, hint);
      const std::string source = metadata(std::string(kDataPrefix) + std::string(kDataSource)), now = given.count(std::string(kDataSource)) ? given.at(std::string(kDataSource)) : "";
      fail(source == now ? "belongs to a training on other data: the samples of " + now + " have changed" : "belongs to a training on other data: " + source + ", given is " + now, hint);
    }
  }

  /// After everything was checked.
  void apply() {
    for (const auto& [index, tensor] : pairs_) {
      if (tensor->bytes() > 0) std::memcpy(state_.value(index).raw(), tensor->raw(), tensor->bytes());
    }
  }

  TrainingPosition position() const {
    TrainingPosition position;
    position.epoch = number_of("epoch", 0, INT64_MAX);
    position.seed = static_cast<uint32_t>(number_of("seed", 0, UINT32_MAX));
    position.batch = number_of("batch", 1, INT64_MAX);
    position.samples = number_of("samples", 1, INT64_MAX);
    position.step = number_of("step", 0, (position.samples - 1) / position.batch + 1);
    for (const auto& [key, text] : file_.metadata) {
      if (key.starts_with(kSumPrefix)) position.sums.emplace(key.substr(kSumPrefix.size()), real_of(key));
    }
    if (file_.metadata.contains("best_epoch")) {
      position.best_epoch = number_of("best_epoch", 0, position.epoch);
      position.best = real_of("best");
    }
    return position;
  }

  [[noreturn]] void fail(const std::string& what, const std::string& hint = {}) const {
    throw Error(ErrorCode::kData, path_ + " " + what).hint(hint);
  }

 private:
  std::string metadata(std::string_view key) const {
    const auto found = file_.metadata.find(std::string(key));
    return found == file_.metadata.end() ? "" : found->second;
  }

  int64_t number(const std::string& text, std::string_view what) const {
    int64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc() || end != text.data() + text.size()) fail("is damaged: its " + std::string(what) + " is " + quoted(text));
    return value;
  }
  double real_of(std::string_view key) const {
    const std::string text = metadata(key);
    double value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc() || end != text.data() + text.size()) fail("is damaged: its " + std::string(key) + " is " + quoted(text));
    return value;
  }
  int64_t number_of(std::string_view key, int64_t least, int64_t most) const {
    const int64_t value = number(metadata(key), key);
    if (value < least || value > most) fail("is damaged: its " + std::string(key) + " is " + std::to_string(value));
    return value;
  }

  /// "h1.weight f32[2, 3], h1.bias f32[3] and 4 more"
  static std::string list(const std::vector<std::string>& names, const std::function<std::string(const std::string&)>& type_of) {
    std::string text;
    for (size_t i = 0; i < std::min(names.size(), kMostListed); ++i) text += (i > 0 ? ", " : "") + names[i] + " " + type_of(names[i]);
    return names.size() <= kMostListed ? text : text + " and " + std::to_string(names.size() - kMostListed) + " more";
  }

  void check_names(const std::vector<std::string>& wanted, const std::vector<std::string>& missing,
                   const std::vector<std::string>& extra) const {
    const auto of_model = [&](const std::string& name) { return state_.get(name).type_string(); };
    const auto of_file = [&](const std::string& name) { return file_.find(name)->type_string(); };
    if (!missing.empty() && missing.size() == wanted.size() && !extra.empty()) {
      fail("holds another model: it has " + list(extra, of_file) + "; this model has " + list(missing, of_model));
    }
    if (!missing.empty()) {
      const std::string near = closest(missing[0], extra);
      fail("lacks " + list(missing, of_model), !near.empty()   ? "it holds " + near + " " + of_file(near)
                                               : extra.empty() ? ""
                                                               : "it holds " + list(extra, of_file) + ", which this model does not have");
    }
    if (!extra.empty()) fail("holds " + list(extra, of_file) + ", which this model does not have", "was it made with another model?");
  }

  void check_value(const State::Entry& entry, const Tensor& found) const {
    const std::string both = "in it " + entry.name + " is " + found.type_string() + ", the model's is " + entry.value.type_string();
    if (found.dtype() != entry.value.dtype()) fail("does not fit the model: " + both, "dtypes differ");
    if (found.extents() != entry.value.extents()) {
      const bool turned = found.rank() == 2 && Extents(found.extents().rbegin(), found.extents().rend()) == entry.value.extents();
      fail("does not fit the model: " + both, turned ? "transpose it; a dense weight is [in, out]" : "shapes differ");
    }
    if (found.dtype() != DType::kBool) return;
    const auto* bytes = static_cast<const unsigned char*>(found.raw());
    if (std::any_of(bytes, bytes + found.bytes(), [](unsigned char byte) { return byte > 1; })) {
      fail("is damaged: " + entry.name + " holds a bool that is neither 0 nor 1");
    }
  }

  const std::string& path_;
  State& state_;
  io::TensorFile file_;
  std::string kind_;
  std::vector<std::pair<size_t, const Tensor*>> pairs_;  // variable, value
};

}  // namespace

void save_weights(const std::string& path, const State& state, const ModelIdentity& identity) {
  save(path, state, is_weight, describe(kWeights, identity));
}

void save_checkpoint(const std::string& path, const State& state, const ModelIdentity& identity, const TrainingPosition& position) {
  auto metadata = describe(kCheckpoint, identity);
  metadata.emplace("epoch", std::to_string(position.epoch));
  metadata.emplace("step", std::to_string(position.step));
  metadata.emplace("seed", std::to_string(position.seed));
  metadata.emplace("batch", std::to_string(position.batch));
  metadata.emplace("samples", std::to_string(position.samples));
  if (position.best_epoch > 0) {
    metadata.emplace("best_epoch", std::to_string(position.best_epoch));
    metadata.emplace("best", to_text(position.best));
  }
  for (const auto& [name, sum] : position.sums) metadata.emplace(std::string(kSumPrefix) + name, to_text(sum));
  save(path, state, is_any, std::move(metadata));
}

void load_weights(const std::string& path, State& state, const ModelIdentity& identity) {
  Loader loader(path, state);
  loader.match(is_weight);
  loader.check_hash(kModelHash, identity.model, "another model", kSameText);
  loader.apply();
}

TrainingPosition load_checkpoint(const std::string& path, State& state, const ModelIdentity& identity) {
  Loader loader(path, state);
  if (loader.kind() != kCheckpoint) {
    loader.fail(loader.kind() == kWeights ? "holds weights only" : "is no checkpoint",
                "give it as --weights to begin a new training from it");
  }
  const TrainingPosition position = loader.position();
  loader.match(is_any);
  loader.check_hash(kModelHash, identity.model, "another model", kSameText);
  loader.check_hash(kTrainingHash, identity.training, "a training by other rules (loss, metrics, optimizer, learning rate)",
                    "continue with the train block and the options that it began with; to change them, begin a new training from its weights: --weights " + path);
  loader.check_data(identity.data, "continue with the data, the batch and the order that it began with; to change them, begin a new training from its weights: --weights " + path);
  loader.apply();
  return position;
}

std::map<std::string, std::string> load_metadata(const std::string& path) { return io::read_safetensors(path).metadata; }

}  // namespace sinter::runtime
