// Weights and checkpoints: round trips, everything that does not fit, and kills while saving.
#include "runtime/checkpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "base/random.h"
#include "io/safetensors.h"
#include "runtime/data_requests.h"

namespace sinter::runtime::test {
namespace {

const ModelIdentity kIdentity{"model1", "training1"};
const TrainingPosition kPosition{3, 7, 42, 32, 1000, {{"loss", 0.1 + 0.2}, {"accuracy", 1e-300}}};

class Checkpoint : public ::testing::Test {
 protected:
  static State make_state() {
    State state;
    state.declare("h1.weight", Role::kParameter, {DType::kF32, {2, 3}});
    state.declare("h1.bias", Role::kParameter, {DType::kF32, {3}});
    state.declare("norm.count", Role::kState, {DType::kI64, {}});
    state.declare("norm.on", Role::kState, {DType::kBool, {2}});
    state.declare("empty", Role::kParameter, {DType::kF64, {0, 4}});
    state.declare("data.mean", Role::kState, {DType::kF32, {2}});
    state.declare("optimizer.h1.weight.m", Role::kState, {DType::kF32, {2, 3}});
    state.declare("train.step", Role::kState, {DType::kU32, {}});
    return state;
  }
  static State filled_state(int64_t from) {
    State state = make_state();
    for (const State::Entry& entry : state.entries()) {
      Tensor& value = state.get(entry.name);
      for (int64_t i = 0; i < value.size(); ++i) value.set(i, static_cast<double>(from++ % (value.dtype() == DType::kBool ? 2 : 100)));
    }
    return state;
  }
  static bool same(const State& a, const State& b, bool weights_only) {
    for (const State::Entry& entry : a.entries()) {
      const bool of_training = entry.name.starts_with("optimizer.") || entry.name.starts_with("train.");
      if (!(weights_only && of_training) && !same_bits(entry.value, b.get(entry.name))) return false;
    }
    return true;
  }

  /// The message of loading `file`, without its path; and that nothing was changed by it.
  std::string error(const io::TensorFile& file, bool checkpoint, const ModelIdentity& identity = kIdentity) {
    io::write_safetensors(path, file);
    return error(checkpoint, identity);
  }
  std::string error(bool checkpoint, const ModelIdentity& identity = kIdentity) {
    State state = filled_state(50);
    try {
      if (checkpoint)
        load_checkpoint(path, state, identity);
      else
        load_weights(path, state, identity);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData) << error.what();
      EXPECT_TRUE(same(filled_state(50), state, false)) << "a failed load changed the state";
      std::string text = error.what();
      EXPECT_EQ(text.find("error: " + path), 0u) << text;
      return text.substr(std::min(text.size(), path.size() + 8));
    }
    return "no error";
  }
  io::TensorFile saved_weights() {
    save_weights(path, filled_state(1), kIdentity);
    return io::read_safetensors(path);
  }
  io::TensorFile saved_checkpoint() {
    save_checkpoint(path, filled_state(1), kIdentity, kPosition);
    return io::read_safetensors(path);
  }
  static Tensor& tensor(io::TensorFile& file, std::string_view name) {
    for (auto& [own, value] : file.tensors) {
      if (own == name) return value;
    }
    throw std::runtime_error("no such tensor");
  }

  TemporaryFolder folder;
  std::string path = folder.file("saved.safetensors");
};

TEST_F(Checkpoint, WeightsAreTheModelWithoutItsTraining) {
  const io::TensorFile file = saved_weights();
  std::vector<std::string> names;
  for (const auto& [name, value] : file.tensors) names.push_back(name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"data.mean", "empty", "h1.bias", "h1.weight", "norm.count", "norm.on"}));
  State state = make_state();
  const void* address = state.get("h1.weight").raw();
  load_weights(path, state, kIdentity);
  EXPECT_TRUE(same(filled_state(1), state, true));
  EXPECT_EQ(state.get("train.step").get(0), 0);
  EXPECT_EQ(state.get("h1.weight").raw(), address) << "programs keep pointing at it";
}

