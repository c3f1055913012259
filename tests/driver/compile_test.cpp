// Whole programs: the examples' functions, compiled, against the evaluator; the same bits for any team; the kernel cache.
#include "driver/native.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "backend/llvm/codegen.h"
#include "backend/llvm/partition.h"
#include "backend/loop/text.h"
#include "base/random.h"
#include "driver/cache.h"
#include "driver/training.h"
#include "frontend/language/language.h"
#include "io/mapping.h"
#include "ir/evaluate.h"
#include "passes/grad.h"
#include "support/close.h"
#include "support/levels.h"
#include "support/sanitizers.h"
#include "support/temporary_folder.h"

namespace sinter::driver {
namespace {

using test::expect_close;
using test::levels_here;

/// Of the folder of examples, or of the models here.
ir::Module example(const std::string& name) {
  std::string path = std::string(SINTER_SOURCE_DIR) + "/examples/" + name + ".sinter";
  if (!std::filesystem::exists(path)) path = std::string(SINTER_SOURCE_DIR) + "/tests/driver/models/" + name + ".sinter";
  return language::compile_text(io::read_text(path), path).module;
}

/// Values for the inputs of a function: small normal numbers, and classes below 2 for integers.
std::map<std::string, Tensor> inputs_of(const ir::Module& module, const std::string& function, int64_t batch, uint32_t seed) {
  std::map<std::string, Tensor> inputs;
  RandomSequence random(seed, 1);
  for (const std::string& name : module.function(function).arguments) {
    const ir::Variable& variable = module.variable(name);
    if (variable.role != Role::kInput) continue;
    Tensor tensor(variable.type.dtype, variable.type.shape.evaluate({{"batch", batch}}));
    for (int64_t i = 0; i < tensor.size(); ++i)
      is_float(tensor.dtype()) ? tensor.set(i, random.normal()) : tensor.set_integer(i, random.below(2));
    inputs[name] = tensor;
  }
  return inputs;
}

/// A model trained natively: state, and its programs.
class Native {
 public:
  Native(const ir::Module& module, const CompileOptions& options, std::unique_ptr<runtime::Team> team) : module_(module), team_(std::move(team)) {
    declare_variables(module, state_);
    for (const ir::Function& function : module.functions)
      runs_.emplace(function.name, std::make_unique<runtime::Run>(compile(module, function.name, options), state_, *team_));
  }
  std::map<std::string, Tensor> call(const std::string& function, const std::map<std::string, Tensor>& inputs) {
    runtime::Run& run = *runs_.at(function);
    for (const auto& [name, tensor] : inputs) run.bind(name, tensor);
    run.execute();
    std::map<std::string, Tensor> outputs;
    for (const std::string& name : module_.function(function).results)
      if (module_.variable(name).role == Role::kOutput) outputs[name] = run.output(name).clone();
    return outputs;
  }
  runtime::State& state() { return state_; }

 private:
  const ir::Module& module_;
  std::unique_ptr<runtime::Team> team_;
  runtime::State state_;
  std::map<std::string, std::unique_ptr<runtime::Run>> runs_;
};

/// The same on the evaluator.
class Reference {
 public:
  explicit Reference(const ir::Module& module) : module_(passes::grad(module)) {}
  std::map<std::string, Tensor> call(const std::string& function, const std::map<std::string, Tensor>& inputs) {
    std::map<std::string, Tensor> all = variables_;
    for (const auto& [name, tensor] : inputs) all[name] = tensor;
    std::map<std::string, Tensor> results = ir::evaluate(module_, function, all), outputs;
    for (auto& [name, tensor] : results) (module_.variable(name).role == Role::kOutput ? outputs : variables_)[name] = tensor;
    return outputs;
  }
  const std::map<std::string, Tensor>& variables() const { return variables_; }

