// The generators, split, shuffle, normalisation and batches.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "base/hash.h"
#include "runtime/data/batches.h"
#include "runtime/data/digits.h"
#include "runtime/data/normalise.h"
#include "runtime/data/shuffle.h"
#include "runtime/data_requests.h"

namespace sinter::runtime::test {
namespace {

std::string hash_of(const Dataset& data) {
  return Hasher().bytes(data.features.raw(), data.features.bytes()).bytes(data.labels.raw(), data.labels.bytes()).finish().to_string();
}

template <class Body>
std::string error_of(ErrorCode code, Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

DataRequest digits(int64_t samples) { return request_for("digits", {{"samples", samples}}, 64, 10); }
DataRequest clusters(int64_t samples, int64_t classes, int64_t width) {
  return request_for("clusters", {{"samples", samples}, {"classes", classes}}, width, classes);
}

/// 0, 1, 2, ... in rows of two, labels alike.
Dataset counting(int64_t samples) {
  Dataset data{Tensor(DType::kF32, {samples, 2}), Tensor(DType::kI64, {samples})};
  for (int64_t i = 0; i < samples; ++i) {
    data.features.set(2 * i, static_cast<double>(i));
    data.features.set(2 * i + 1, static_cast<double>(-i));
    data.labels.set_integer(i, i);
  }
  return data;
}

std::vector<int64_t> labels_of(const Dataset& data) {
  const auto span = data.labels.span<int64_t>();
  return {span.begin(), span.end()};
}

TEST(Generators, GiveTheSameBitsForEver) {
  EXPECT_EQ(hash_of(load_dataset(digits(1797))), "cc3b7033c0e8bb1bfe49ab3b822d000c");
  EXPECT_EQ(hash_of(load_dataset(clusters(1000, 10, 32))), "93a4f215737e912e428ee9627874836b");
  EXPECT_EQ(hash_of(load_dataset(request_for("xor", {{"samples", int64_t{1000}}}, 2, {}))), "e834b68a10bcd3da12c403b8ed8c7ee1");
}

TEST(Generators, SeedsDrawOtherSamples) {
  for (DataRequest request : {digits(50), clusters(50, 5, 4), request_for("xor", {{"samples", int64_t{50}}}, 2, {})}) {
    const std::string first = hash_of(load_dataset(request));
    request.arguments["seed"] = int64_t{0};
    EXPECT_EQ(hash_of(load_dataset(request)), first) << request.source;
    request.arguments["seed"] = int64_t{1};
    EXPECT_NE(hash_of(load_dataset(request)), first) << request.source;
  }
}

TEST(Generators, ASampleDoesNotDependOnHowManyThereAre) {
  for (DataRequest request : {digits(20), clusters(20, 3, 5), request_for("xor", {{"samples", int64_t{20}}}, 2, {})}) {
    const Dataset few = load_dataset(request);
    request.arguments["samples"] = int64_t{33};
    const Dataset many = load_dataset(request);
    EXPECT_EQ(std::memcmp(few.features.raw(), many.features.raw(), few.features.bytes()), 0) << request.source;
  }
}

TEST(Generators, ClassesAreBalanced) {
  for (const Dataset& data : {load_dataset(digits(200)), load_dataset(clusters(200, 10, 3))}) {
    std::vector<int> counts(10);
    for (const int64_t label : labels_of(data)) ++counts[static_cast<size_t>(label)];
    EXPECT_EQ(counts, std::vector<int>(10, 20));
  }
}

TEST(Generators, DigitsAreWholeNumbersOf0To16AndDiffer) {
  const Dataset data = load_dataset(digits(500));
  std::set<std::string> images;
  for (int64_t i = 0; i < data.samples(); ++i) {
    const float* row = data.features.data<float>() + i * kDigitPoints;
    for (int k = 0; k < kDigitPoints; ++k) {
      ASSERT_EQ(row[k], std::round(row[k]));
      ASSERT_GE(row[k], 0);
      ASSERT_LE(row[k], 16);
    }
    EXPECT_GE(*std::max_element(row, row + kDigitPoints), 10) << "sample " << i << " has no ink";
    images.insert(std::string(reinterpret_cast<const char*>(row), kDigitPoints * sizeof(float)));
  }
  EXPECT_EQ(images.size(), 500u);
}

TEST(Generators, DigitsTakeAnyShapeOf64Numbers) {
  DataRequest request = digits(3);
  const Dataset flat = load_dataset(request);
  request.feature.extents = {1, 8, 8};
  const Dataset image = load_dataset(request);
  EXPECT_EQ(image.features.extents(), (Extents{3, 1, 8, 8}));
  EXPECT_TRUE(same_bits(image.features.reshaped({3, 64}), flat.features));
}

TEST(Generators, ClustersLieNearestToTheirOwnCentre) {
  for (const int64_t width : {2, 32}) {
    const int64_t classes = 10, samples = 5000;
    const Dataset data = load_dataset(clusters(samples, classes, width));
    std::vector<double> means(static_cast<size_t>(classes * width));
    for (int64_t i = 0; i < samples; ++i) {
      for (int64_t k = 0; k < width; ++k)
        means[static_cast<size_t>(i % classes * width + k)] += data.features.get(i * width + k) * classes / samples;
    }
    int64_t right = 0;
    for (int64_t i = 0; i < samples; ++i) {
      std::vector<double> distances;
      for (int64_t c = 0; c < classes; ++c) {
        double sum = 0;
        for (int64_t k = 0; k < width; ++k)
          sum += std::pow(data.features.get(i * width + k) - means[static_cast<size_t>(c * width + k)], 2);
        distances.push_back(sum);
      }
      right += std::min_element(distances.begin(), distances.end()) - distances.begin() == i % classes;
    }
    const double share = static_cast<double>(right) / static_cast<double>(samples);
    EXPECT_GT(share, .97) << width;
    EXPECT_LT(share, .999) << width << ": too easy to tell anything";
  }
}

TEST(Generators, XorIsOneWhereOneCoordinateIs) {
  DataRequest request = request_for("xor", {{"samples", int64_t{100}}, {"noise", 0.0}}, 2, {});
  request.label.extents = {1};
  const Dataset data = load_dataset(request);
  EXPECT_EQ(data.labels.extents(), (Extents{100, 1}));
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(data.labels.get(i), data.features.get(2 * i) != data.features.get(2 * i + 1));
}

TEST(Generators, RefuseWhatDoesNotFit) {
  const auto fails = [](ErrorCode code, DataRequest request, const std::string& part) {
    const std::string text = error_of(code, [&] { load_data(request); });
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  DataRequest request = digits(10);
  request.place = {"model.sinter", 7, 12};
  request.feature.extents = {32};
  fails(ErrorCode::kType, request, "model.sinter:7:12");
  fails(ErrorCode::kType, request, "gives 64 numbers for a sample, not those of the model's input, which takes f32[32]");
  request = digits(10);
  request.classes = 9;
  fails(ErrorCode::kType, request, "gives 10 classes, the model tells 9 apart");
  request = digits(10);
  request.label.extents = {10};
  fails(ErrorCode::kType, request, "one label for a sample, the model wants i64[10]");
  request = digits(10);
  request.feature.dtype = DType::kI32;
  fails(ErrorCode::kType, request, "real numbers");
  request = digits(10);
  request.arguments.erase("samples");
  fails(ErrorCode::kUsage, request, "wants 'samples'");
  request.arguments["samples"] = 2.5;
  fails(ErrorCode::kUsage, request, "whole number");
  request.arguments["samples"] = int64_t{1} << 31;
  fails(ErrorCode::kUsage, request, "8 GiB");
  request = digits(10);
  request.arguments["noise"] = std::numeric_limits<double>::quiet_NaN();
  fails(ErrorCode::kUsage, request, "'noise'");
  request = digits(10);
  request.arguments["split"] = 0.0;
  fails(ErrorCode::kUsage, request, "'split'");
  request.source = "digit";
  fails(ErrorCode::kName, request, "did you mean \"digits\"?");
  request = clusters(10, 1001, 2);
  fails(ErrorCode::kUsage, request, "1000 classes at most");
  request = clusters(10, 2, 0);
  fails(ErrorCode::kType, request, "takes 0");
}

TEST(Split, CoversAllSamplesOnceInOrder) {
  for (const int64_t samples : {1, 2, 7, 100, 1797}) {
    for (const double fraction : {0.01, 0.5, 0.8, 1.0}) {
      const DataSplit parts = split_dataset(counting(samples), fraction, 0);
      std::vector<int64_t> training = labels_of(parts.training), validation = labels_of(parts.validation);
      EXPECT_TRUE(std::is_sorted(training.begin(), training.end()));
      EXPECT_TRUE(std::is_sorted(validation.begin(), validation.end()));
      EXPECT_EQ(static_cast<int64_t>(training.size()), std::max<int64_t>(1, std::llround(static_cast<double>(samples) * fraction)));
      for (const int64_t label : training) EXPECT_FALSE(std::binary_search(validation.begin(), validation.end(), label));
      EXPECT_EQ(static_cast<int64_t>(training.size() + validation.size()), samples);
      for (int64_t i = 0; i < parts.training.samples(); ++i)
        EXPECT_EQ(parts.training.features.get(2 * i + 1), -static_cast<double>(training[static_cast<size_t>(i)]));
    }
  }
}

TEST(Split, IsDrawnAndFixed) {
  const std::vector<int64_t> first = labels_of(split_dataset(counting(100), .8, 0).validation);
  EXPECT_EQ(labels_of(split_dataset(counting(100), .8, 0).validation), first);
  EXPECT_NE(labels_of(split_dataset(counting(100), .8, 1).validation), first);
  EXPECT_GT(first.back() - first.front(), 50) << "not a block";
}

TEST(Shuffle, IsAPermutationOfSeedAndEpoch) {
  std::vector<int64_t> a(1000), b(1000), sorted;
  shuffle(a, 5, Purpose::kShuffle, 3);
  shuffle(b, 5, Purpose::kShuffle, 3);
  EXPECT_EQ(a, b);
  sorted = a;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(sorted[static_cast<size_t>(i)], i);
  shuffle(b, 5, Purpose::kShuffle, 4);
  EXPECT_NE(a, b);
  shuffle(b, 6, Purpose::kShuffle, 3);
  EXPECT_NE(a, b);
}

TEST(Shuffle, EveryPlaceIsEquallyLikely) {
  const int rounds = 6000;
  std::vector<std::vector<int>> counts(6, std::vector<int>(6));
  std::vector<int64_t> order(6);
  for (int round = 0; round < rounds; ++round) {
    shuffle(order, 1, Purpose::kShuffle, static_cast<uint32_t>(round));
    for (size_t i = 0; i < 6; ++i) ++counts[i][static_cast<size_t>(order[i])];
  }
  for (const auto& row : counts) {
    for (const int count : row) EXPECT_NEAR(count, rounds / 6, 150);  // five standard deviations
  }
}

TEST(BatchesOfData, GoThroughTheDataOnce) {
  for (const int64_t samples : {1, 5, 32, 33, 64, 100}) {
    for (const int64_t size : {1, 7, 32, 1000}) {
      const Dataset data = counting(samples);
      Batches batches(data, size);
      EXPECT_EQ(batches.count(), (samples + size - 1) / std::min(size, std::max<int64_t>(samples, 1)) -
                                     (size > samples ? (samples + size - 1) / samples - 1 : 0));
      for (const bool shuffled : {false, true}) {
        if (shuffled) batches.shuffle(1, 2);
        std::vector<int64_t> seen;
        for (int64_t i = 0; i < batches.count(); ++i) {
          const Batch& batch = batches.load(i);
          EXPECT_EQ(batch.features.extents(), (Extents{batch.samples, 2}));
          EXPECT_EQ(batch.samples, std::min(size, samples - i * size));
          for (int64_t k = 0; k < batch.samples; ++k) {
            seen.push_back(batch.labels.get_integer(k));
            EXPECT_EQ(batch.features.get(2 * k + 1), -batch.labels.get(k));
          }
        }
        if (!shuffled) EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
        std::sort(seen.begin(), seen.end());
        EXPECT_EQ(static_cast<int64_t>(seen.size()), samples);
        EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
      }
    }
  }
}

TEST(BatchesOfData, RefuseEmptyBatches) {
  const Dataset data = counting(3);
  error_of(ErrorCode::kUsage, [&] { Batches(data, 0); });
  error_of(ErrorCode::kUsage, [&] { Batches(data, -5); });
}

TEST(Normalisation, TakesFeaturesToACommonRange) {
  // Three features: one that varies, one that never changes, one large.
  const Tensor features = Tensor::of<float>({4, 3}, {1, .1f, 1e6f, 2, .1f, 3e6f, 3, .1f, 5e6f, 6, .1f, 7e6f});
  const Normalisation standard = measure_normalisation(Normalise::kStandard, features);
  EXPECT_EQ(standard.mean.extents(), Extents{3});
  EXPECT_FLOAT_EQ(static_cast<float>(standard.mean.get(0)), 3);
  EXPECT_FLOAT_EQ(static_cast<float>(standard.scale.get(0)), static_cast<float>(1 / std::sqrt(3.5)));
  EXPECT_EQ(standard.mean.data<float>()[1], .1f);
  EXPECT_EQ(standard.scale.get(1), 1);
  const Normalisation range = measure_normalisation(Normalise::kMinMax, features);
  EXPECT_EQ(range.mean.get(0), 1);
  EXPECT_FLOAT_EQ(static_cast<float>(range.scale.get(0)), .2f);
  EXPECT_EQ(range.scale.get(1), 1);
  EXPECT_FLOAT_EQ(static_cast<float>(range.scale.get(2)), 1 / 6e6f);
  error_of(ErrorCode::kType, [] { measure_normalisation(Normalise::kStandard, Tensor(DType::kI32, {2, 2})); });
}

TEST(CheckDataset, NamesTheFirstBadValue) {
  const auto fails = [](const Dataset& data, const std::string& part) {
    const std::string text = error_of(ErrorCode::kData, [&] { check_dataset(data, true, 10); });
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  check_dataset(counting(10), true, 10);
  check_dataset(Dataset{}, true, 10);
  fails(counting(11), "the label 10 of sample 10 is outside the model's classes, 0 to 9");
  Dataset data = counting(10);
  data.labels.set_integer(3, -1);
  fails(data, "the label -1 of sample 3");
  data = counting(10);
  data.features.set(7, std::numeric_limits<double>::quiet_NaN());
  fails(data, "feature 1 of sample 3 is nan");
  data.features.set(7, -std::numeric_limits<double>::infinity());
  fails(data, "feature 1 of sample 3 is -inf");
  data = counting(10);
  data.labels = Tensor(DType::kI64, {9});
  fails(data, "10 samples and 9 labels");
}

}  // namespace
}  // namespace sinter::runtime::test