TEST_F(Checkpoint, KeepsEverything) {
  save_checkpoint(path, filled_state(1), kIdentity, kPosition);
  State state = make_state();
  EXPECT_EQ(load_checkpoint(path, state, kIdentity), kPosition);
  EXPECT_TRUE(same(filled_state(1), state, false));
}

TEST_F(Checkpoint, GivesWeightsToo) {
  save_checkpoint(path, filled_state(1), kIdentity, kPosition);
  State state = make_state();
  load_weights(path, state, {"model1", "another training"});
  EXPECT_TRUE(same(filled_state(1), state, true));
  EXPECT_EQ(state.get("optimizer.h1.weight.m").get(0), 0);
}

TEST_F(Checkpoint, SumsKeepTheirBits) {
  TrainingPosition position = kPosition;
  RandomSequence random(1, 1);
  for (int i = 0; i < 200; ++i) {
    const uint64_t bits = (uint64_t{random.next()} << 32 | random.next()) & ~(uint64_t{1} << 62);  // finite
    double value;
    std::memcpy(&value, &bits, 8);
    position.sums["metric" + std::to_string(i)] = value;
  }
  position.sums["large"] = 1.7976931348623157e308;
  position.sums["none"] = -0.0;
  save_checkpoint(path, make_state(), kIdentity, position);
  State state = make_state();
  const TrainingPosition loaded = load_checkpoint(path, state, kIdentity);
  for (const auto& [name, value] : position.sums) {
    EXPECT_EQ(std::memcmp(&value, &loaded.sums.at(name), sizeof value), 0) << name << " " << value;
  }
}

TEST_F(Checkpoint, FilesOfOtherProgramsAreReadWhenTheyFit) {
  io::TensorFile file = saved_weights();
  file.metadata = {{"format", "pt"}};
  EXPECT_EQ(error(file, false), "no error");
}

TEST_F(Checkpoint, SaysWhatIsMissing) {
  io::TensorFile file = saved_weights();
  std::erase_if(file.tensors, [](const auto& entry) { return entry.first == "h1.bias"; });
  EXPECT_EQ(error(file, false), "lacks h1.bias f32[3]");
  file.tensors.emplace_back("h1.bia", Tensor(DType::kF32, {3}));
  EXPECT_EQ(error(file, false), "lacks h1.bias f32[3]; it holds h1.bia f32[3]");
  std::erase_if(file.tensors, [](const auto& entry) { return entry.first != "h1.weight"; });
  EXPECT_EQ(error(file, false), "lacks h1.bias f32[3], norm.count i64[], norm.on bool[2] and 2 more");
}

TEST_F(Checkpoint, SaysWhatIsTooMany) {
  io::TensorFile file = saved_weights();
  file.tensors.emplace_back("h2.weight", Tensor(DType::kF32, {3, 3}));
  EXPECT_EQ(error(file, false), "holds h2.weight f32[3, 3], which this model does not have; was it made with another model?");
}

TEST_F(Checkpoint, TellsAnotherModel) {
  io::TensorFile file;
  file.tensors.emplace_back("layer.kernel", Tensor(DType::kF32, {5}));
  EXPECT_EQ(
      error(file, false),
      "holds another model: it has layer.kernel f32[5]; this model has h1.weight f32[2, 3], h1.bias f32[3], norm.count i64[] and 3 more");
  saved_weights();
  EXPECT_EQ(error(false, {"model2", ""}),
            "belongs to another model: names and types fit, but its hash is model1, not model2; compile the model text that the file was "
            "made with");
  EXPECT_EQ(error(false, {"", ""}), "no error") << "unknown hashes are not checked";
  saved_checkpoint();
  EXPECT_NE(error(true, {"model2", "training1"}).find("belongs to another model"), std::string::npos);
  EXPECT_NE(error(true, {"model1", "training2"}).find("belongs to a training by other rules"), std::string::npos);
}

