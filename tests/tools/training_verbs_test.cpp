// What stands around a training: data with names, validation data, early stop, logs and curves, numbers that are none, disks that fill up, runs that are killed.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "io/event_file.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include "tools/command.h"
#include "tools/outputs.h"

namespace sinter::test {
namespace {

int64_t count_lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

const std::string kDigits = "sinter train " + example("digits") + " --threads 1 ";

/// Flowers by two measures, with their kinds as words, and a model for them.
void write_flowers(const Folder& folder) {
  std::string rows = "id,width,height,kind\n";
  for (int i = 0; i < 90; ++i) rows += std::to_string(i) + "," + std::to_string(i % 3 + 0.01 * (i % 7)) + "," + std::to_string(2 - i % 3 + 0.01 * (i % 5)) + "," + (i % 3 == 0 ? "rose" : i % 3 == 1 ? "\"tulip, red\"" : "aster") + "\n";
  folder.write("flowers.csv", rows);
  folder.write("flowers.sinter", R"(sinter 1
model flowers(x: f32[batch, 2]) -> logits {
    h = tanh(dense(x, 8))
    logits = dense(h, 3)
}
train flowers {
    data = csv("flowers.csv", features = ["width", "height"], label = "kind", normalise = "standard")
    loss = cross_entropy(logits, label)   optimizer = adam(learning_rate = 0.05)
    metrics = [accuracy(logits, label)]   epochs = 20   batch = 10
}
)");
}

TEST(TrainingVerbs, NamesOfClassesGoWithTheWeights) {
  const Folder folder;
  write_flowers(folder);
  folder.write("new.csv", "height,width\n2,0\n0,2\n1,1\n");
  folder.write("valid.csv", "kind,width,height,id\nrose,0,2,1\naster,2,0,2\n");
  const Outcome trained = folder.run("sinter train flowers.sinter --json --out w.safetensors --validate valid.csv");
  ASSERT_EQ(trained.status, 0) << trained.error;
  EXPECT_EQ(lines_of(trained.out).back()["val_accuracy"], 1);
  const Outcome predicted = folder.run("sinter predict flowers.sinter --weights w.safetensors --data new.csv --out labels.csv && sinter predict flowers.sinter --weights w.safetensors --data new.csv --out labels.npy");
  ASSERT_EQ(predicted.status, 0) << predicted.error;
  EXPECT_EQ(folder.read("labels.csv"), "rose\naster\n\"tulip, red\"\n");
  const Tensor labels = io::read_npy((folder / "labels.npy").string());
  EXPECT_TRUE(same_bits(labels, Tensor::of<int64_t>({3}, {1, 0, 2})));
  // A class less than the training had does not renumber the others.
  const Outcome evaluated = folder.run("sinter evaluate flowers.sinter --weights w.safetensors --data valid.csv --json");
  ASSERT_EQ(evaluated.status, 0) << evaluated.error;
  EXPECT_EQ(lines_of(evaluated.out)[0]["accuracy"], 1);
  const Outcome other = folder.run("sed -i s/rose/lily/ valid.csv; sinter evaluate flowers.sinter --weights w.safetensors --data valid.csv");
  EXPECT_EQ(other.status, 1);
  EXPECT_NE(other.error.find("valid.csv:2:1: error: there was no class \"lily\" in the data that trained"), std::string::npos) << other.error;
}

TEST(TrainingVerbs, StopsEarlyAndKeepsTheBest) {
  const Folder folder;
  const std::string line = kDigits + "--data 'digits(samples = 600)' --learning-rate 0.03 --json --epochs 40 --early-stop 3:val_accuracy --keep-best --out w.safetensors ";
  const Outcome outcome = folder.run(line);
  ASSERT_EQ(outcome.status, 0) << outcome.error;
  const auto epochs = lines_of(outcome.out);
  double best = -1;
  size_t at = 0;
  for (size_t i = 0; i + 1 < epochs.size(); ++i)
    if (epochs[i]["val_accuracy"] > best) best = epochs[i]["val_accuracy"], at = i;
  EXPECT_EQ(epochs.size() - 1, at + 1 + 3) << "three epochs after the best one";
  EXPECT_NE(outcome.error.find("stopped early: val_accuracy was best in epoch " + std::to_string(at + 1)), std::string::npos) << outcome.error;
  const Outcome evaluated = folder.run("sinter evaluate " + example("digits") + " --weights w.safetensors --data 'digits(samples = 600)' --json");
  EXPECT_NEAR(lines_of(evaluated.out)[0]["accuracy"].get<double>(), best, 1e-9);
  // What was best is part of a checkpoint: a training in two parts stops where the whole one does.
  const std::string parts = kDigits + "--data 'digits(samples = 600)' --learning-rate 0.03 --json --early-stop 3:val_accuracy ";
  ASSERT_EQ(folder.run(parts + "--epochs " + std::to_string(at + 2) + " --checkpoint c.ckpt").status, 0);
  const Outcome rest = folder.run(parts + "--epochs 40 --resume c.ckpt");
  ASSERT_EQ(rest.status, 0) << rest.error;
  EXPECT_EQ(lines_of(rest.out).back()["epoch"], epochs.back()["epoch"]);
  EXPECT_NE(folder.run(kDigits + "--data 'digits(samples = 600)' --early-stop 3:val_accurcy").error.find("nothing is measured"), std::string::npos);
}

TEST(TrainingVerbs, CheckpointsEverySoOften) {
  const Folder folder;
  const std::string line = kDigits + "--data 'digits(samples = 600)' --checkpoint c.ckpt ";
  ASSERT_EQ(folder.run(line + "--epochs 3 --checkpoint-every 2").status, 0);
  const auto whole = tensors_of(folder / "c.ckpt");
  EXPECT_EQ(io::read_safetensors((folder / "c.ckpt").string()).metadata.at("epoch"), "3") << "the last epoch has one in any case";
  ASSERT_EQ(folder.run(line + "--epochs 3 --checkpoint-every 4:steps").status, 0);
  EXPECT_EQ(tensors_of(folder / "c.ckpt"), whole);
  EXPECT_EQ(folder.run(line + "--checkpoint-every 0").status, 1);
  EXPECT_EQ(folder.run(line + "--checkpoint-every 2:weeks").status, 1);
}

TEST(TrainingVerbs, LogsAndDrawsThem) {
  const Folder folder;
  const std::string line = kDigits + "--data 'digits(samples = 300)' --log run --checkpoint c.ckpt ";
  ASSERT_EQ(folder.run(line + "--epochs 3").status, 0);
  ASSERT_EQ(folder.run(line + "--epochs 5 --resume c.ckpt").status, 0);
  const std::string log = folder.read("run/log.csv");
  EXPECT_EQ(count_lines(log), 6) << log;
  EXPECT_TRUE(log.starts_with("epoch,step,seconds,loss,accuracy,val_loss,val_accuracy\n1,")) << log;
  int events = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "run")) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("events.out.tfevents.")) continue;
    const std::string bytes = folder.read("run/" + name);
    for (size_t at = 0; at < bytes.size();) {  // length, its checksum, the event, its checksum
      uint64_t length = 0;
      uint32_t crc = 0;
      std::memcpy(&length, &bytes[at], 8);
      ASSERT_LE(at + 16 + length, bytes.size());
      std::memcpy(&crc, &bytes[at + 12 + length], 4);
      const uint32_t plain = io::crc32c(std::string_view(bytes).substr(at + 12, length));
      EXPECT_EQ(crc, ((plain >> 15) | (plain << 17)) + 0xa282ead8u);
      at += 16 + length;
      ++events;
    }
  }
  EXPECT_GE(events, 5 + 1);
  const Outcome drawn = folder.run("sinter plot run -o curves.svg");
  ASSERT_EQ(drawn.status, 0) << drawn.error;
  EXPECT_NE(drawn.out.find("accuracy: training (line), validation (dashes)"), std::string::npos);
  EXPECT_TRUE(folder.read("curves.svg").starts_with("<svg "));
  EXPECT_EQ(folder.run("sinter plot run los").status, 1);
  EXPECT_NE(folder.run("sinter plot absent").error.find("cannot read absent"), std::string::npos);
  folder.write("bad/log.csv", "");
  std::filesystem::create_directories(folder / "bad");
  folder.write("bad/log.csv", "epoch,loss\n1,x\n");
  EXPECT_NE(folder.run("sinter plot bad").error.find("log.csv:2"), std::string::npos);
}

