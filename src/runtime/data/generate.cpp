#include "runtime/data/generate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/data/arguments.h"
#include "runtime/data/digits.h"
#include "runtime/data/draws.h"

namespace sinter::runtime {
namespace {

constexpr int64_t kMostBytes = int64_t{8} << 30;  // more is a slip of the finger
constexpr int64_t kMostClusters = 1000;
constexpr int kCandidates = 16;
/// The nearest two centres are this many standard deviations apart at spread 1: about one sample in a hundred lies nearer to a foreign
/// centre.
constexpr double kDeviationsApart = 5.4;

/// Makes `samples` rows of `width` numbers (0: as many as the model takes) in `classes` classes, class i % classes for sample i.
/// `draw(i, label, row)` fills the row of sample i.
template <class Draw>
Dataset generate(const DataRequest& request, int64_t samples, int64_t classes, int64_t width, Draw&& draw) {
  const Arguments arguments(request);
  const std::string of_input =
      " of the model's input, which takes " + std::string(name(request.feature.dtype)) + to_string(request.feature.extents);
  const int64_t wanted = element_count(request.feature.extents);
  if (!is_float(request.feature.dtype)) arguments.fail(ErrorCode::kType, "gives real numbers, not those" + of_input);
  if (width != 0 && wanted != width)
    arguments.fail(ErrorCode::kType, "gives " + std::to_string(width) + " numbers for a sample, not those" + of_input);
  if (element_count(request.label.extents) != 1)
    arguments.fail(ErrorCode::kType, "gives one label for a sample, the model wants " + std::string(name(request.label.dtype)) +
                                         to_string(request.label.extents));
  if (request.label_is_classes && request.classes && classes > *request.classes) {
    arguments.fail(ErrorCode::kType,
                   "gives " + std::to_string(classes) + " classes, the model tells " + std::to_string(*request.classes) + " apart");
  }
  if (wanted > 0 && samples > kMostBytes / static_cast<int64_t>(size_in_bytes(request.feature.dtype)) / wanted) {
    arguments.fail(ErrorCode::kUsage, "would make more than 8 GiB of samples", "ask for fewer samples");
  }
  const auto extents = [&](const SampleType& type) {
    Extents all = {samples};
    all.insert(all.end(), type.extents.begin(), type.extents.end());
    return all;
  };
  Dataset data{Tensor(request.feature.dtype, extents(request.feature)), Tensor(request.label.dtype, extents(request.label))};
  std::vector<double> row(static_cast<size_t>(wanted));
  visit_dtype(request.feature.dtype, [&](auto element) {
    using T = decltype(element);
    T* out = data.features.data<T>();
    for (int64_t i = 0; i < samples; ++i) {
      const int64_t label = draw(static_cast<uint32_t>(i), i, row);
      for (const double value : row) *out++ = static_cast<T>(value);
      data.labels.set_integer(i, label);
    }
  });
  return data;
}

double distance_squared(const double* a, const double* b, int64_t width) {
  double sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

struct Centres {
  std::vector<double> points;  // [classes, width]
  double nearest = 0;          // smallest distance of two, 0 of one alone
};

/// Each centre is the farthest from those before it among a few candidates (Mitchell's best candidate), so that no two fall together.
Centres draw_centres(int64_t classes, int64_t width, uint32_t seed) {
  Draws draws(seed, Purpose::kCentres, 0);
  Centres centres;
  std::vector<double> candidate(static_cast<size_t>(width)), best;
  double nearest = std::numeric_limits<double>::infinity();
  for (int64_t c = 0; c < classes; ++c) {
    double farthest = -1;
    for (int trial = 0; trial < (c == 0 ? 1 : kCandidates); ++trial) {
      for (double& value : candidate) value = draws.normal();
      double near = std::numeric_limits<double>::infinity();
      for (int64_t other = 0; other < c; ++other)
        near = std::min(near, distance_squared(candidate.data(), &centres.points[static_cast<size_t>(other * width)], width));
      if (near > farthest) {
        farthest = near;
        best = candidate;
      }
    }
    centres.points.insert(centres.points.end(), best.begin(), best.end());
    if (c > 0) nearest = std::min(nearest, farthest);
  }
  centres.nearest = std::isinf(nearest) ? 0 : std::sqrt(nearest);
  return centres;
}

}  // namespace

Dataset generate_clusters(const DataRequest& request) {
  const Arguments arguments(request);
  const int64_t samples = arguments.count("samples"), classes = arguments.count("classes"), width = element_count(request.feature.extents);
  const double spread = arguments.number("spread", 1);
  const uint32_t seed = arguments.seed();
  if (classes > kMostClusters) arguments.fail(ErrorCode::kUsage, "makes " + std::to_string(kMostClusters) + " classes at most");
  if (width == 0 || width > 1 << 20)
    arguments.fail(ErrorCode::kType, "makes samples of 1 to 1048576 numbers, the model's input takes " + std::to_string(width));
  const Centres centres = draw_centres(classes, width, seed);
  const double deviation = spread * (centres.nearest > 0 ? centres.nearest / kDeviationsApart : 1);
  return generate(request, samples, classes, 0, [&](uint32_t item, int64_t i, std::vector<double>& row) {
    const int64_t label = i % classes;
    Draws draws(seed, Purpose::kClusters, item);
    for (int64_t k = 0; k < width; ++k)
      row[static_cast<size_t>(k)] = centres.points[static_cast<size_t>(label * width + k)] + deviation * draws.normal();
    return label;
  });
}

Dataset generate_digits(const DataRequest& request) {
  const Arguments arguments(request);
  const double noise = arguments.number("noise", kDigitNoise);
  const uint32_t seed = arguments.seed();
  return generate(request, arguments.count("samples"), 10, kDigitPoints, [&](uint32_t item, int64_t i, std::vector<double>& row) {
    const auto image = draw_digit(static_cast<int>(i % 10), seed, item, noise);
    std::copy(image.begin(), image.end(), row.begin());
    return i % 10;
  });
}

Dataset generate_xor(const DataRequest& request) {
  const Arguments arguments(request);
  const double noise = arguments.number("noise", .1);
  const uint32_t seed = arguments.seed();
  return generate(request, arguments.count("samples"), 2, 2, [&](uint32_t item, int64_t i, std::vector<double>& row) {
    const int64_t x = i & 1, y = i >> 1 & 1;
    Draws draws(seed, Purpose::kXor, item);
    row[0] = static_cast<double>(x) + noise * draws.normal();
    row[1] = static_cast<double>(y) + noise * draws.normal();
    return x ^ y;
  });
}

}  // namespace sinter::runtime
