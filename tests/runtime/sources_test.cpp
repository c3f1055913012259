// Data from arrays, pictures, texts and tables with words: what is read, and every mistake by its message.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>
#include <numeric>
#include <set>

#include "io/mapping.h"
#include "io/npy.h"
#include "runtime/data/batches.h"
#include "runtime/data/normalise.h"
#include "runtime/data_requests.h"
#include "runtime/picture_files.h"

namespace sinter::runtime::test {
namespace {

class Sources : public ::testing::Test {
 protected:
  std::string error(const DataRequest& request) {
    try {
      load_data(request);
    } catch (const Error& error) {
      std::string text = error.what();
      const std::string prefix = folder.path().string() + "/";
      for (size_t at; (at = text.find(prefix)) != std::string::npos;) text.erase(at, prefix.size());
      return text;
    }
    return "no error";
  }
  std::string write(const std::string& name, std::string_view content) {
    std::filesystem::create_directories((folder.path() / name).parent_path());
    return folder.write(name, content);
  }

  TemporaryFolder folder;
};

std::vector<double> numbers(const Tensor& tensor) {
  std::vector<double> all;
  for (int64_t i = 0; i < tensor.size(); ++i) all.push_back(tensor.get(i));
  return all;
}
using Numbers = std::vector<double>;

/// All samples of any dataset, in memory.
Dataset whole(const Dataset& data) {
  std::vector<int64_t> rows(static_cast<size_t>(data.samples()));
  std::iota(rows.begin(), rows.end(), 0);
  return take(data, rows);
}

DataRequest with(DataRequest request, const std::string& name, DataArgument value) {
  request.arguments[name] = std::move(value);
  return request;
}

// ---- csv ----

TEST_F(Sources, CsvColumnsByName) {
  const std::string path = write("t.csv", "id,kind,\"width, mm\",height\n1,rose,1.5,2\n2,\"tulip, red\",2.5,3\n3,rose,3.5,4\n");
  DataRequest request = request_for("csv", {{"path", path}, {"label", std::string("kind")}, {"features", std::vector<std::string>{"height", "width, mm"}}}, 2, 3);
  const Dataset data = load_dataset(request);
  EXPECT_EQ(numbers(data.features), (Numbers{2, 1.5, 3, 2.5, 4, 3.5}));
  EXPECT_EQ(numbers(data.labels), (Numbers{0, 1, 0}));
  EXPECT_EQ(data.facts->classes, (std::vector<std::string>{"rose", "tulip, red"}));
  EXPECT_EQ(data.facts->columns, (std::vector<std::string>{"height", "width, mm"}));
  // What the training learned is asked of other data: other columns, another order, no labels.
  request = request_for("csv", {{"path", write("new.csv", "height,x,\"width, mm\"\n7,0,8\n")}}, 2, 3);
  request.known = data.facts;
  request.label_optional = true;
  EXPECT_EQ(numbers(load_dataset(request).features), (Numbers{7, 8}));
  EXPECT_FALSE(load_dataset(request).labelled);
  request.arguments["path"] = write("other.csv", "kind,height,\"width, mm\"\nlily,7,8\n");
  EXPECT_EQ(error(request), "other.csv:2:1: error: there was no class \"lily\" in the data that trained");
  EXPECT_EQ(error(request_for("csv", {{"path", path}, {"label", std::string("kinds")}}, 2, 3)), "error: t.csv has no column \"kinds\", which label names; did you mean \"kind\"?");
}

TEST_F(Sources, CsvWordsSpreadOverFeatures) {
  const std::string path = write("t.csv", "size,colour,y\n1,red,10\n2,blue,20\n3,red,30\n");
  const DataRequest request = request_for("csv", {{"path", path}, {"one_hot", std::string("colour")}}, 3, {});
  const Dataset data = load_dataset(request);
  EXPECT_EQ(numbers(data.features), (Numbers{1, 0, 1, 2, 1, 0, 3, 0, 1}));
  EXPECT_EQ(data.facts->categories.at("colour"), (std::vector<std::string>{"blue", "red"}));
  EXPECT_EQ(facts_from(to_metadata(*data.facts), "w").categories, data.facts->categories);
  EXPECT_EQ(error(request_for("csv", {{"path", path}, {"one_hot", std::string("colour")}}, 2, {})), "error: t.csv gives 3 features, the model's input takes 2");
}

TEST_F(Sources, CsvMissingValues) {
  const std::string path = write("t.csv", "1,2,0\n1,,1\nNA,3,1\n4,5,1\n");
  DataRequest request = request_for("csv", {{"path", path}}, 2, 2);
  EXPECT_EQ(error(request), "t.csv:2:3: error: column 2: a number is missing");
  const Dataset skipped = load_dataset(with(request, "missing", std::string("skip")));
  EXPECT_EQ(numbers(skipped.features), (Numbers{1, 2, 4, 5}));
  EXPECT_EQ(numbers(skipped.labels), (Numbers{0, 1}));
  EXPECT_EQ(skipped.notes, std::vector<std::string>{"2 samples of " + path + " with missing values are left out, the first in line 2"});
  EXPECT_EQ(numbers(load_dataset(with(request, "missing", int64_t{-1})).features), (Numbers{1, 2, 1, -1, -1, 3, 4, 5}));
  const Dataset streamed = load_dataset(with(with(request, "missing", std::string("skip")), "stream", true));
  EXPECT_EQ(streamed.notes, skipped.notes);
  EXPECT_TRUE(same_bits(whole(streamed).features, skipped.features));
}

TEST_F(Sources, CsvSeparatorsAndHeaders) {
  EXPECT_EQ(numbers(load_dataset(request_for("csv", {{"path", write("t.tsv", "1\t2\t0\n3\t 4\t1\n")}}, 2, 2)).features), (Numbers{1, 2, 3, 4}));
  const std::string semicolons = write("s.csv", "1;2;0\n");
  EXPECT_EQ(numbers(load_dataset(request_for("csv", {{"path", semicolons}, {"separator", std::string(";")}}, 2, 2)).features), (Numbers{1, 2}));
  const std::string years = write("y.csv", "2020,2021,label\n1,2,0\n");
  EXPECT_EQ(numbers(load_dataset(request_for("csv", {{"path", years}, {"header", true}}, 2, 2)).features), (Numbers{1, 2}));
  const std::string first = write("f.csv", "1,8,9\n0,6,7\n");
  const Dataset data = load_dataset(request_for("csv", {{"path", first}, {"label", int64_t{1}}}, 2, 2));
  EXPECT_EQ(numbers(data.features), (Numbers{8, 9, 6, 7}));
  EXPECT_EQ(numbers(data.labels), (Numbers{1, 0}));
  // A quoted field may hold line ends, which count in the lines of messages.
  EXPECT_EQ(error(request_for("csv", {{"path", write("q.csv", "x,\"a\nb\",y\n1,\"2\",0\n1,x,0\n")}}, 2, 2)), "q.csv:4:3: error: column 2: \"x\" is not a number");
}

TEST_F(Sources, CsvStreamedGivesTheSameBatches) {
  std::string text = "a,b,y\n";
  for (int i = 0; i < 3000; ++i) text += std::to_string(i) + "," + std::to_string(i * 0.5) + "," + std::to_string(i % 3) + "\n";
  const DataRequest request = request_for("csv", {{"path", write("t.csv", text)}}, 2, 3);
  const Dataset kept = load_dataset(request), streamed = load_dataset(with(with(request, "stream", true), "shuffle_window", int64_t{100000}));
  EXPECT_EQ(kept.reader, nullptr);
  ASSERT_NE(streamed.reader, nullptr);
  EXPECT_TRUE(same_bits(whole(streamed).features, kept.features));
  Batches a(kept, 64), b(streamed, 64);
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    a.shuffle(7, epoch);
    b.shuffle(7, epoch);
    for (int64_t i = 0; i < a.count(); ++i) {
      const Batch &x = a.load(i), &y = b.load(i);
      ASSERT_TRUE(same_bits(x.features, y.features) && same_bits(x.labels, y.labels)) << i;
    }
  }
  // Batches may be asked for in any order: a resumed training begins in the middle.
  const Tensor third = a.load(3).features.clone();
  EXPECT_TRUE(same_bits(b.load(3).features, third));
  EXPECT_TRUE(same_bits(b.load(3).features, third));
  const Normalisation x = measure_normalisation(Normalise::kStandard, kept), y = measure_normalisation(Normalise::kStandard, streamed);
  EXPECT_TRUE(same_bits(x.mean, y.mean) && same_bits(x.scale, y.scale));
}

TEST_F(Sources, CsvSmallWindowsSeeEachSampleOnce) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i) + "," + std::to_string(i % 2) + "\n";
  const Dataset data = load_dataset(request_for("csv", {{"path", write("t.csv", text)}, {"stream", true}, {"shuffle_window", int64_t{128}}}, 1, 2));
  Batches batches(data, 10);
  batches.shuffle(1, 0);
  std::vector<int> seen(1000);
  int in_order = 0;
  double before = -1;
  for (int64_t i = 0; i < batches.count(); ++i) {
    for (const double value : numbers(batches.load(i).features)) {
      ++seen[static_cast<size_t>(value)];
      in_order += value == before + 1;
      before = value;
    }
  }
  EXPECT_EQ(seen, std::vector<int>(1000, 1));
  EXPECT_LT(in_order, 100);
}