 private:
  ir::Module module_;
  std::map<std::string, Tensor> variables_;
};

class Example : public testing::TestWithParam<const char*> {};

TEST_P(Example, TrainsAsTheEvaluatorDoes) {
  const ir::Module module = example(GetParam());
  for (const TargetLevel level : levels_here()) {
    SCOPED_TRACE(std::string(name(level)));
    Native native(module, at_level(level), runtime::serial_team());
    Reference reference(module);
    const std::map<std::string, Tensor> seed{{"seed", Tensor::scalar<uint32_t>(5)}};
    native.call("init", seed);
    reference.call("init", seed);
    const test::Tolerance tolerance{0, 2e-4, 2e-5};  // f32 sums in another order, over several steps
    for (const auto& [name, tensor] : reference.variables()) expect_close(native.state().get(name), tensor, tolerance, "after init: " + name);
    for (uint32_t step = 0; step < 4; ++step) {
      const auto inputs = inputs_of(module, "step", step == 3 ? 5 : 32, step);
      const auto actual = native.call("step", inputs), expected = reference.call("step", inputs);
      for (const auto& [name, tensor] : expected) expect_close(actual.at(name), tensor, tolerance, "step " + std::to_string(step) + ": " + name);
    }
    for (const auto& [name, tensor] : reference.variables()) expect_close(native.state().get(name), tensor, {0, 2e-3, 2e-4}, "after training: " + name);
    for (const std::string function : {"evaluate", "predict"}) {
      const auto inputs = inputs_of(module, function, 7, 9);
      const auto actual = native.call(function, inputs), expected = reference.call(function, inputs);
      for (const auto& [name, tensor] : expected) expect_close(actual.at(name), tensor, {0, 5e-3, 5e-4}, function + ": " + name);
    }
  }
}

TEST_P(Example, HasTheSameBitsForAnyTeam) {
  const ir::Module module = example(GetParam());
  const int64_t batch = std::string(GetParam()).starts_with("tiny") ? 60 : 1000;  // texts have a dozen tokens each
  const auto train = [&](std::unique_ptr<runtime::Team> team) {
    Native native(module, at_level(), std::move(team));
    native.call("init", {{"seed", Tensor::scalar<uint32_t>(5)}});
    for (uint32_t step = 0; step < 3; ++step) native.call("step", inputs_of(module, "step", batch, step));
    std::map<std::string, Tensor> state;
    for (const auto& entry : native.state().entries()) state[entry.name] = entry.value.clone();
    return state;
  };
  const auto expected = train(runtime::serial_team());
  for (const int participants : {1, 2, 3, 8}) {
    for (const auto& make : {runtime::thread_team, runtime::openmp_team}) {
      if (test::kThreadSanitizer && make == runtime::openmp_team) continue;
      const auto actual = train(make(participants));
      for (const auto& [name, tensor] : expected) EXPECT_TRUE(same_bits(actual.at(name), tensor)) << name << " with " << participants;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Example, testing::Values("neuron", "two_three_one", "classifier", "digits", "tiny_gpt", "tiny_bert", "tiny_llama"),
                         [](const auto& info) { return std::string(info.param); });

class CacheTest : public testing::Test {
 protected:
  void SetUp() override { ::setenv("SINTER_CACHE", folder_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("SINTER_CACHE"); }
  std::filesystem::path only_entry() const { return std::filesystem::directory_iterator(folder_.path())->path(); }
  test::TemporaryFolder folder_;
};

TEST_F(CacheTest, ServesWhatWasCompiledAndNothingElse) {
  const ir::Module module = example("neuron");
  CompileReport first, second, other;
  compile(module, "predict", {}, &first);
  EXPECT_FALSE(first.from_cache);
  compile(module, "predict", {}, &second);
  EXPECT_TRUE(second.from_cache);
  compile(module, "step", {}, &other);
  EXPECT_FALSE(other.from_cache);
  EXPECT_EQ(Cache::standard().usage().first, 2);
}

TEST_F(CacheTest, DamagedEntriesAreCompiledAnew) {
  const ir::Module module = example("neuron");
  compile(module, "predict");
  const std::string bytes = io::read_text(only_entry().string());
  for (size_t at = 0; at < bytes.size(); at += bytes.size() / 50 + 1) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    std::ofstream(only_entry(), std::ios::binary) << damaged;
    CompileReport report;
    EXPECT_NO_THROW(compile(module, "predict", {}, &report));
    EXPECT_FALSE(report.from_cache) << "damaged at byte " << at;
  }
  std::ofstream(only_entry(), std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  EXPECT_NO_THROW(compile(module, "predict"));
}

TEST_F(CacheTest, EntriesUnderAnothersNameAreCompiledAnew) {
  const ir::Module module = example("neuron");
  compile(module, "predict");
  const std::filesystem::path first = only_entry();
  compile(module, "step");
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    if (entry.path() != first) std::filesystem::copy_file(first, entry.path(), std::filesystem::copy_options::overwrite_existing);
  CompileReport report;
  compile(module, "step", {}, &report);
  EXPECT_FALSE(report.from_cache);
}

TEST_F(CacheTest, AnUnwritableFolderIsNoError) {
  ::setenv("SINTER_CACHE", "/proc/no_such_folder", 1);
  EXPECT_NO_THROW(compile(example("neuron"), "predict"));
}

TEST(CompileAll, GivesWhatOneByOneGives) {
  const ir::Module module = example("classifier");
  const std::vector<std::string> functions = {"init", "predict", "step", "evaluate"};
  for (const int threads : {1, 3}) {
    CompileOptions options = at_level();
    options.threads = threads;
    const auto all = compile_all(module, functions, options);
    ASSERT_EQ(all.size(), functions.size());
    for (size_t i = 0; i < all.size(); ++i)
      EXPECT_EQ(runtime::encode(all[i]->program()), runtime::encode(compile(module, functions[i], options)->program()));
  }
  EXPECT_TRUE(compile_all(module, {}, at_level()).empty());
}

TEST(CompileAll, RaisesWhatAFunctionCannot) {
  const ir::Module module = example("classifier");
  EXPECT_THROW(compile_all(module, {"init", "nothing"}, at_level()), Error);
}

TEST(Partition, WorkIsAlike) {
  std::vector<double> costs;
  for (const loop::Kernel& kernel : lower(example("classifier"), "step", at_level()).kernels()) costs.push_back(backend::kernel_cost(kernel));
  const std::vector<std::vector<size_t>> modules = backend::cut_into_modules(costs);
  std::vector<size_t> seen;
  for (const std::vector<size_t>& module : modules) {
    EXPECT_FALSE(module.empty());
    seen.insert(seen.end(), module.begin(), module.end());
  }
  std::sort(seen.begin(), seen.end());
  ASSERT_EQ(seen.size(), costs.size());
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i);
  EXPECT_GE(modules.size(), 2u) << "two cores have work";
  EXPECT_TRUE(backend::cut_into_modules({}).empty());
  EXPECT_EQ(backend::cut_into_modules({5}).size(), 1u);
  EXPECT_EQ(backend::cut_into_modules({1, 1, 5, 1, 1, 1}), (std::vector<std::vector<size_t>>{{2}, {0, 1, 3, 4, 5}}));
  EXPECT_GT(backend::cut_into_modules(std::vector<double>(40, 20)).size(), 4u) << "so much work that the end of one module must not be waited for";
}

TEST(Partition, KernelsOfSeveralModulesShareMicrokernels) {
  // As many kernels that call the same microkernel as make several modules.
  std::vector<loop::Kernel> kernels;
  for (int i = 0; i < 40; ++i)
    kernels.push_back(loop::parse_kernel(R"(loops 1
kernel product)" + std::to_string(i) + R"( {
    tiles 1
    read a: f32[8, 64]
    read b: f32[64, 48]
    write c: f32[8, 48]
    contract c(offset 0, row_stride 48) {
        a a(offset 0, stride 64, depth_stride 1, batch_stride 0)
        b b(offset 0, stride 1, depth_stride 48, batch_stride 0)
        rows 8 at most 8
        columns 48 at most 48
        depth 64
        batches 1
    }
}
)"));
  const std::vector<std::string> objects = backend::generate_objects({kernels}, default_target_level(), 2)[0];
  EXPECT_GT(objects.size(), 2u);
  std::vector<std::string> symbols;
  for (const loop::Kernel& kernel : kernels) symbols.push_back(kernel.name);
  const auto code = backend::load_code(objects, symbols);
  for (const std::string& symbol : symbols) EXPECT_NE(code->find(symbol), nullptr);
  size_t with_code = 0;
  for (const std::string& object : objects) with_code += object.find("product") == std::string::npos;
  EXPECT_EQ(with_code, 1u) << "objects that have microkernels";
}

}  // namespace
}  // namespace sinter::driver
