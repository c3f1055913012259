#include "runtime/data/normalise.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"

namespace sinter::runtime {
namespace {

struct Column {
  double least, most, sum = 0, squares = 0;  // squares: of the distances from the mean
};

template <class T>
std::vector<Column> measure(const T* values, int64_t rows, size_t width) {
  std::vector<Column> columns(width);
  for (size_t c = 0; c < width; ++c) columns[c].least = columns[c].most = static_cast<double>(values[c]);
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < width; ++c) {
      const double value = static_cast<double>(values[static_cast<size_t>(row) * width + c]);
      columns[c].least = std::min(columns[c].least, value);
      columns[c].most = std::max(columns[c].most, value);
      columns[c].sum += value;
    }
  }
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < width; ++c) {
      const double distance =
          static_cast<double>(values[static_cast<size_t>(row) * width + c]) - columns[c].sum / static_cast<double>(rows);
      columns[c].squares += distance * distance;
    }
  }
  return columns;
}

}  // namespace

Normalisation measure_normalisation(Normalise kind, const Tensor& features) {
  SINTER_CHECK(kind != Normalise::kNone && features.rank() > 0 && features.extents()[0] > 0, "measure_normalisation: nothing to measure");
  if (features.dtype() != DType::kF32 && features.dtype() != DType::kF64) {
    throw Error(ErrorCode::kType, "only f32 and f64 features are normalised, these are " + features.type_string());
  }
  const int64_t rows = features.extents()[0];
  const Extents of_one(features.extents().begin() + 1, features.extents().end());
  const auto width = static_cast<size_t>(element_count(of_one));
  const std::vector<Column> columns =
      features.dtype() == DType::kF32 ? measure(features.data<float>(), rows, width) : measure(features.data<double>(), rows, width);
  Normalisation result{Tensor(features.dtype(), of_one), Tensor(features.dtype(), of_one)};
  for (size_t c = 0; c < width; ++c) {
    const Column& column = columns[c];
    // Decided by the extremes: the mean of equal numbers may be rounded, and then their deviation would not be zero.
    const bool varies = column.most > column.least;
    const bool standard = kind == Normalise::kStandard;
    const double deviation = std::sqrt(column.squares / static_cast<double>(rows));
    result.mean.set(static_cast<int64_t>(c), standard && varies ? column.sum / static_cast<double>(rows) : column.least);
    result.scale.set(static_cast<int64_t>(c), !varies ? 1 : 1 / (standard ? deviation : column.most - column.least));
  }
  return result;
}

}  // namespace sinter::runtime