TEST(TrainingVerbs, ChecksumsAreTheUsualOnes) {
  EXPECT_EQ(io::crc32c("123456789"), 0xE3069283u);  // RFC 3720, B.4 and the usual check value
  EXPECT_EQ(io::crc32c(std::string(32, '\0')), 0x8A9136AAu);
  // An event as TensorFlow writes it: wall_time 1.5, step 3, one value "a" of 0.5.
  EXPECT_EQ(io::event_message(1.5, 3, {{"a", 0.5}}), std::string("\x09\0\0\0\0\0\0\xF8\x3F\x10\x03\x2A\x0A\x0A\x08\x0A\x01" "a\x15\0\0\0\x3F", 23));
}

TEST(TrainingVerbs, TheFirstOperationThatGivesNoNumberIsNamed) {
  const Folder folder;
  folder.write("m.sinter", R"(sinter 1
model m(x: f32[batch, 2]) -> y {
    h = dense(x, 4)
    root = sqrt(h)
    y = dense(root, 1)
}
train m {
    data = xor(samples = 40)
    loss = mean(y ^ 2)   optimizer = sgd(learning_rate = 0.1)   batch = 10
}
)");
  const Outcome plain = folder.run("sinter train m.sinter");
  EXPECT_EQ(plain.status, 1);
  EXPECT_NE(plain.error.find("the loss is nan in epoch 1, step 1 of 4; a smaller learning rate may help; --check-numerics finds"), std::string::npos) << plain.error;
  for (const char* reference : {"", " --reference"}) {
    const Outcome checked = folder.run("sinter train m.sinter --check-numerics --checkpoint c.ckpt" + std::string(reference));
    EXPECT_EQ(checked.status, 1);
    EXPECT_NE(checked.error.find("the loss is nan in epoch 1, step 1 of 4; the first operation that gives it is sqrt of \"root\", where ["), std::string::npos) << checked.error;
    // The state before the bad step is kept.
    for (const auto& [name, tensor] : io::read_safetensors((folder / "c.ckpt").string()).tensors)
      for (int64_t i = 0; i < tensor.size(); ++i) ASSERT_TRUE(std::isfinite(tensor.get(i))) << name;
  }
  // What is finite trains on as without the check.
  ASSERT_EQ(folder.run(kDigits + "--data 'digits(samples = 300)' --epochs 2 --out a.safetensors").status, 0);
  ASSERT_EQ(folder.run(kDigits + "--data 'digits(samples = 300)' --epochs 2 --check-numerics --out b.safetensors").status, 0);
  EXPECT_EQ(tensors_of(folder / "a.safetensors"), tensors_of(folder / "b.safetensors"));
}

