// The verbs that compile, show and run, as a person uses them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/tensor.h"
#include "io/npy.h"
#include "ir/text.h"
#include "tools/command.h"

namespace sinter::test {
namespace {

const std::string kExamples[] = {"neuron", "two_three_one", "classifier", "digits"};

TEST(Command, HelpNamesEveryVerb) {
  const Folder folder;
  const Outcome help = folder.run("sinter --help");
  EXPECT_EQ(help.status, 0);
  for (const char* verb : {"train", "evaluate", "predict", "run", "compile", "bench", "inspect", "check", "opt", "fmt", "info"})
    EXPECT_NE(help.out.find(std::string("  ") + verb), std::string::npos) << verb;
}

TEST(Command, MistakesOfTheUserExitWithOne) {
  const Folder folder;
  folder.write("broken.sinter", "sinter 1\nmodel m(x: f32[batch, 2]) -> y {\n    y = dens(x, 3)\n}\n");
  for (const char* line : {"sinter", "sinter no_such_verb", "sinter train", "sinter check no_such_file.sinter", "sinter check broken.sinter",
                           "sinter compile broken.sinter --emit=nothing", "sinter opt --passes no_such_pass broken.sinter"}) {
    const Outcome outcome = folder.run(line);
    EXPECT_EQ(outcome.status, 1) << line << "\n" << outcome.error;
    EXPECT_FALSE(outcome.error.empty()) << line;
  }
  const Outcome typo = folder.run("sinter check broken.sinter");
  EXPECT_NE(typo.error.find("broken.sinter:3:"), std::string::npos) << typo.error;
  EXPECT_NE(typo.error.find("dense"), std::string::npos) << typo.error;
}

TEST(Command, AWordThatIsNoVerbIsTold) {
  const Folder folder;
  const Outcome near = folder.run("sinter trian model.sinter"), far = folder.run("sinter frobnicate");
  EXPECT_EQ(near.status, 1);
  EXPECT_NE(near.error.find("\"trian\" is no verb of sinter; did you mean train?"), std::string::npos) << near.error;
  EXPECT_EQ(far.status, 1);
  EXPECT_NE(far.error.find("sinter --help"), std::string::npos) << far.error;
}

TEST(Command, OutputThatCannotBeWrittenIsTold) {
  const Folder folder;
  ASSERT_EQ(folder.run("sinter train " + example("classifier") + " --epochs 1 --out w.safetensors").status, 0);
  ASSERT_EQ(folder.run("sinter compile " + example("classifier") + " --emit=graph >m.sir").status, 0);
  const std::string model = " " + example("classifier") + " ";
  for (const std::string& line : std::vector<std::string>
       {"--version", "--help", "info", "check" + model, "fmt --print" + model, "inspect" + model, "opt m.sir", "compile" + model + "--emit=llvm", "compile" + model + "--emit=plan",
        "predict" + model + "--weights w.safetensors", "evaluate" + model + "--weights w.safetensors", "train" + model + "--epochs 2 --out v.safetensors",
        "train" + model + "--epochs 2 --json"}) {
    const Outcome outcome = folder.run("sinter " + line + " >/dev/full");
    EXPECT_EQ(outcome.status, 1) << line;
    EXPECT_NE(outcome.error.find("cannot write its output: No space left on device"), std::string::npos) << line << "\n" << outcome.error;
  }
  // The training itself went on.
  EXPECT_TRUE(std::filesystem::exists(folder / "v.safetensors"));
}

TEST(Command, ChecksAllModelsOfAFileOrTheOneThatIsNamed) {
  const Folder folder;
  folder.write("two.sinter", "sinter 1\nmodel p(x: f32[batch, 2]) -> y {\n    y = relu(x)\n}\nmodel q(x: f32[batch, 2]) -> y {\n    y = exp(x)\n}\n");
  const Outcome all = folder.run("sinter check two.sinter"), chosen = folder.run("sinter check --model q two.sinter");
  EXPECT_EQ(all.status, 0) << all.error;
  EXPECT_NE(all.out.find("p is sound"), std::string::npos) << all.out;
  EXPECT_NE(all.out.find("q is sound"), std::string::npos) << all.out;
  EXPECT_EQ(chosen.status, 0) << chosen.error;
  EXPECT_NE(chosen.out.find("q is sound"), std::string::npos) << chosen.out;
  EXPECT_EQ(chosen.out.find("p is sound"), std::string::npos) << chosen.out;
  folder.write("second.sinter", "sinter 1\nmodel p(x: f32[batch, 2]) -> y {\n    y = relu(x)\n}\nmodel q(x: f32[batch, 2]) -> y {\n    y = no_such(x)\n}\n");
  const Outcome second = folder.run("sinter check second.sinter");
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.error.find("second.sinter:6:"), std::string::npos) << second.error;
  folder.write("none.sinter", "sinter 1\n");
  EXPECT_NE(folder.run("sinter check none.sinter").error.find("no model"), std::string::npos);
}

TEST(Command, AModelWithoutATrainBlockHasInitialValuesOfASeed) {
  const Folder folder;
  folder.write("m.sinter", "sinter 1\nmodel m(x: f32[batch, 2]) -> y {\n    y = dense(x, 3)\n}\n");
  io::write_npy((folder / "x.npy").string(), Tensor::of<float>({1, 2}, {1, 2}));
  const auto result = [&](const std::string& seed) {
    const Outcome outcome = folder.run("sinter run m.sinter --input x=x.npy" + seed);
    EXPECT_EQ(outcome.status, 0) << outcome.error;
    return outcome.out;
  };
  EXPECT_EQ(result(" --seed 3"), result(" --seed 3"));
  EXPECT_NE(result(" --seed 3"), result(" --seed 4"));
  EXPECT_EQ(result(" --seed 0"), result(""));
}

TEST(Command, ValuesThatMeanNothingAreRefused) {
  const Folder folder;
  ASSERT_EQ(folder.run("sinter compile " + example("neuron") + " --emit=graph >m.sir").status, 0);
  io::write_npy((folder / "x.npy").string(), Tensor(DType::kF32, {4, 2}));
  folder.write("long.npy", folder.read("x.npy") + "more");
  const std::string model = " " + example("neuron") + " ";
  const struct {
    std::string line, says;
  } kCases[] = {
      {"train" + model + "--out ''", "--out"},
      {"train" + model + "--checkpoint=", "--checkpoint"},
      {"train" + model + "--resume ''", "--resume"},
      {"train" + model + "--model ''", "--model"},
      {"compile" + model + "--emit=graph -o ''", "--out"},
      {"predict" + model + "--weights ''", "--weights"},
      {"bench" + model + "--json ''", "--json"},
      {"check ''", "files"},
      {"compile" + model + "-o m.o --header ./m.o", "-o and --header both name m.o"},
      {"compile" + model + "-o m.h", "-o and --header both name m.h"},
      {"train" + model + "--seed -1", "error: --seed: \"-1\" is no whole number from 0 to 4294967295"},
      {"train" + model + "--learning-rate nan", "finite"},
      {"train" + model + "--learning-rate -1", "from 0, not -1"},
      {"train" + model + "--batch 99999999999999999999999", "batch"},
      {"compile" + model + "-o m.o --prefix int", "a reserved word of C or C++"},
      {"train" + model + "--epochs many", "error: Could not convert: --epochs = many"},
      {"train" + model + "--threads x", "error: --threads: \"x\" is no whole number from 1 to 1024"},
      {"train" + model + "--threads 0", "error: --threads: \"0\" is no whole number from 1 to 1024"},
      {"opt m.sir --bisect -1", "error: --bisect: \"-1\" is no whole number from 0 up\n"},
      {"inspect" + model + "--dim batch=9000000000000000000", "too many elements"},
      {"opt m.sir --stop-after no_such", "no_such"},
      {"inspect" + model + "--dim foo=1", "no symbol \"foo\"; its symbols: batch"},
      {"bench" + model + "--dim foo=1", "no symbol \"foo\""},
      {"run" + model + "--input x=x.npy --dim foo=1", "no symbol \"foo\""},
      {"run" + model + "--input x=x.npy --dim foo=1 --reference", "no symbol \"foo\""},
      {"run" + model + "--input x=x.npy --dim batch=3", "batch"},
      {"run" + model + "--input x=long.npy", "4 bytes more"},
  };
  for (const auto& test : kCases) {
    const Outcome outcome = folder.run("sinter " + test.line);
    EXPECT_EQ(outcome.status, 1) << test.line << "\n" << outcome.out;
    EXPECT_NE(outcome.error.find(test.says), std::string::npos) << test.line << "\n" << outcome.error;
    EXPECT_EQ(outcome.out, "") << test.line;
  }
}

TEST(Command, TextsThatHaveBeenThroughThePassesGoOnAsTheyAre) {
  const Folder folder;
  // Wide enough for packed weights, which a function of their own prepares.
  folder.write("wide.sinter", "sinter 1\nmodel wide(x: f32[batch, 784]) -> y, z {\n    h = relu(dense(x, 256))\n    y = softmax(dense(h, 100))\n    z = layer_norm(h)\n}\n");
  io::write_npy((folder / "x.npy").string(), Tensor::of<float>({2, 784}, std::vector<float>(1568, 0.5f)));
  for (const std::string& model : {example("classifier") + " --train --function step", example("classifier") + " --function predict", std::string("wide.sinter --function predict")}) {
    ASSERT_EQ(folder.run("sinter compile " + model + " --emit=graph >before.sir").status, 0) << model;
    ASSERT_EQ(folder.run("sinter opt before.sir >fused.sir").status, 0) << model;
    const Outcome again = folder.run("sinter opt fused.sir"), checked = folder.run("sinter check fused.sir");
    EXPECT_EQ(again.status, 0) << model << again.error;
    EXPECT_EQ(again.out, folder.read("fused.sir")) << model;
    EXPECT_EQ(checked.status, 0) << model << checked.error;
    EXPECT_EQ(folder.run("sinter compile before.sir --emit=loops").out, folder.run("sinter compile fused.sir --emit=loops").out) << model;
  }
  for (const std::string how : {"", " --reference"}) {
    const Outcome before = folder.run("sinter run before.sir --input x=x.npy" + how), after = folder.run("sinter run fused.sir --input x=x.npy" + how);
    EXPECT_EQ(before.status, 0) << before.error;
    EXPECT_EQ(after.status, 0) << after.error;
    EXPECT_EQ(before.out, after.out);
  }
}

TEST(Command, AnInputThatIsNotThereIsTold) {
  const Folder folder;
  io::write_npy((folder / "x.npy").string(), Tensor(DType::kF32, {4, 32}));
  const Outcome outcome = folder.run("sinter run " + example("classifier") + " --input y=x.npy");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.error.find("predict has no input \"y\"; its inputs: x"), std::string::npos) << outcome.error;
}

