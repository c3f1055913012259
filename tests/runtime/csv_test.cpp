// Reading csv files: what is read, and every mistake by its message.
#include "runtime/allocations.h"
#include "runtime/data/csv.h"

#include <gtest/gtest.h>

#include <ctime>

#include "base/random.h"
#include "runtime/data_requests.h"

namespace sinter::runtime::test {
namespace {

class Csv : public ::testing::Test {
 protected:
  Dataset read(std::string_view content) {
    request.source = "csv";
    request.arguments["path"] = folder.write("data.csv", content);
    return load_dataset(request);
  }
  std::vector<double> numbers(std::string_view content) {
    const Dataset data = read(content);
    std::vector<double> all;
    for (int64_t i = 0; i < data.samples(); ++i) {
      for (int64_t k = 0; k < 2; ++k) all.push_back(data.features.get(2 * i + k));
      if (data.labelled) all.push_back(data.labels.get(i));
    }
    return all;
  }
  /// The message without the folder's name.
  std::string error(std::string_view content, ErrorCode code = ErrorCode::kData) {
    try {
      read(content);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      std::string text = error.what();
      const std::string prefix = folder.path().string() + "/";
      for (size_t at; (at = text.find(prefix)) != std::string::npos;) text.erase(at, prefix.size());
      return text;
    }
    return "no error";
  }

