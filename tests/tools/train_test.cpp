// Training, evaluating and predicting, as a person does them; and what goes wrong meanwhile.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "frontend/language/language.h"
#include "io/mapping.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include "driver/training.h"
#include "runtime/data/batches.h"
#include "tools/command.h"
#include "tools/outputs.h"

namespace sinter::test {
namespace {

TEST(Train, TheExamplesLearn) {
  const struct {
    const char *name, *metric;
    double least;
  } kGoals[] = {{"neuron", "val_binary_accuracy", 0.8}, {"two_three_one", "val_binary_accuracy", 0.95}, {"classifier", "val_accuracy", 0.95}, {"digits", "val_accuracy", 0.95}};
  const Folder folder;
  for (const auto& goal : kGoals) {
    const Outcome outcome = folder.run("sinter train " + example(goal.name) + " --json --threads 1");
    ASSERT_EQ(outcome.status, 0) << goal.name << outcome.error;
    const auto epochs = lines_of(outcome.out);
    EXPECT_TRUE(epochs.back()["final"].get<bool>());
    EXPECT_EQ(epochs[0]["epoch"], 1);
    EXPECT_LT(epochs.back()["loss"].get<double>(), epochs[0]["loss"].get<double>()) << goal.name;
    EXPECT_GE(epochs.back()[goal.metric].get<double>(), goal.least) << goal.name;
  }
}

TEST(Train, ALinearModelCannotReadTheDigits) {
  const Folder folder;
  std::string text = io::read_text(example("digits"));
  const size_t first = text.find("    h1 = "), last = text.find("    logits");
  text.replace(first, last - first, "");
  text.replace(text.find("dense(h2, 10)"), 13, "dense(x, 10)");
  folder.write("linear.sinter", text);
  const Outcome outcome = folder.run("sinter train linear.sinter --json --epochs 30 --threads 1");
  ASSERT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_LT(lines_of(outcome.out).back()["val_accuracy"].get<double>(), 0.85);
}

TEST(Train, LearnsTheOpticalDigits) {
  const char* shared = std::getenv("SINTER_SHARED");
  const std::string csv = std::string(shared ? shared : "../shared") + "/data/tabular/digits.csv";
  if (!std::filesystem::exists(csv)) GTEST_SKIP() << "no digits.csv: set SINTER_SHARED";
  const Folder folder;
  for (const char* seed : {"1", "2", "3"}) {
    const Outcome outcome = folder.run("sinter train " + example("digits") + " --data " + std::filesystem::absolute(csv).string() + " --epochs 10 --json --threads 1 --seed " + seed);
    ASSERT_EQ(outcome.status, 0) << outcome.error;
    EXPECT_GE(lines_of(outcome.out).back()["val_accuracy"].get<double>(), 0.95) << "seed " << seed;
  }
}

TEST(Train, GivesTheSameWeightsForAnyTeamAndFromRunToRun) {
  const Folder folder;
  // Batches large enough for kernels of several tiles.
  const std::string line = "sinter train " + example("digits") + " --data 'digits(samples = 3000)' --batch 1000 --epochs 3 --out ";
  ASSERT_EQ(folder.run(line + "one.safetensors --threads 1").status, 0);
  const auto expected = tensors_of(folder / "one.safetensors");
  for (const char* threads : {"1", "2", "3", "8"}) {
    ASSERT_EQ(folder.run(line + "more.safetensors --threads " + threads).status, 0);
    EXPECT_EQ(tensors_of(folder / "more.safetensors"), expected) << threads << " threads";
  }
  ASSERT_EQ(folder.run(line + "other.safetensors --seed 9").status, 0);
  EXPECT_NE(tensors_of(folder / "other.safetensors"), expected);
}

TEST(Train, ResumesToTheSameBits) {
  const Folder folder;
  const std::string train = "sinter train " + example("digits") + " --threads 1 ";
  ASSERT_EQ(folder.run(train + "--epochs 4 --checkpoint whole.ckpt --out whole.safetensors").status, 0);
  ASSERT_EQ(folder.run(train + "--epochs 2 --checkpoint part.ckpt").status, 0);
  ASSERT_EQ(folder.run(train + "--epochs 4 --resume part.ckpt --checkpoint rest.ckpt --out rest.safetensors").status, 0);
  EXPECT_EQ(tensors_of(folder / "rest.ckpt"), tensors_of(folder / "whole.ckpt"));
  EXPECT_EQ(tensors_of(folder / "rest.safetensors"), tensors_of(folder / "whole.safetensors"));
}

/// Shell: interrupts $child when it has written c.ckpt, however long that takes, and waits for it; one that fails writes none.
const std::string kInterruptAtFirstCheckpoint =
    "while [ ! -e c.ckpt ] && kill -0 $child; do sleep 0.01; done; kill -INT $child; wait $child";

TEST(Train, InterruptedItSavesAndResumes) {
  const Folder folder;
  const std::string train = "sinter train " + example("digits") + " --threads 1 --epochs 150 ";
  const Outcome interrupted = folder.run(train + "--checkpoint c.ckpt & child=$!; " + kInterruptAtFirstCheckpoint);
  ASSERT_TRUE(std::filesystem::exists(folder / "c.ckpt")) << interrupted.error;
  EXPECT_NE(interrupted.error.find("--resume c.ckpt"), std::string::npos) << interrupted.error;
  const Outcome again = folder.run(train + "--resume c.ckpt --out a.safetensors");
  ASSERT_EQ(again.status, 0) << again.error;
  ASSERT_EQ(folder.run(train + "--out b.safetensors").status, 0);
  EXPECT_EQ(tensors_of(folder / "a.safetensors"), tensors_of(folder / "b.safetensors"));
}

TEST(Train, InterruptedItExitsWith130) {
  const Folder folder;
  // The shell's own trap keeps it alive while its child is interrupted.
  const Outcome outcome = folder.run("sinter train " + example("digits") + " --epochs 100000 --checkpoint c.ckpt & child=$!; " +
                                     kInterruptAtFirstCheckpoint + "; echo status $?");
  EXPECT_NE(outcome.out.find("status 130"), std::string::npos) << outcome.out << outcome.error;
}

TEST(Train, EvaluateAndPredictUseTheWeights) {
  const Folder folder;
  const Outcome trained = folder.run("sinter train " + example("digits") + " --json --out w.safetensors");
  ASSERT_EQ(trained.status, 0) << trained.error;
  const auto last = lines_of(trained.out).back();
  for (const std::string reference : {"", " --reference"}) {
    const Outcome evaluated = folder.run("sinter evaluate " + example("digits") + " --weights w.safetensors --json" + reference);
    ASSERT_EQ(evaluated.status, 0) << evaluated.error;
    EXPECT_NEAR(lines_of(evaluated.out)[0]["accuracy"].get<double>(), last["val_accuracy"].get<double>(), 1e-9) << reference;
  }
  const Outcome predicted = folder.run("sinter predict " + example("digits") + " --weights w.safetensors --out labels.csv");
  ASSERT_EQ(predicted.status, 0) << predicted.error;
  const std::string labels = folder.read("labels.csv");
  EXPECT_EQ(std::count(labels.begin(), labels.end(), '\n'), 3200);
  const Outcome shown = folder.run("sinter predict " + example("digits") + " --weights w.safetensors --show 3");
  EXPECT_NE(shown.out.find("%)"), std::string::npos);
}

TEST(Train, BadInputGetsOneClearMessage) {
  const Folder folder;
  std::string good, bad_label, short_row, not_a_number;
  for (int i = 0; i < 20; ++i) {
    std::string row;
    for (int j = 0; j < 64; ++j) row += std::to_string(i % 10) + ",";
    good += row + std::to_string(i % 10) + "\n";
    bad_label += row + (i == 7 ? "17" : "1") + "\n";
    short_row += (i == 7 ? "1,2,3" : row + "1") + "\n";
    not_a_number += (i == 7 ? "nan," + row.substr(2) : row) + "1\n";
  }
  folder.write("good.csv", good);
  folder.write("bad_label.csv", bad_label);
  folder.write("short_row.csv", short_row);
  folder.write("nan.csv", not_a_number);
  folder.write("empty.csv", "");
  folder.write("binary.csv", std::string("\x7f" "ELF\0\1\2\3", 8));
  folder.write("weights.safetensors", "not a safetensors file at all");
  ASSERT_EQ(folder.run("sinter train " + example("digits") + " --data good.csv --epochs 1 --out w.safetensors").status, 0);
  ASSERT_EQ(folder.run("sinter train " + example("classifier") + " --epochs 1 --out other.safetensors").status, 0);
  const std::string whole = folder.read("w.safetensors");
  folder.write("truncated.safetensors", whole.substr(0, whole.size() / 2));
  const std::string train = "sinter train " + example("digits") + " --epochs 1 ", evaluate = "sinter evaluate " + example("digits") + " ";
  const struct {
    std::string line, says;
  } kCases[] = {
      {train + "--data bad_label.csv", "bad_label.csv:8"},
      {train + "--data short_row.csv", "short_row.csv:8"},
      {train + "--data nan.csv", "nan.csv:8"},
      {train + "--data empty.csv", "empty.csv"},
      {train + "--data binary.csv", "binary.csv"},
      {train + "--data no_such.csv", "no_such.csv"},
      {train + "--out /no/such/folder/w.safetensors", "/no/such/folder"},
      {train + "--out /dev/full", "/dev/full"},
      {train + "--checkpoint .", "."},
      {train + "--out same.safetensors --checkpoint same.safetensors", "--checkpoint both name same.safetensors"},
      {train + "--out same.safetensors --checkpoint ././same.safetensors", "--checkpoint"},
      {train + "--resume w.safetensors", "w.safetensors"},
      {train + "--batch 0", "batch"},
      {evaluate + "--weights weights.safetensors", "weights.safetensors"},
      {evaluate + "--weights truncated.safetensors", "truncated"},
      {evaluate + "--weights other.safetensors", "other.safetensors"},
      {evaluate + "--weights no_such.safetensors", "no_such.safetensors"},
      {evaluate, "--weights"},
  };
  for (const auto& test : kCases) {
    const Outcome outcome = folder.run(test.line);
    EXPECT_EQ(outcome.status, 1) << test.line << "\n" << outcome.out << outcome.error;
    EXPECT_NE(outcome.error.find(test.says), std::string::npos) << test.line << "\n" << outcome.error;
    EXPECT_NE(outcome.error.find("error: "), std::string::npos) << outcome.error;
  }
}

TEST(Train, AFullDiskKeepsTheOldFile) {
  const Folder folder;
  const std::string train = "sinter train " + example("digits") + " --epochs 1 --out w.safetensors";
  ASSERT_EQ(folder.run(train).status, 0);
  const auto before = tensors_of(folder / "w.safetensors");
  // A limit on the size of files stands for the full disk.
  const Outcome full = folder.run("trap '' XFSZ; ulimit -f 8; " + train + " --seed 4");
  EXPECT_EQ(full.status, 1) << full.error;
  EXPECT_NE(full.error.find("w.safetensors"), std::string::npos) << full.error;
  EXPECT_EQ(tensors_of(folder / "w.safetensors"), before);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    EXPECT_EQ(entry.path().filename().string().find("w.safetensors."), std::string::npos) << "left behind: " << entry.path();
}

/// Weights and checkpoints are of the text: what was specialised when they were made, and is when they are used, does not matter.
TEST(Train, SpecialisedAndSymbolicFormsShareWeightsAndCheckpoints) {
  const Folder folder;
  const std::string model = " " + example("classifier") + " --data 'clusters(samples = 1280, classes = 10, split = 0.5)' --threads 1 ";
  const std::string forms[] = {"", "--specialize batch=32 "};
  io::write_npy((folder / "x.npy").string(), Tensor(DType::kF32, {32, 32}));
  for (const std::string& made : forms) {
    const Outcome trained = folder.run("sinter train" + model + made + "--epochs 2 --json --out w.safetensors --checkpoint c.ckpt");
    ASSERT_EQ(trained.status, 0) << made << trained.error;
    for (const std::string& used : forms) {
      for (const std::string weights : {"w.safetensors ", "c.ckpt "}) {
        const Outcome evaluated = folder.run("sinter evaluate" + model + used + "--json --weights " + weights);
        ASSERT_EQ(evaluated.status, 0) << made << used << evaluated.error;
        EXPECT_NEAR(lines_of(evaluated.out)[0]["loss"].get<double>(), lines_of(trained.out).back()["val_loss"].get<double>(), 1e-5) << made << used;
        EXPECT_EQ(folder.run("sinter predict" + model + used + "--weights " + weights).status, 0) << made << used;
        EXPECT_EQ(folder.run("sinter run " + example("classifier") + " " + used + "--input x=x.npy --weights " + weights).status, 0) << made << used;
        EXPECT_EQ(folder.run("sinter train" + model + used + "--epochs 1 --weights " + weights).status, 0) << made << used;
      }
      const Outcome resumed = folder.run("sinter train" + model + used + "--epochs 3 --resume c.ckpt");
      EXPECT_EQ(resumed.status, 0) << made << used << resumed.error;
    }
  }
}

TEST(Train, ABatchThatIsCompiledInIsTheTrainBlocksBatch) {
  const Folder folder;
  const std::string model = " " + example("classifier") + " ";
  const std::string data = "--data 'clusters(samples = 1280, classes = 10, split = 0.5)' --threads 1 ";
  io::write_npy((folder / "x.npy").string(), Tensor(DType::kF32, {20, 32}));
  io::write_npy((folder / "none.npy").string(), Tensor(DType::kF32, {0, 32}));
  const std::string lines[] = {
      "train" + model + data + "--epochs 1 --specialize batch=20 --out w.safetensors",
      "evaluate" + model + data + "--specialize batch=20 --weights w.safetensors",
      "evaluate" + model + data + "--specialize batch=64 --batch 64 --weights w.safetensors",
      "predict" + model + data + "--specialize batch=20 --weights w.safetensors",
      "run" + model + "--specialize batch=20 --input x=x.npy",
      "run" + model + "--specialize batch=0 --input x=none.npy",
      "compile" + model + "--specialize batch=20 -o m.o",
      "bench" + model + "--specialize batch=20",
      "inspect" + model + "--specialize batch=20",
  };
  for (const std::string& line : lines) {
    const Outcome outcome = folder.run("sinter " + line);
    EXPECT_EQ(outcome.status, 0) << line << "\n" << outcome.error;
  }
  const Outcome unlike = folder.run("sinter evaluate" + model + "--weights w.safetensors --specialize batch=64 --batch 32");
  EXPECT_EQ(unlike.status, 1);
  EXPECT_NE(unlike.error.find("--batch is 32, the first dim of 'x' is 64 by --specialize"), std::string::npos) << unlike.error;
  const Outcome empty = folder.run("sinter train" + model + "--specialize batch=0");
  EXPECT_EQ(empty.status, 1);
  EXPECT_NE(empty.error.find("train cannot take data in batches of 0"), std::string::npos) << empty.error;
}

TEST(Train, SpecialisedWidthsBelongToTheModel) {
  const Folder folder;
  folder.write("m.sinter", "sinter 1\nmodel m(x: f32[batch, width]) -> y {\n    y = dense(x, 3)\n}\ntrain m {\n    data = clusters(samples = 64, classes = 3, split = 0.5)\n"
                           "    loss = cross_entropy(y, label)\n    optimizer = sgd(learning_rate = 0.1)\n    batch = 8\n}\n");
  ASSERT_EQ(folder.run("sinter train m.sinter --specialize width=4 --out w.safetensors").status, 0);
  EXPECT_EQ(folder.run("sinter evaluate m.sinter --specialize width=4 --weights w.safetensors").status, 0);
  EXPECT_EQ(folder.run("sinter evaluate m.sinter --specialize width=4 --specialize batch=8 --weights w.safetensors").status, 0);
  const Outcome wide = folder.run("sinter evaluate m.sinter --specialize width=5 --weights w.safetensors");
  EXPECT_EQ(wide.status, 1);
  EXPECT_NE(wide.error.find("shapes differ"), std::string::npos) << wide.error;
}

TEST(Train, WhatAResumedTrainingKeepsIsTold) {
  const Folder folder;
  const std::string train = "sinter train " + example("digits") + " --data 'digits(samples = 200)' --threads 1 ";
  ASSERT_EQ(folder.run(train + "--epochs 1 --seed 5 --checkpoint c.ckpt").status, 0);
  const Outcome seed = folder.run(train + "--epochs 2 --seed 6 --resume c.ckpt");
  EXPECT_EQ(seed.status, 1);
  EXPECT_NE(seed.error.find("began with seed 5"), std::string::npos) << seed.error;
  EXPECT_EQ(folder.run(train + "--epochs 2 --seed 5 --resume c.ckpt").status, 0);
  EXPECT_EQ(folder.run(train + "--epochs 2 --resume c.ckpt").status, 0);
  const Outcome over = folder.run(train + "--epochs 1 --resume c.ckpt --out w.safetensors");
  EXPECT_EQ(over.status, 0) << over.error;
  EXPECT_NE(over.error.find("c.ckpt holds 1 epochs; --epochs"), std::string::npos) << over.error;
  EXPECT_TRUE(std::filesystem::exists(folder / "w.safetensors"));
  const Outcome rate = folder.run(train + "--epochs 2 --learning-rate 0.5 --resume c.ckpt");
  EXPECT_EQ(rate.status, 1);
  EXPECT_NE(rate.error.find("learning rate"), std::string::npos) << rate.error;
  EXPECT_NE(rate.error.find("--weights c.ckpt"), std::string::npos) << rate.error;
  EXPECT_EQ(folder.run(train + "--epochs 2 --learning-rate 0.5 --weights c.ckpt").status, 0);
}

TEST(Train, AResumedTrainingKeepsItsData) {
  const Folder folder;
  std::string rows;
  for (int i = 0; i < 40; ++i) rows += std::to_string(i % 4) + ",0.5," + std::to_string(i % 2) + "\n";
  folder.write("d.csv", rows);
  folder.write("moved.csv", rows);
  const std::string train = "sinter train " + example("neuron") + " --threads 1 --epochs ";
  const auto data = [](const std::string& more) { return " --data 'clusters(samples = 200, classes = 2, split = 0.5" + more + ")'"; };
  ASSERT_EQ(folder.run(train + "1 --checkpoint c.ckpt" + data("")).status, 0);
  ASSERT_EQ(folder.run(train + "1 --checkpoint d.ckpt --data d.csv").status, 0);
  folder.write("d.csv", rows.replace(0, 1, "9"));
  const struct {
    std::string given, says;
  } kCases[] = {
      {"c.ckpt" + data(", seed = 9"), "given is clusters(classes = 2, samples = 200, seed = 9, split = 0.5)"},
      {"c.ckpt" + data(", spread = 9"), "spread = 9"},
      {"c.ckpt" + data(", shuffle = false"), "belongs to a training with shuffle = true, given is shuffle = false"},
      {"c.ckpt --batch 7" + data(""), "belongs to a training with batch = 20, given is batch = 7"},
      {"c.ckpt --data moved.csv", "other data"},
      {"d.ckpt --data d.csv", "have changed"},
  };
  for (const auto& test : kCases) {
    const Outcome outcome = folder.run(train + "2 --resume " + test.given);
    EXPECT_EQ(outcome.status, 1) << test.given;
    EXPECT_NE(outcome.error.find(test.says), std::string::npos) << test.given << "\n" << outcome.error;
    EXPECT_NE(outcome.error.find("--weights "), std::string::npos) << outcome.error;
  }
  for (const std::string& same : {"c.ckpt" + data(", seed = 0, spread = 1, shuffle = true"), std::string("d.ckpt --data moved.csv")}) {
    const Outcome outcome = folder.run(train + "2 --resume " + same);
    EXPECT_EQ(outcome.status, 0) << same << outcome.error;
  }
}

/// The object in plain C and `sinter train`, fed with the same batches, end at the same bits.
TEST(Train, AnObjectTrainsToTheSameBits) {
  const Folder folder;
  ASSERT_EQ(folder.run("sinter train " + example("classifier") + " --epochs 1 --threads 1 --seed 11 --checkpoint c.ckpt").status, 0);
  ASSERT_EQ(folder.run("sinter compile " + example("classifier") + " --train --emit=object -o m.o --header m.h").status, 0);
  const std::string path = example("classifier");
  language::Options options;
  options.seed = 11;
  const language::Compiled compiled = language::compile_text(io::read_text(path), path, options);
  const runtime::DataSplit data = runtime::load_data(driver::data_request(compiled.module, *compiled.train));
  runtime::Batches batches(data.training, 32);
  batches.shuffle(11, 0);
  std::ofstream file(folder / "batches", std::ios::binary);
  for (int64_t i = 0; i < batches.count(); ++i) {
    const runtime::Batch& batch = batches.load(i);
    file.write(reinterpret_cast<const char*>(&batch.samples), sizeof batch.samples);
    file.write(static_cast<const char*>(batch.features.raw()), static_cast<std::streamsize>(batch.features.bytes()));
    file.write(static_cast<const char*>(batch.labels.raw()), static_cast<std::streamsize>(batch.labels.bytes()));
  }
  file.close();
  folder.write("main.c", R"(
#include <stdio.h>
#include <stdlib.h>
#include "m.h"
int main(void) {
  static float x[32][32], loss, accuracy;
  static int64_t label[32], samples;
  const uint32_t seed = 11;
  char* state = aligned_alloc(64, CLASSIFIER_STATE_BYTES);
  int64_t bytes = classifier_step_workspace_bytes(32), init = classifier_init_workspace_bytes();
  if (init > bytes) bytes = init;
  void* workspace = malloc(bytes);
  FILE* file = fopen("batches", "rb");
  if (classifier_init(state, &seed, workspace, bytes, 0)) return 2;
  while (fread(&samples, sizeof samples, 1, file) == 1) {
    if (fread(x, sizeof x[0], samples, file) != (size_t)samples || fread(label, sizeof label[0], samples, file) != (size_t)samples) return 3;
    if (classifier_step(state, samples, x[0], label, &loss, &accuracy, workspace, bytes, 0)) return 4;
  }
#define PUT(name, n) fwrite(classifier_##name(state), sizeof *classifier_##name(state), n, out)
  FILE* out = fopen("parameters", "wb");
  PUT(h1_weight, 2048); PUT(h1_bias, 64); PUT(h2_weight, 4096); PUT(h2_bias, 64); PUT(logits_weight, 640); PUT(logits_bias, 10);
  PUT(optimizer_h1_weight_m, 2048); PUT(optimizer_h1_weight_v, 2048); PUT(train_step, 1);
  return fclose(out) != 0;
}
)");
  const Outcome built = folder.run("cc -I. main.c m.o -lm -o train && ./train");
  ASSERT_EQ(built.status, 0) << built.error;
  const auto expected = tensors_of(folder / "c.ckpt");
  std::string wanted;
  for (const char* name : {"h1.weight", "h1.bias", "h2.weight", "h2.bias", "logits.weight", "logits.bias", "optimizer.h1.weight.m", "optimizer.h1.weight.v", "train.step"})
    wanted += expected.at(name);
  EXPECT_EQ(folder.read("parameters"), wanted);
}

}  // namespace
}  // namespace sinter::test