TEST(Command, TheExamplesAreSoundAndLaidOutCanonically) {
  const Folder folder;
  for (const std::string& name : kExamples) {
    EXPECT_EQ(folder.run("sinter check " + example(name)).status, 0) << name;
    EXPECT_EQ(folder.run("sinter fmt --check " + example(name)).status, 0) << name;
  }
}

TEST(Command, InfoTellsOfTheMachine) {
  const Folder folder;
  const Outcome info = folder.run("sinter info");
  EXPECT_EQ(info.status, 0);
  EXPECT_NE(info.out.find("instruction sets"), std::string::npos);
}

TEST(Command, EveryLevelPrints) {
  const Folder folder;
  for (const std::string& name : kExamples) {
    for (const char* level : {"graph", "fused", "plan", "loops", "llvm", "asm"}) {
      const Outcome outcome = folder.run("sinter compile " + example(name) + " --train --emit=" + level);
      EXPECT_EQ(outcome.status, 0) << name << " " << level << outcome.error;
      EXPECT_FALSE(outcome.out.empty());
    }
  }
  const Outcome explained = folder.run("sinter compile " + example("classifier") + " --train --emit=fused --explain");
  EXPECT_NE(explained.out.find("h1"), std::string::npos);
}

TEST(Command, GraphTextsAreModelsToo) {
  const Folder folder;
  const std::string graph = folder.run("sinter compile " + example("classifier") + " --emit=graph").out;
  EXPECT_EQ(ir::print(ir::parse_module(graph)), graph);
  folder.write("predict.sir", graph);
  EXPECT_EQ(folder.run("sinter check predict.sir").status, 0);
  const Outcome optimised = folder.run("sinter opt predict.sir");
  EXPECT_EQ(optimised.status, 0) << optimised.error;
  EXPECT_NE(optimised.out.find("fusion"), std::string::npos);
  const std::string dumps = folder.run("sinter opt predict.sir --stop-after expand --dump=all").out;
  int passes = 0;
  for (size_t at = dumps.find("# after "); at != std::string::npos; at = dumps.find("# after ", at + 1)) ++passes;
  const Outcome first = folder.run("sinter opt predict.sir --bisect " + std::to_string(passes));
  const Outcome stopped = folder.run("sinter opt predict.sir --stop-after expand");
  EXPECT_EQ(first.out, stopped.out);
  EXPECT_NE(folder.run("sinter opt predict.sir --dump=changed").out.find("# after fuse"), std::string::npos);
}