TEST_F(Sources, OneBadSampleInAMillion) {
  std::string text;
  for (int i = 0; i < 1000000; ++i) text += i == 765432 ? "1,oops,0\n" : "1,2,0\n";
  const std::string path = write("t.csv", text);
  EXPECT_EQ(error(request_for("csv", {{"path", path}}, 2, 2)), "t.csv:765433:3: error: column 2: \"oops\" is not a number");
  EXPECT_EQ(error(request_for("csv", {{"path", path}, {"stream", true}}, 2, 2)), "t.csv:765433:3: error: column 2: \"oops\" is not a number");
}

TEST_F(Sources, ClassesSplitAlike) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += std::to_string(i) + "," + std::to_string(i < 10) + "\n";
  const DataRequest request = request_for("csv", {{"path", write("t.csv", text)}, {"split", 0.8}, {"stratified", true}}, 1, 2);
  for (const bool stream : {false, true}) {
    const DataSplit split = load_data(with(request, "stream", stream));
    const std::vector<double> labels = numbers(whole(split.training).labels);
    EXPECT_EQ(split.training.samples(), 80);
    EXPECT_EQ(std::accumulate(labels.begin(), labels.end(), 0.0), 8);
  }
}

// ---- arrays ----

TEST_F(Sources, NpyPairs) {
  io::write_npy(folder.file("x.npy"), Tensor::of<double>({3, 2}, {1, 2, 3, 4, 5, 6}));
  io::write_npy(folder.file("y.npy"), Tensor::of<uint8_t>({3}, {0, 1, 1}));
  DataRequest request = request_for("npy", {{"path", folder.file("x.npy")}, {"labels", std::string("y.npy")}}, 2, 2);
  const Dataset data = load_dataset(request);
  EXPECT_EQ(data.features.type_string(), "f32[3, 2]");
  EXPECT_EQ(numbers(data.features), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(numbers(data.labels), (Numbers{0, 1, 1}));
  EXPECT_EQ(error(request_for("npy", {{"path", folder.file("x.npy")}}, 2, 2)), "error: x.npy comes without labels; labels = \"y.npy\" names them");
  request.classes = 1;
  EXPECT_EQ(error(request), "error: y.npy, sample 1: the label 1 is outside the model's classes, 0 to 0");
  request = request_for("npy", {{"path", folder.file("x.npy")}, {"labels", folder.file("y.npy")}}, 3, 2);
  EXPECT_EQ(error(request), "error: x.npy is f64[3, 2], the model's input takes f32[3] for a sample");
}

/// A zip archive of arrays, stored or deflated, as NumPy writes them.
std::string zip(const std::vector<std::pair<std::string, std::string>>& members, bool deflate) {
  const auto number = [](uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
    return text;
  };
  std::string file, directory;
  for (const auto& [name, content] : members) {
    std::string packed = content;
    if (deflate) {
      packed.resize(content.size() + 1000);
      z_stream stream{};
      deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
      stream.avail_in = static_cast<uInt>(content.size());
      stream.next_out = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_out = static_cast<uInt>(packed.size());
      ::deflate(&stream, Z_FINISH);
      packed.resize(stream.total_out);
      deflateEnd(&stream);
    }
    const std::string facts = number(deflate ? 8 : 0, 2) + number(0, 4) + number(0, 4) + number(packed.size(), 4) + number(content.size(), 4) + number(name.size() + 4, 2) + number(0, 2);
    directory += "PK\x01\x02" + number(20, 2) + number(20, 2) + number(0, 2) + facts + number(0, 2) + number(0, 2) + number(0, 2) + number(0, 4) + number(file.size(), 4) + name + ".npy";
    file += "PK\x03\x04" + number(20, 2) + number(0, 2) + facts + name + ".npy" + packed;
  }
  return file + directory + "PK\x05\x06" + number(0, 4) + number(members.size(), 2) + number(members.size(), 2) + number(directory.size(), 4) + number(file.size(), 4) + number(0, 2);
}

TEST_F(Sources, NpzArchives) {
  const auto npy = [&](const Tensor& tensor) {
    io::write_npy(folder.file("t.npy"), tensor);
    return std::string(io::MappedFile(folder.file("t.npy")).bytes());
  };
  const std::string x = npy(Tensor::of<float>({2, 2}, {1, 2, 3, 4})), y = npy(Tensor::of<int64_t>({2}, {1, 0}));
  for (const bool deflate : {false, true}) {
    const DataSplit split = load_data(request_for("npz", {{"path", write("a.npz", zip({{"x_train", x}, {"y_train", y}, {"x_test", x}, {"y_test", y}}, deflate))}}, 2, 2));
    EXPECT_EQ(numbers(split.training.features), (Numbers{1, 2, 3, 4})) << deflate;
    EXPECT_EQ(numbers(split.training.labels), (Numbers{1, 0}));
    EXPECT_EQ(split.test.samples(), 2);
  }
  const std::string good = zip({{"x", x}, {"y", y}}, true);
  DataRequest request = request_for("npz", {{"path", write("b.npz", good)}, {"label", std::string("z")}}, 2, 2);
  EXPECT_EQ(error(request), "error: b.npz holds no array \"z\"; it holds x, y");
  for (size_t length = 0; length < good.size(); length += 7) {
    request = request_for("npz", {{"path", write("c.npz", good.substr(0, length))}}, 2, 2);
    EXPECT_NE(error(request), "no error") << length;
  }
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    error(request_for("npz", {{"path", write("c.npz", bad)}}, 2, 2));  // an error or none, but nothing else
  }
}