  TemporaryFolder folder;
  DataRequest request = request_for("csv", {}, 2, 3);
};

using Numbers = std::vector<double>;

TEST_F(Csv, ReadsNumbersInAllSpellings) {
  EXPECT_EQ(numbers("1,2,0\n3.5,-4e-2,1\n"), (Numbers{1, 2, 0, 3.5, -.04f, 1}));
  EXPECT_EQ(numbers("1,2,0\n3,4,1"), (Numbers{1, 2, 0, 3, 4, 1})) << "no line end at the end";
  EXPECT_EQ(numbers("1,2,0\r\n3,4,1\r\n"), (Numbers{1, 2, 0, 3, 4, 1}));
  EXPECT_EQ(numbers(" 1 ,\t2 , 0 \n3,4,1\n\n \r\n\n"), (Numbers{1, 2, 0, 3, 4, 1})) << "blanks";
  EXPECT_EQ(numbers("\xEF\xBB\xBF"
                    "1,+2,2.0\n"),
            (Numbers{1, 2, 2}))
      << "byte order mark, plus, whole label with a point";
  EXPECT_EQ(numbers(".5,5.,0\n1E2,-0,1\n"), (Numbers{.5, 5, 0, 100, 0, 1}));
}

TEST_F(Csv, DetectsAHeader) {
  EXPECT_EQ(numbers("a,b,label\n1,2,0\n"), (Numbers{1, 2, 0}));
  EXPECT_EQ(numbers(",b,label\r\n1,2,0\r\n"), (Numbers{1, 2, 0}));
  EXPECT_EQ(numbers("x1,x 2,y\n1,2,0\n"), (Numbers{1, 2, 0}));
  EXPECT_EQ(error("a,2,label\n1,2,0\n"), "data.csv:1:1: error: column 1: \"a\" is not a number; a header line has no numbers in it");
  EXPECT_EQ(error("1,2,0\na,b,label\n"), "data.csv:2:1: error: column 1: \"a\" is not a number");
  EXPECT_EQ(error("a,b,label\n"), "error: data.csv has a header, but no samples");
  EXPECT_EQ(error("a,label\n1,2,0\n"), "data.csv:1:1: error: 2 columns, the model wants 3: 2 features and the label");
}

TEST_F(Csv, RefusesWhatIsNoTableOfNumbers) {
  EXPECT_EQ(error(""), "error: data.csv is empty");
  EXPECT_EQ(error("\n\n \r\n"), "error: data.csv is empty");
  EXPECT_EQ(error("\xEF\xBB\xBF"), "error: data.csv is empty");
  EXPECT_EQ(error(std::string_view("\x7f"
                                   "ELF\0\0\0",
                                   7)),
            "error: data.csv is no text; a csv file holds numbers with commas between them");
  EXPECT_EQ(error("1;2;0\n"), "data.csv:1:1: error: 1 column, the model wants 3: 2 features and the label; separate the columns by commas");
  EXPECT_EQ(error("1,2,0\n3,4\n"), "data.csv:2:1: error: 2 columns, expected are 3: 2 features and the label");
  EXPECT_EQ(error("1,2,0\n3,4,1,\n"), "data.csv:2:1: error: 4 columns, expected are 3: 2 features and the label");
  EXPECT_EQ(error("1,2,0\n\n3,4,1\n"), "data.csv:2:1: error: an empty line among the samples");
  EXPECT_EQ(error("1,2,0\n3,,1\n"), "data.csv:2:3: error: column 2: a number is missing");
  EXPECT_EQ(error("1,2,0\n3,4x,1\n"), "data.csv:2:3: error: column 2: \"4x\" is not a number");
  EXPECT_EQ(error("1,2,0\n3,0x1,1\n"), "data.csv:2:3: error: column 2: \"0x1\" is not a number");
  EXPECT_EQ(error("1,2,0\n3,+-1,1\n"), "data.csv:2:3: error: column 2: \"+-1\" is not a number");
  EXPECT_EQ(error("1,2,0\n3 3,4,1\n"), "data.csv:2:1: error: column 1: \"3 3\" is not a number");
  EXPECT_EQ(error("1,2,0\r3,4,1\r"), "data.csv:1:1: error: 5 columns, the model wants 3: 2 features and the label");
  EXPECT_EQ(numbers("\"1\",2,0\n1,\" 3\" ,\"1\"\n"), (Numbers{1, 2, 0, 1, 3, 1}));
  EXPECT_EQ(error("1,2,0\n1,\"2\"x,0\n"), "data.csv:2:3: error: a quote is not closed where the field ends; a quote inside a quoted field is written twice");
}

TEST_F(Csv, RefusesNumbersThatCannotBeUsed) {
  for (const char* text : {"nan", "NaN", "inf", "-inf", "Infinity"}) {
    EXPECT_EQ(error("1,2,0\n1," + std::string(text) + ",0\n"),
              "data.csv:2:3: error: column 2: \"" + std::string(text) +
                  "\" is not a finite number; leave such samples out, or put a number in its place");
  }
  EXPECT_EQ(error("1,2,0\n1,1e999,0\n"), "data.csv:2:3: error: column 2: \"1e999\" is outside the range of f64");
  EXPECT_EQ(error("1,2,0\n1,1e99,0\n"), "data.csv:2:3: error: 1e+99 is outside the range of f32");
  request.feature.dtype = DType::kU8;
  EXPECT_EQ(numbers("1,255,0\n"), (Numbers{1, 255, 0}));
  EXPECT_EQ(error("1,256,0\n"), "data.csv:1:3: error: 256.0 is outside the range of u8");
  EXPECT_EQ(error("1,-1,0\n"), "data.csv:1:3: error: -1.0 is outside the range of u8");
  EXPECT_EQ(error("1,2.5,0\n"), "data.csv:1:3: error: 2.5 is not a whole number, the model takes u8");
}

TEST_F(Csv, HoldsLabelsToTheModelsClasses) {
  EXPECT_EQ(error("1,2,0\n1,2,3\n"), "data.csv:2:5: error: the label 3 is outside the model's classes, 0 to 2");
  EXPECT_EQ(error("1,2,-1\n"), "data.csv:1:5: error: the label -1 is outside the model's classes, 0 to 2");
  EXPECT_EQ(error("1,2,1.5\n"), "data.csv:1:5: error: the label 1.5 is not a whole number, the model wants classes");
  request.classes.reset();
  EXPECT_EQ(numbers("1,2,1000\n"), (Numbers{1, 2, 1000}));
  EXPECT_EQ(error("1,2,-1\n"), "data.csv:1:5: error: the label -1 is outside the model's classes, which count from 0");
  request = request_for("csv", {}, 2, {});
  EXPECT_EQ(numbers("1,2,1.5\n"), (Numbers{1, 2, 1.5}));
}

TEST_F(Csv, SeveralColumnsMayBeTheLabel) {
  request = request_for("csv", {}, 2, {});
  request.label.extents = {3};
  const Dataset data = read("1,2,3,4,5\n6,7,8,9,10\n");
  EXPECT_TRUE(same_bits(data.labels, Tensor::of<float>({2, 3}, {3, 4, 5, 8, 9, 10})));
  EXPECT_TRUE(same_bits(data.features, Tensor::of<float>({2, 2}, {1, 2, 6, 7})));
  EXPECT_EQ(error("1,2,3\n"), "data.csv:1:1: error: 3 columns, the model wants 5: 2 features and 3 of the label");
}

TEST_F(Csv, LabelsMayBeMissingForPredictions) {
  request.label_optional = true;
  EXPECT_EQ(numbers("1,2\n3,4\n"), (Numbers{1, 2, 3, 4}));
  EXPECT_FALSE(read("1,2\n3,4\n").labelled);
  EXPECT_TRUE(read("1,2,0\n3,4,1\n").labelled);
  EXPECT_EQ(error("1,2\n3,4,1\n"), "data.csv:2:1: error: 3 columns, expected are 2: 2 features");
}

TEST_F(Csv, MissingFilesAndFolders) {
  request.source = "csv";
  for (const std::string& path : {folder.file("absent.csv"), folder.path().string()}) {
    request.arguments["path"] = path;
    try {
      load_dataset(request);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo);
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
    }
  }
}

TEST_F(Csv, AFileOfLineEndsTakesNoMemory) {
  request = request_for("csv", {}, 1 << 20, {});
  EXPECT_NE(error("1\n" + std::string(1 << 20, '\n') + "1\n").find("the model wants 1048577"), std::string::npos);
}

TEST_F(Csv, AnyDamageRaisesErrorsOnly) {
  const std::string good = "a,b,label\n1,2.5,0\n-3e1,4,1\n0.125,6,2\n";
  RandomSequence random(1, 2);
  for (int round = 0; round < 500; ++round) {
    std::string text = good;
    for (uint32_t i = random.below(3); i < 3; ++i) {
      const uint32_t at = random.below(static_cast<uint32_t>(text.size()));
      switch (random.below(3)) {
        case 0:
          text[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, 1, ",\n\r\"-+.einf0 \t"[random.below(14)]);
      }
    }
    try {
      read(text);
    } catch (const Error&) {
    }
  }
  for (size_t length = 0; length < good.size(); ++length) {
    try {
      read(good.substr(0, length));
    } catch (const Error&) {
    }
  }
}

TEST_F(Csv, ReadsFast) {
  std::string text;
  RandomSequence random(1, 3);
  while (text.size() < (8 << 20))
    text += std::to_string(random.normal()) + "," + std::to_string(random.below(17)) + "," + std::to_string(random.below(3)) + "\n";
  const std::string path = folder.write("large.csv", text);
  request.source = "csv";
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const std::clock_t start = std::clock();  // of this process: other work on the machine does not count
    read_csv(path, request);
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  const double megabytes_per_second = static_cast<double>(text.size()) / best / 1e6;
  RecordProperty("megabytes_per_second", std::to_string(megabytes_per_second));
#ifdef NDEBUG
  if (!kSanitizer) EXPECT_GT(megabytes_per_second, 50);
#endif
}

}  // namespace
}  // namespace sinter::runtime::test