TEST(Command, RunsOnGivenTensorsAsTheEvaluatorDoes) {
  const Folder folder;
  for (const int64_t batch : {1, 7, 32, 1000}) {
    Tensor x(DType::kF32, {batch, 32});
    for (int64_t i = 0; i < x.size(); ++i) x.set(i, static_cast<double>(i % 17) / 8 - 1);
    io::write_npy((folder / "x.npy").string(), x);
    const std::string line = "sinter run " + example("classifier") + " --seed 3 --input x=x.npy -o ";
    ASSERT_EQ(folder.run(line + "native").status, 0);
    ASSERT_EQ(folder.run(line + "reference --reference").status, 0);
    const Tensor native = io::read_npy((folder / "native/logits.npy").string()), reference = io::read_npy((folder / "reference/logits.npy").string());
    ASSERT_EQ(native.extents(), (Extents{batch, 10}));
    for (int64_t i = 0; i < native.size(); ++i) ASSERT_NEAR(native.get(i), reference.get(i), 1e-4);
  }
  const Outcome missing = folder.run("sinter run " + example("classifier"));
  EXPECT_EQ(missing.status, 1);
  EXPECT_NE(missing.error.find("--input x="), std::string::npos) << missing.error;
  io::write_npy((folder / "wrong.npy").string(), Tensor(DType::kF32, {4, 31}));
  EXPECT_EQ(folder.run("sinter run " + example("classifier") + " --input x=wrong.npy").status, 1);
  io::write_npy((folder / "wrong.npy").string(), Tensor(DType::kF64, {4, 32}));
  EXPECT_EQ(folder.run("sinter run " + example("classifier") + " --input x=wrong.npy").status, 1);
}