TEST_F(Checkpoint, TellsOtherData) {
  ModelIdentity identity = kIdentity;
  identity.data = {{"batch", "32"}, {"content", "a1"}, {"source", "xor(samples = 9)"}};
  save_checkpoint(path, filled_state(1), identity, kPosition);
  EXPECT_EQ(error(true, identity), "no error");
  EXPECT_EQ(error(true), "no error") << "unknown data are not checked";
  identity.data["source"] = "csv(path = \"b\")";
  EXPECT_EQ(error(true, identity), "no error") << "the same samples from elsewhere";
  identity.data["content"] = "b2";
  EXPECT_NE(error(true, identity).find("belongs to a training on other data: xor(samples = 9), given is csv(path = \"b\"); continue with"), std::string::npos);
  EXPECT_EQ(error(false, identity), "no error") << "its weights may be used with any";
  identity.data["source"] = "xor(samples = 9)";
  EXPECT_NE(error(true, identity).find("the samples of xor(samples = 9) have changed"), std::string::npos);
  identity.data["batch"] = "64";
  EXPECT_NE(error(true, identity).find("belongs to a training with batch = 32, given is batch = 64"), std::string::npos);
  saved_checkpoint();
  EXPECT_EQ(error(true, identity), "no error") << "a file that does not tell its data";
}

TEST_F(Checkpoint, SaysWhichTypeDiffers) {
  io::TensorFile file = saved_weights();
  tensor(file, "h1.bias") = Tensor(DType::kF64, {3});
  EXPECT_EQ(error(file, false), "does not fit the model: in it h1.bias is f64[3], the model's is f32[3]; dtypes differ");
  tensor(file, "h1.bias") = Tensor(DType::kF32, {4});
  EXPECT_EQ(error(file, false), "does not fit the model: in it h1.bias is f32[4], the model's is f32[3]; shapes differ");
  tensor(file, "h1.bias") = Tensor(DType::kF32, {3});
  tensor(file, "h1.weight") = Tensor(DType::kF32, {3, 2});
  EXPECT_EQ(error(file, false),
            "does not fit the model: in it h1.weight is f32[3, 2], the model's is f32[2, 3]; transpose it; a dense weight is [in, out]");
  tensor(file, "h1.weight") = Tensor(DType::kF32, {2, 3});
  Tensor bad(DType::kBool, {2});
  static_cast<unsigned char*>(bad.raw())[1] = 2;
  tensor(file, "norm.on") = bad;
  EXPECT_EQ(error(file, false), "is damaged: norm.on holds a bool that is neither 0 nor 1");
}

TEST_F(Checkpoint, WeightsAreNoCheckpoint) {
  saved_weights();
  EXPECT_EQ(error(true), "holds weights only; give it as --weights to begin a new training from it");
  io::TensorFile file = saved_checkpoint();
  file.metadata.clear();
  EXPECT_EQ(error(file, true), "is no checkpoint; give it as --weights to begin a new training from it");
}

