// sinter bench: expressions and files, and what it writes. Speed itself is never a test.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "tools/command.h"

namespace sinter::test {
namespace {

/// What bench writes of it.
nlohmann::json bench(const Folder& folder, const std::string& arguments) {
  const Outcome outcome = folder.run("sinter bench " + arguments + " --json b.json");
  EXPECT_EQ(outcome.status, 0) << arguments << "\n" << outcome.out << outcome.error;
  return nlohmann::json::parse(folder.read("b.json"));
}

TEST(Bench, ExpressionsAndFilesAreTimed) {
  const Folder folder;
  for (const std::string& arguments :
       {std::string("'matmul(f32[33, 17], const f32[17, 9])' --threads 1"), std::string("'softmax(f32[rows, 40])' --dim rows=5 --threads 2"),
        std::string("'(x: f32[300]) * gelu(x)' --gradient --threads 1"), std::string("'f32[100] + 1' --cold --threads 1"),
        example("two_three_one") + " --train --threads 1"}) {
    const nlohmann::json json = bench(folder, arguments);
    EXPECT_EQ(json["benchmarks"][0]["name"], "total") << arguments;
    EXPECT_GE(json["benchmarks"].size(), 2U) << arguments;
    for (const nlohmann::json& entry : json["benchmarks"]) {
      for (const char* field : {"real_time", "gflops", "gbps", "peak_share", "bandwidth_share"}) {
        ASSERT_TRUE(entry[field].is_number()) << arguments << " " << field;
        EXPECT_TRUE(std::isfinite(entry[field].get<double>())) << arguments << " " << field;
      }
      EXPECT_GT(entry["real_time"].get<double>(), 0) << arguments;
      EXPECT_LE(entry["peak_share"].get<double>(), 1) << arguments;
      EXPECT_GE(entry["peak_share"].get<double>(), 0) << arguments;
      EXPECT_GT(entry["bandwidth_share"].get<double>(), 0) << arguments;
      EXPECT_EQ(std::set<std::string>({"compute", "L1", "L2", "L3", "DRAM", "overhead"}).count(entry["label"].get<std::string>()), 1U) << entry["label"];
      EXPECT_EQ(entry["time_unit"], "us");
    }
    EXPECT_GT(json["benchmarks"][0]["peak_share"].get<double>(), 0) << arguments;
    for (const char* field : {"fma_peak_gflops", "stream_gbps", "read_l1_gbps", "read_l2_gbps", "read_l3_gbps", "read_dram_gbps", "threads"})
      EXPECT_GT(json["context"][field].get<double>(), 0) << field;
    EXPECT_TRUE(json["context"]["target"].is_string());
  }
}

TEST(Bench, PeaksAreOfTheKindOfArithmetic) {
  const Folder folder;
  const double single = bench(folder, "'f32[64, 64] @ f32[64, 64]' --threads 1")["context"]["peak_gflops"];
  const double wide = bench(folder, "'f64[64, 64] @ f64[64, 64]' --threads 1")["context"]["peak_gflops"];
  EXPECT_LT(wide, 0.8 * single);
}

TEST(Bench, InfoMeasuresTheLimits) {
  const Folder folder;
  const Outcome info = folder.run("sinter info --measure --threads 1");
  EXPECT_EQ(info.status, 0) << info.error;
  for (const char* row : {"f32", "f64", "int8", "read from L1", "read from L2", "read from L3", "read from DRAM", "stream in DRAM", "parallel region"})
    EXPECT_NE(info.out.find(row), std::string::npos) << row << "\n" << info.out;
}

TEST(Bench, MistakesAreTold) {
  const Folder folder;
  const std::pair<const char*, const char*> cases[] = {
      {"'softmaxx(f32[3, 3])'", "expression:1:1: error: unknown name 'softmaxx'"},
      {"'f32[3] + 1' --train", "--train is for files"},
      {"'f32[3] + 1' --dim n=3", "no symbol \"n\""},
      {"'f32[n] + 1' --specialize m=3", "no symbol 'm'"},
      {"no_such_file.sinter", "no_such_file.sinter"},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = folder.run(std::string("sinter bench ") + arguments);
    EXPECT_EQ(outcome.status, 1) << arguments;
    EXPECT_NE(outcome.error.find(message), std::string::npos) << arguments << "\n" << outcome.error;
  }
  EXPECT_EQ(folder.run("sinter bench " + example("classifier") + " --gradient").status, 1);
}

}  // namespace
}  // namespace sinter::test