TEST(Command, SpecializedProgramsComputeTheSame) {
  const Folder folder;
  Tensor x(DType::kF32, {32, 32});
  for (int64_t i = 0; i < x.size(); ++i) x.set(i, static_cast<double>(i % 13) / 6 - 1);
  io::write_npy((folder / "x.npy").string(), x);
  const std::string line = "sinter run " + example("classifier") + " --input x=x.npy -o ";
  ASSERT_EQ(folder.run(line + "a").status, 0);
  ASSERT_EQ(folder.run(line + "b --specialize batch=32").status, 0);
  EXPECT_TRUE(same_bits(io::read_npy((folder / "a/logits.npy").string()), io::read_npy((folder / "b/logits.npy").string())));
  EXPECT_EQ(folder.run("sinter run " + example("classifier") + " --input x=x.npy --specialize batch=16").status, 1);
}

TEST(Command, BenchWritesGoogleBenchmarksFormat) {
  const Folder folder;
  const Outcome bench = folder.run("sinter bench " + example("classifier") + " --train --threads 1 --json bench.json");
  ASSERT_EQ(bench.status, 0) << bench.error;
  const auto json = nlohmann::json::parse(folder.read("bench.json"));
  for (const char* key : {"fma_peak_gflops", "stream_gbps", "read_l2_gbps", "read_l3_gbps", "read_dram_gbps", "threads", "target"})
    EXPECT_TRUE(json["context"].contains(key)) << key;
  EXPECT_EQ(json["benchmarks"][0]["name"], "total");
  EXPECT_GT(json["benchmarks"].size(), 2u);  // the whole, and the few kernels that a step is
  for (const auto& entry : json["benchmarks"])
    for (const char* key : {"real_time", "gflops", "gbps", "peak_share", "bandwidth_share"}) EXPECT_TRUE(entry[key].is_number()) << key;
}