TEST(TrainingVerbs, AFullDiskLosesNothing) {
  const Folder folder;
  const std::string line = kDigits + "--data 'digits(samples = 300)' --no-cache ";
  ASSERT_EQ(folder.run(line + "--epochs 2 --checkpoint c.ckpt --out w.safetensors").status, 0);
  const auto before = tensors_of(folder / "c.ckpt"), weights = tensors_of(folder / "w.safetensors");
  // Files may not grow beyond 20 KiB, and the limit is told as an error: as a full disk is.
  const Outcome outcome = folder.run("bash -c \"trap '' XFSZ; ulimit -f 20; " + line + "--epochs 4 --resume c.ckpt --checkpoint c.ckpt --out w.safetensors\"");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.out.find("epoch 4/4"), std::string::npos) << "training goes on: " << outcome.out;
  EXPECT_NE(outcome.error.find("cannot write c.ckpt: File too large; the checkpoint before it is kept, training goes on"), std::string::npos) << outcome.error;
  EXPECT_EQ(tensors_of(folder / "c.ckpt"), before);
  EXPECT_EQ(tensors_of(folder / "w.safetensors"), weights);
  for (const std::string& name : folder.names()) EXPECT_EQ(name.find(".aside"), std::string::npos) << name;
  ASSERT_EQ(folder.run(line + "--epochs 4 --resume c.ckpt --checkpoint c.ckpt").status, 0);
}

TEST(TrainingVerbs, AKilledRunGoesOnFromItsCheckpoint) {
  const Folder folder;
  const std::string line = kDigits + "--data 'digits(samples = 300)' ";
  folder.run(line + "--epochs 1000000 --checkpoint c.ckpt & child=$!; while [ ! -e c.ckpt ]; do sleep 0.05; done; sleep 0.3; kill -9 $child; wait $child");
  ASSERT_TRUE(std::filesystem::exists(folder / "c.ckpt"));
  const int64_t epochs = std::stoll(io::read_safetensors((folder / "c.ckpt").string()).metadata.at("epoch")) + 2;
  const Outcome resumed = folder.run(line + "--resume c.ckpt --checkpoint c.ckpt --epochs " + std::to_string(epochs));
  ASSERT_EQ(resumed.status, 0) << resumed.error;
  for (const std::string& name : folder.names()) EXPECT_EQ(name.find(".aside"), std::string::npos) << name;
}

TEST(TrainingVerbs, InspectShowsLayers) {
  const Folder folder;
  const Outcome outcome = folder.run("sinter inspect " + example("digits"));
  EXPECT_NE(outcome.out.find("layer   output          parameters"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("h1      f32[batch, 64]       4,160"), std::string::npos) << outcome.out;
}

TEST(TrainingVerbs, ShellsCompleteVerbsAndOptions) {
  const Folder folder;
  const auto complete = [&](const std::string& words, int at) {
    return folder.run("bash -c 'eval \"$(sinter completion bash)\"; COMP_WORDS=(" + words + "); COMP_CWORD=" + std::to_string(at) + "; _sinter; echo ${COMPREPLY[@]}'").out;
  };
  EXPECT_EQ(complete("sinter tr", 1), "train\n");
  EXPECT_EQ(complete("sinter train --check", 2), "--checkpoint --checkpoint-every --check-numerics\n");
  const Outcome zsh = folder.run("sinter completion zsh");
  EXPECT_NE(zsh.out.find("'--early-stop:"), std::string::npos);
  EXPECT_EQ(folder.run("sinter completion fish").status, 1);
}

}  // namespace
}  // namespace sinter::test