std::string idx(std::vector<int> extents, const std::string& bytes) {
  std::string file{'\0', '\0', '\x08', static_cast<char>(extents.size())};
  for (const int extent : extents) file += {'\0', '\0', static_cast<char>(extent >> 8), static_cast<char>(extent)};
  return file + bytes;
}
std::string gzip(const std::string& content) {
  std::string packed(content.size() + 1000, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TEST_F(Sources, IdxFolders) {
  const std::string images = idx({2, 2, 2}, {0, 51, 102, static_cast<char>(255), 1, 2, 3, 4}), labels = idx({2}, {1, 0});
  write("m/train-images-idx3-ubyte.gz", gzip(images));
  write("m/train-labels-idx1-ubyte", labels);
  write("m/t10k-images-idx3-ubyte", images);
  write("m/t10k-labels-idx1-ubyte.gz", gzip(labels));
  DataRequest request = request_for("idx", {{"path", folder.file("m")}}, 4, 2);
  const DataSplit split = load_data(request);
  EXPECT_EQ(split.test.samples(), 2);
  const Dataset data = whole(split.training);
  EXPECT_EQ(numbers(data.features), (Numbers{0, 51 / 255.f, 102 / 255.f, 1, 1 / 255.f, 2 / 255.f, 3 / 255.f, 4 / 255.f}));
  EXPECT_EQ(numbers(data.labels), (Numbers{1, 0}));
  EXPECT_EQ(numbers(whole(load_dataset(with(request, "scale", false))).features)[3], 255);
  request.feature.extents = {1, 2, 2};
  EXPECT_EQ(whole(load_dataset(request)).features.type_string(), "f32[2, 1, 2, 2]");
  request.feature = {DType::kU8, {2, 2}};
  EXPECT_EQ(numbers(whole(load_dataset(request)).features)[3], 255);
  request.feature = {DType::kF32, {5}};
  EXPECT_NE(error(request).find("are of 2 by 2 points, the model's input takes f32[5]"), std::string::npos) << error(request);
  write("m/train-labels-idx1-ubyte", idx({3}, {1, 0, 1}));
  EXPECT_NE(error(request_for("idx", {{"path", folder.file("m")}}, 4, 2)).find("holds 3 labels for 2 samples"), std::string::npos);
  write("m/train-labels-idx1-ubyte", labels.substr(0, 9));
  EXPECT_EQ(error(request_for("idx", {{"path", folder.file("m")}}, 4, 2)), "error: m/train-labels-idx1-ubyte: its sizes [2] want 2 bytes, there are 1");
  const std::string packed = gzip(images);
  for (size_t at = 0; at < packed.size(); ++at) {
    std::string bad = packed;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    write("m/train-images-idx3-ubyte.gz", bad);
    error(request_for("idx", {{"path", folder.file("m")}}, 4, 2));
  }
  write("m/train-images-idx3-ubyte.gz", gzip(idx({65535, 65535, 65535}, "x")));
  EXPECT_NE(error(request_for("idx", {{"path", folder.file("m")}}, 4, 2)).find("more than it can hold"), std::string::npos);
}

// ---- pictures ----

class Pictures : public Sources {
 protected:
  void SetUp() override {
    for (const char* name : {"cat", "dog"}) std::filesystem::create_directories(folder.path() / "p" / name);
    request = request_for("images", {{"path", folder.file("p")}}, 0, 2);
    request.feature = {DType::kF32, {1, 2, 3}};
  }
  DataRequest request;
  std::vector<uint8_t> ramp{0, 10, 20, 30, 40, 50};
};

TEST_F(Pictures, AFolderForEachClass) {
  write_png(folder.file("p/cat/1.png"), 2, 3, 1, ramp);
  write_png(folder.file("p/dog/2.PNG"), 2, 3, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9, 8, 8, 8, 7, 7, 7});
  write_jpeg(folder.file("p/dog/3.jpg"), 2, 3, 1, std::vector<uint8_t>(6, 200));
  write("p/dog/notes.txt", "no picture");
  Dataset data = whole(load_dataset(request));
  EXPECT_EQ(data.facts->classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(numbers(data.labels), (Numbers{0, 1, 1}));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(data.features.get(i), ramp[static_cast<size_t>(i)] / 255.f);
  EXPECT_NEAR(data.features.get(12), 200 / 255., 2 / 255.);
  request.feature.extents = {3, 2, 3};
  data = whole(load_dataset(request));
  EXPECT_EQ(numbers(data.features.reshaped({54})).at(18 + 0), 1) << "red of the first point";
  EXPECT_EQ(data.features.get(18 + 6 + 1), 1) << "green of the second";
  EXPECT_TRUE(same_bits(whole(load_dataset(with(request, "stream", true))).features, data.features));
  request.feature.extents = {2, 3, 3};
  EXPECT_EQ(whole(load_dataset(request)).features.get(18), 1);
}

TEST_F(Pictures, OtherSizes) {
  write_png(folder.file("p/cat/1.png"), 2, 3, 1, ramp);
  write_png(folder.file("p/dog/2.png"), 4, 6, 1, std::vector<uint8_t>(24, 100));
  EXPECT_EQ(error(request), "error: p/dog/2.png is of 4 by 6 points, the pictures before it are of 2 by 3; resize = [2, 3] brings all to one size");
  EXPECT_EQ(error(with(request, "stream", true)), error(request));
  const Dataset data = whole(load_dataset(with(request, "resize", std::vector<int64_t>{2, 3})));
  EXPECT_EQ(data.features.get(6), 100 / 255.f) << "what is all one grey stays so";
  request.feature.extents = {1, 3, 3};
  EXPECT_EQ(error(request), "error: the pictures in p are of 2 by 3 points, the model's input takes f32[1, 3, 3]; resize = [3, 3] brings them to its size");
}

TEST_F(Pictures, FoldersThatAreNotWhatTheyShouldBe) {
  EXPECT_EQ(error(request), "error: the class folder p/cat holds no pictures; put PNG or JPEG files into it, or remove it");
  write_png(folder.file("p/cat/1.png"), 2, 3, 1, ramp);
  EXPECT_EQ(error(request), "error: the class folder p/dog holds no pictures; put PNG or JPEG files into it, or remove it");
  write("p/dog/1.png", "no picture");
  EXPECT_EQ(error(request), "error: p/dog/1.png: it is neither a PNG nor a JPEG picture");
  write_jpeg(folder.file("p/dog/1.png"), 2, 3, 1, ramp);
  EXPECT_EQ(error(request), "no error") << "what a file is, not what it is called";
  const std::string whole_file(io::MappedFile(folder.file("p/cat/1.png")).bytes());
  write("p/cat/1.png", whole_file.substr(0, whole_file.size() - 20));
  EXPECT_NE(error(request).find("p/cat/1.png: the picture is damaged"), std::string::npos) << error(request);
  std::filesystem::remove_all(folder.path() / "p");
  std::filesystem::create_directories(folder.path() / "p");
  EXPECT_EQ(error(request), "error: p holds no pictures; a folder for each class is wanted, with PNG or JPEG files in it");
  write_png(folder.file("p/1.png"), 2, 3, 1, ramp);
  EXPECT_EQ(error(request), "error: p holds pictures without classes; a folder for each class is wanted, with PNG or JPEG files in it");
  request.label_optional = true;
  EXPECT_EQ(load_dataset(request).samples(), 1);
  request.arguments["path"] = folder.file("absent");
  EXPECT_NE(error(request).find("cannot read absent"), std::string::npos);
}

TEST_F(Pictures, DamageRaisesErrorsOnly) {
  for (const bool jpeg : {false, true}) {
    std::filesystem::create_directories(folder.path() / "d" / "a");
    const std::string path = folder.file("d/a/1.png");
    if (jpeg) write_jpeg(path, 2, 3, 1, ramp);
    else write_png(path, 2, 3, 1, ramp);
    const std::string good(io::MappedFile(path).bytes());
    request.arguments["path"] = folder.file("d");
    for (size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0xff);
      write("d/a/1.png", bad);
      error(request);
      write("d/a/1.png", good.substr(0, at));
      if (at + 12 < good.size()) EXPECT_NE(error(request), "no error") << at;  // the mark of the end may be missing
    }
  }
}

TEST_F(Pictures, Augmentation) {
  write_png(folder.file("p/cat/1.png"), 2, 3, 1, ramp);
  write_png(folder.file("p/dog/1.png"), 2, 3, 1, ramp);
  const Tensor plain = whole(load_dataset(request)).features;
  const Dataset flipping = load_dataset(with(request, "flip", true)), shifting = load_dataset(with(request, "shift", int64_t{1}));
  EXPECT_TRUE(same_bits(whole(flipping).features, plain)) << "what measures is not augmented";
  Batches batches(flipping, 2), again(flipping, 1);
  int flipped = 0, total = 0;
  for (int64_t epoch = 0; epoch < 20; ++epoch) {
    batches.augment(3, epoch);
    again.augment(3, epoch);
    const Tensor features = batches.load(0).features.clone();
    for (int64_t i = 0; i < 2; ++i) {
      const bool turned = features.get(6 * i) != 0;
      for (int64_t y = 0; y < 2; ++y)
        for (int64_t x = 0; x < 3; ++x) EXPECT_EQ(features.get(6 * i + 3 * y + x), plain.get(3 * y + (turned ? 2 - x : x)));
      flipped += turned;
      ++total;
      // Of the sample and the epoch, not of the batch that it comes in.
      EXPECT_EQ(std::memcmp(again.load(i).features.raw(), features.data<float>() + 6 * i, 24), 0);
    }
  }
  EXPECT_GT(flipped, total / 4);
  EXPECT_LT(flipped, 3 * total / 4);
  Batches shifted(shifting, 2);
  std::set<std::vector<double>> seen;
  for (int64_t epoch = 0; epoch < 60; ++epoch) {
    shifted.augment(3, epoch);
    seen.insert(numbers(take({shifted.load(0).features, shifted.load(0).labels}, std::vector<int64_t>{0}).features));
  }
  EXPECT_EQ(seen.size(), 9u) << "three by three places";
  request.feature.extents = {1, 2, 2};
  EXPECT_NE(error(request).find("crop = true cuts them"), std::string::npos);
  EXPECT_EQ(numbers(whole(load_dataset(with(request, "crop", true))).features)[1], 10 / 255.f);
  EXPECT_NE(error(with(request_for("xor", {{"samples", int64_t{4}}}, 2, 2), "flip", true)).find("augments pictures alone"), std::string::npos);
}

// ---- text ----

TEST_F(Sources, TextByCharacter) {
  DataRequest request = request_for("text", {{"path", write("t.txt", "hello, w\xC3\xB6rld!")}, {"window", int64_t{3}}}, 3, 11);
  request.feature.dtype = DType::kI32;
  request.label.extents = {3};
  const Dataset data = load_dataset(request);
  EXPECT_EQ(data.facts->vocabulary, (std::vector<std::string>{" ", "!", ",", "d", "e", "h", "l", "o", "r", "w", "\xC3\xB6"}));
  EXPECT_EQ(numbers(whole(data).features), (Numbers{5, 4, 6, 6, 7, 2, 0, 9, 10, 8, 6, 3}));
  EXPECT_EQ(numbers(whole(data).labels), (Numbers{4, 6, 6, 7, 2, 0, 9, 10, 8, 6, 3, 1}));
  const DataSplit split = load_data(with(with(request, "split", 0.5), "stride", int64_t{1}));
  EXPECT_EQ(split.training.samples(), 3) << "of the first 6 characters, with one that follows";
  EXPECT_EQ(split.validation.samples(), 4);
  EXPECT_EQ(whole(split.validation).features.get(0), 0);
  request.classes = 10;
  EXPECT_NE(error(request).find("finds 11 different characters"), std::string::npos);
  request.classes = 11;
  request.known = data.facts;
  request.arguments["path"] = write("u.txt", "hello\nxyz");
  EXPECT_EQ(error(request), "u.txt:1:6: error: the character \"\\n\" was not in the text that trained");
  request.known = nullptr;
  request.arguments["path"] = write("u.txt", "hello\n\xff\xfe");
  EXPECT_EQ(error(request), "u.txt:2:1: error: this is no UTF-8; save the text in UTF-8");
  request.arguments["path"] = write("u.txt", "abc");
  EXPECT_NE(error(request).find("is too short"), std::string::npos);
}

}  // namespace
}  // namespace sinter::runtime::test