TEST(Command, AnObjectTrainsInPlainC) {
  const Folder folder;
  ASSERT_EQ(folder.run("sinter compile " + example("classifier") + " --train --emit=object -o m.o --header m.h").status, 0);
  const Outcome compiled = folder.run("cc -std=c11 -D_XOPEN_SOURCE=700 -Wall -Wextra -Werror -I. " SINTER_SOURCE_DIR "/examples/aot_training/main.c m.o -lm -o train");
  ASSERT_EQ(compiled.status, 0) << compiled.error;
  const Outcome linked = folder.run("ldd train");
  EXPECT_EQ(linked.out.find("stdc++"), std::string::npos) << linked.out;
  EXPECT_EQ(linked.out.find("gomp"), std::string::npos) << linked.out;
  const Outcome trained = folder.run("./train");
  EXPECT_EQ(trained.status, 0) << trained.out << trained.error;
  EXPECT_NE(trained.out.find("accuracy"), std::string::npos);
}

TEST(Command, ObjectsOfSeveralModelsLinkIntoOneProgram) {
  const Folder folder;
  ASSERT_EQ(folder.run("sinter compile " + example("neuron") + " --train -o a.o --prefix one").status, 0);
  ASSERT_EQ(folder.run("sinter compile " + example("classifier") + " --train -o b.o --prefix two").status, 0);
  folder.write("main.c", "#include \"a.h\"\n#include \"b.h\"\nint main(void) { return one_predict_workspace_bytes(1) < 0 || two_predict_workspace_bytes(1) < 0; }\n");
  const Outcome built = folder.run("cc -I. main.c a.o b.o -lm -o both && ./both && nm -g --defined-only a.o");
  EXPECT_EQ(built.status, 0) << built.error;
  EXPECT_EQ(built.out.find("_ZN"), std::string::npos) << "names of C++ are seen: " << built.out;
}

TEST(Command, AHeaderIsValidWhateverTheModelsNames) {
  const Folder folder;
  folder.write("m.sinter",
               "sinter 1\nmodel m(int: f32[class, 4], state: f32[class, 4], size_t: f32[class, 4]) -> union {\n"
               "  parameter predict: f32[4, 4] = 1\n  parameter default: f32[4] = 1\n  union = (int + state + size_t) @ predict + default\n}\n");
  ASSERT_EQ(folder.run("sinter compile m.sinter --emit=object -o m.o --header m.h").status, 0);
  folder.write("main.c", "#include <string.h>\n#include \"m.h\"\nint main(void) { return m_predict_workspace_bytes(1) < 0; }\n");
  const Outcome c = folder.run("cc -std=gnu11 -Wall -Wextra -Werror -I. main.c m.o -lm -o program && ./program");
  EXPECT_EQ(c.status, 0) << c.error;
  const Outcome cpp = folder.run("c++ -fsyntax-only -x c++ main.c -I.");
  EXPECT_EQ(cpp.status, 0) << cpp.error;
}

TEST(Command, AnObjectNeedsAPlaceAndAName) {
  const Folder folder;
  EXPECT_EQ(folder.run("sinter compile " + example("classifier")).status, 1);
  EXPECT_EQ(folder.run("sinter compile " + example("classifier") + " -o m.o --prefix 1model").status, 1);
  EXPECT_EQ(folder.run("sinter compile " + example("classifier") + " -o /no_such_folder/m.o").status, 1);
}

}  // namespace
}  // namespace sinter::test