TEST_F(Checkpoint, RefusesDamagedPositionsAndLaterVersions) {
  const io::TensorFile good = saved_checkpoint();
  const auto with = [&](const std::string& key, const std::string& value) {
    io::TensorFile file = good;
    file.metadata[key] = value;
    return error(file, true);
  };
  EXPECT_EQ(with("sinter", "checkpoint 2"), "is a checkpoint file of version 2, this program reads up to 1; use a newer Sinter");
  EXPECT_EQ(with("sinter", "checkpoint 0"), "is damaged: its version is 0");
  EXPECT_EQ(with("sinter", "checkpoint -1"), "is damaged: its version is -1");
  EXPECT_EQ(with("sinter", "checkpoint"), "is damaged: its version is 0");
  EXPECT_EQ(with("sinter", "foo 1"), "is a file of Sinter that holds neither weights nor a checkpoint, but \"foo 1\"");
  EXPECT_EQ(with("sinter", "checkpoint x"), "is damaged: its version is \"x\"");
  EXPECT_EQ(with("epoch", "-1"), "is damaged: its epoch is -1");
  EXPECT_EQ(with("epoch", ""), "is damaged: its epoch is \"\"");
  EXPECT_EQ(with("epoch", "99999999999999999999"), "is damaged: its epoch is \"99999999999999999999\"");
  EXPECT_EQ(with("step", "33"), "is damaged: its step is 33") << "1000 samples are 32 batches of 32";
  EXPECT_EQ(with("step", "32"), "no error");
  EXPECT_EQ(with("seed", "4294967296"), "is damaged: its seed is 4294967296");
  EXPECT_EQ(with("batch", "0"), "is damaged: its batch is 0");
  EXPECT_EQ(with("samples", "1e3"), "is damaged: its samples is \"1e3\"");
  EXPECT_EQ(with("sum.loss", "one"), "is damaged: its sum.loss is \"one\"");
}

TEST_F(Checkpoint, AnyDamageOfTheFileIsAnErrorOrHarmless) {
  saved_checkpoint();
  std::ifstream stream(path, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(stream)), {});
  RandomSequence random(7, 1);
  const auto load = [&](const std::string& bytes) {
    folder.write("saved.safetensors", bytes);
    State state = filled_state(50);
    try {
      load_checkpoint(path, state, {});
    } catch (const Error&) {
      EXPECT_TRUE(same(filled_state(50), state, false));
    }
  };
  for (size_t size = 0; size < good.size(); size += 1 + size / 40) load(good.substr(0, size));
  for (int i = 0; i < 400; ++i) {
    std::string bytes = good;
    for (uint32_t k = random.below(3); k < 3; ++k)
      bytes[random.below(static_cast<uint32_t>(bytes.size()))] = static_cast<char>(random.below(256));
    load(bytes);
  }
}

TEST_F(Checkpoint, UnwritablePlacesAreToldAndTheOldFileStays) {
  saved_checkpoint();
  try {
    save_checkpoint(folder.file("absent/c.safetensors"), filled_state(1), kIdentity, kPosition);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
  }
  EXPECT_EQ(error(true), "no error");
}

/// Saves states that are recognisably whole, one after another, until it is killed.
[[noreturn]] void save_for_ever(const std::string& path, uint32_t first) {
  State state;
  for (int i = 0; i < 5; ++i) state.declare("w" + std::to_string(i), Role::kParameter, {DType::kU32, {5000}});
  for (uint32_t round = first;; ++round) {
    for (int i = 0; i < 5; ++i) {
      for (uint32_t& value : state.get("w" + std::to_string(i)).span<uint32_t>()) value = round;
    }
    try {
      save_checkpoint(path, state, kIdentity, {0, 0, round, 1, 1, {}});
    } catch (...) {
      ::_exit(1);
    }
  }
}

TEST_F(Checkpoint, AKillAtAnyMomentLeavesAWholeFile) {
  State state;
  for (int i = 0; i < 5; ++i) state.declare("w" + std::to_string(i), Role::kParameter, {DType::kU32, {5000}});
  save_checkpoint(path, state, kIdentity, {0, 0, 0, 1, 1, {}});
  RandomSequence random(3, 1);
  uint32_t last = 0, changed = 0;
  for (int kill_number = 0; kill_number < 100; ++kill_number) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) save_for_ever(path, last + 1);
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + random.below(20000)));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child stopped by itself";
    const TrainingPosition position = load_checkpoint(path, state, kIdentity);
    EXPECT_GE(position.seed, last);
    changed += position.seed != last;
    last = position.seed;
    for (const State::Entry& entry : state.entries()) {
      for (const uint32_t value : entry.value.span<uint32_t>()) ASSERT_EQ(value, last) << "half of another file";
    }
  }
  EXPECT_GT(changed, 10u) << "the children hardly came to save";
}

}  // namespace
}  // namespace sinter::runtime::test
