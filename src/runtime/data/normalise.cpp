#include "runtime/data/normalise.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "runtime/data/batches.h"

namespace sinter::runtime {
namespace {

struct Column {
  double least = 0, most = 0, sum = 0, squares = 0;  // squares: of the distances from the mean
};

template <class T>
void add_values(const T* values, int64_t rows, std::vector<Column>& columns, bool first) {
  const size_t width = columns.size();
  for (size_t c = 0; c < width && first; ++c) columns[c].least = columns[c].most = static_cast<double>(values[c]);
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < width; ++c) {
      const double value = static_cast<double>(values[static_cast<size_t>(row) * width + c]);
      columns[c].least = std::min(columns[c].least, value);
      columns[c].most = std::max(columns[c].most, value);
      columns[c].sum += value;
    }
  }
}

/// After all values were added.
template <class T>
void add_distances(const T* values, int64_t rows, int64_t all_rows, std::vector<Column>& columns) {
  const size_t width = columns.size();
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < width; ++c) {
      const double distance = static_cast<double>(values[static_cast<size_t>(row) * width + c]) - columns[c].sum / static_cast<double>(all_rows);
      columns[c].squares += distance * distance;
    }
  }
}

/// `visit(work)` calls `work(features)` with all samples, part by part.
template <class Visit>
Normalisation measure(Normalise kind, DType dtype, const Extents& of_one, int64_t rows, const Visit& visit) {
  SINTER_CHECK(kind != Normalise::kNone && rows > 0, "measure_normalisation: nothing to measure");
  if (dtype != DType::kF32 && dtype != DType::kF64)
    throw Error(ErrorCode::kType, "only f32 and f64 features are normalised, these are " + std::string(name(dtype)) + to_string(of_one));
  std::vector<Column> columns(static_cast<size_t>(element_count(of_one)));
  bool first = true;
  visit([&](const Tensor& part) {
    const int64_t count = part.extents()[0];
    if (dtype == DType::kF32) add_values(part.data<float>(), count, columns, first);
    else add_values(part.data<double>(), count, columns, first);
    first = false;
  });
  visit([&](const Tensor& part) {
    const int64_t count = part.extents()[0];
    if (dtype == DType::kF32) add_distances(part.data<float>(), count, rows, columns);
    else add_distances(part.data<double>(), count, rows, columns);
  });
  Normalisation result{Tensor(dtype, of_one), Tensor(dtype, of_one)};
  for (size_t c = 0; c < columns.size(); ++c) {
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

}  // namespace

Normalisation measure_normalisation(Normalise kind, const Tensor& features) {
  SINTER_CHECK(features.rank() > 0, "measure_normalisation: a scalar");
  const Extents of_one(features.extents().begin() + 1, features.extents().end());
  return measure(kind, features.dtype(), of_one, features.extents()[0], [&](const auto& work) { work(features); });
}

Normalisation measure_normalisation(Normalise kind, const Dataset& data) {
  if (!data.reader) return measure_normalisation(kind, data.features);
  constexpr int64_t kAtOnce = 256;
  Batches batches(data, kAtOnce);
  return measure(kind, data.reader->feature().dtype, data.reader->feature().extents, data.samples(), [&](const auto& work) {
    for (int64_t i = 0; i < batches.count(); ++i) work(batches.load(i).features);
  });
}

}  // namespace sinter::runtime
