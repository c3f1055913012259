// No output of a command takes the place of what the same command reads, whatever names the files have.
#include <gtest/gtest.h>

#include "base/tensor.h"
#include "io/mapping.h"
#include "io/npy.h"
#include "tools/command.h"

namespace sinter::test {
namespace {

/// The folder of a user: a model, its data, weights and a checkpoint of it, an input.
class Files : public ::testing::Test {
 protected:
  Files() {
    std::string rows;
    for (int i = 0; i < 40; ++i) rows += std::to_string(i % 4) + ",0.5," + std::to_string(i % 2) + "\n";
    folder.write("d.csv", rows);
    std::string text = io::read_text(example("neuron"));
    folder.write("m.sinter", text);
    const std::string call = "clusters(samples = 1000, classes = 2, split = 0.8)";
    folder.write("own.sinter", text.replace(text.find(call), call.size(), "csv(\"d.csv\")"));
    io::write_npy((folder / "x.npy").string(), Tensor(DType::kF32, {4, 2}));
    io::write_npy((folder / "y.npy").string(), Tensor(DType::kF32, {4, 2}));
    const Outcome made = folder.run("sinter train m.sinter --data d.csv --epochs 1 --threads 1 --out w.st --checkpoint c.ckpt && ln -s w.st link.st && ln -s m.sinter link.sinter"
                                    " && sinter compile m.sinter --emit=graph -o m.sir && cp m.sir m.h");
    EXPECT_EQ(made.status, 0) << made.error;
  }

  void expect_refused(const std::string& line, const std::string& says) {
    std::map<std::string, std::string> before;
    for (const std::string& name : folder.names())
      if (!name.starts_with(".")) before[name] = folder.read(name);  // others are the runner's own
    const size_t count = folder.names().size();
    const Outcome outcome = folder.run("sinter " + line);
    EXPECT_EQ(outcome.status, 1) << line << "\n" << outcome.out << outcome.error;
    EXPECT_NE(outcome.error.find(says), std::string::npos) << line << "\n" << outcome.error;
    for (const auto& [name, content] : before) EXPECT_EQ(folder.read(name), content) << line << " wrote " << name;
    EXPECT_EQ(folder.names().size(), count) << line;
  }

  const Folder folder;
};

TEST_F(Files, WhatATrainingReadsStays) {
  const std::string train = "train m.sinter --epochs 1 --threads 1 ";
  expect_refused(train + "--out m.sinter", "--out and the model text both name m.sinter");
  expect_refused(train + "--checkpoint m.sinter", "--checkpoint and the model text both name m.sinter");
  expect_refused(train + "--out link.sinter", "--out and the model text both name link.sinter");
  expect_refused(train + "--data d.csv --out ./d.csv", "--out and --data both name ./d.csv");
  expect_refused("train own.sinter --epochs 1 --checkpoint d.csv", "--checkpoint and the train block's data both name d.csv");
  expect_refused(train + "--weights w.st --out w.st", "--out and --weights both name w.st");
  expect_refused(train + "--weights w.st --checkpoint link.st", "--checkpoint and --weights both name link.st");
  expect_refused(train + "--data d.csv --resume c.ckpt --out c.ckpt", "--out and --resume both name c.ckpt");
}

TEST_F(Files, ATrainingGoesOnInItsOwnCheckpoint) {
  const Outcome resumed = folder.run("sinter train m.sinter --data d.csv --epochs 2 --threads 1 --resume c.ckpt --checkpoint c.ckpt --out more.st");
  EXPECT_EQ(resumed.status, 0) << resumed.error;
}

TEST_F(Files, OutputsAreApartThroughLinksToFilesThatAreNotThereYet) {
  ASSERT_EQ(folder.run("ln -s aa.st bb.st && ln -s bb.st cc.st && mkdir sub && ln -s ../aa.st sub/dd.st").status, 0);
  for (const std::string link : {"bb.st", "cc.st", "sub/dd.st"}) {
    const Outcome outcome = folder.run("sinter train m.sinter --epochs 1 --out aa.st --checkpoint " + link);
    EXPECT_EQ(outcome.status, 1) << link;
    EXPECT_NE(outcome.error.find("--out and --checkpoint both name aa.st"), std::string::npos) << link << outcome.error;
    EXPECT_FALSE(std::filesystem::exists(folder / "aa.st"));
  }
}

TEST_F(Files, WhatOtherVerbsReadStays) {
  const std::string predict = "predict m.sinter --data d.csv --weights w.st --threads 1 --out ";
  expect_refused(predict + "w.st", "--out and --weights both name w.st");
  expect_refused(predict + "link.st", "--out and --weights both name link.st");
  expect_refused(predict + "d.csv", "--out and --data both name d.csv");
  expect_refused(predict + "m.sinter", "--out and the model text both name m.sinter");
  expect_refused("compile m.sinter -o m.sinter", "-o and the model text both name m.sinter");
  expect_refused("compile m.sinter -o n.o --header m.sinter", "--header and the model text both name m.sinter");
  expect_refused("compile m.sir -o m.sir --emit=fused", "-o and the model text both name m.sir");
  expect_refused("bench m.sinter --json m.sinter", "--json and the model text both name m.sinter");
  expect_refused("bench m.sinter --weights w.st --json w.st", "--json and --weights both name w.st");
  expect_refused("run m.sinter --weights w.st --input x=y.npy --out .", "the output y and --input x both name ./y.npy");
  EXPECT_EQ(folder.run("sinter run m.sinter --weights w.st --input x=x.npy --out .").status, 0);
}

}  // namespace
}  // namespace sinter::test
