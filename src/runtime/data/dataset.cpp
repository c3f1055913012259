#include "runtime/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <vector>

#include "base/text.h"
#include "runtime/data/arguments.h"
#include "runtime/data/csv.h"
#include "runtime/data/generate.h"
#include "runtime/data/shuffle.h"

namespace sinter::runtime {
namespace {

struct DataSource {
  std::string_view name;
  Dataset (*load)(const DataRequest& request);
};
constexpr DataSource kSources[] = {
    {"clusters", generate_clusters},
    {"digits", generate_digits},
    {"xor", generate_xor},
    {"csv", [](const DataRequest& request) { return read_csv(Arguments(request).path(), request); }},
};

const DataSource& source_of(const DataRequest& request) {
  std::vector<std::string> names;
  for (const DataSource& source : kSources) {
    if (source.name == request.source) return source;
    names.emplace_back(source.name);
  }
  const std::string near = closest(request.source, names);
  throw Error(ErrorCode::kName, "there is no data source " + quoted(request.source))
      .at(request.place)
      .hint(near.empty() ? "the sources are clusters, digits, xor and csv" : "did you mean " + quoted(near) + "?");
}

Tensor rows_of(const Tensor& all, std::span<const int64_t> rows) {
  Extents extents = all.extents();
  extents[0] = static_cast<int64_t>(rows.size());
  Tensor part = Tensor::uninitialized(all.dtype(), std::move(extents));
  if (part.bytes() == 0) return part;
  const size_t bytes = part.bytes() / rows.size();
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(static_cast<char*>(part.raw()) + i * bytes, static_cast<const char*>(all.raw()) + static_cast<size_t>(rows[i]) * bytes,
                bytes);
  }
  return part;
}

template <class T>
void check_finite(const Tensor& values, const std::string& what) {
  const auto span = values.span<T>();
  const auto bad = std::find_if(span.begin(), span.end(), [](T value) { return !std::isfinite(value); });
  if (bad == span.end()) return;
  const int64_t index = bad - span.begin(), width = values.size() / values.extents()[0];
  throw Error(ErrorCode::kData, what + " " + std::to_string(index % width) + " of sample " + std::to_string(index / width) + " is " +
                                    to_text(static_cast<double>(*bad)))
      .hint("leave such samples out, or put a number in its place");
}

void check_finite(const Tensor& values, const std::string& what) {
  if (values.dtype() == DType::kF32) check_finite<float>(values, what);
  if (values.dtype() == DType::kF64) check_finite<double>(values, what);
}

}  // namespace

Dataset load_dataset(const DataRequest& request) { return source_of(request).load(request); }

DataSplit load_data(const DataRequest& request) {
  const DataSource& source = source_of(request);
  const Arguments arguments(request);
  const double fraction = arguments.split();  // told before the data are read
  return split_dataset(source.load(request), fraction, arguments.seed());
}

bool wants_shuffle(const DataRequest& request) { return Arguments(request).flag("shuffle", true); }

DataSplit split_dataset(const Dataset& all, double fraction, uint32_t seed) {
  const int64_t samples = all.samples();
  SINTER_CHECK(fraction > 0 && fraction <= 1, "split_dataset: fraction");
  const int64_t training = std::min(samples, std::max<int64_t>(1, std::llround(static_cast<double>(samples) * fraction)));
  std::vector<int64_t> order(static_cast<size_t>(samples));
  shuffle(order, seed, Purpose::kSplit, 0);
  const std::span<int64_t> first(order.data(), static_cast<size_t>(training)), second(order.data() + training, order.size() - first.size());
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  const auto part = [&](std::span<const int64_t> rows) {
    return Dataset{rows_of(all.features, rows), all.labelled ? rows_of(all.labels, rows) : all.labels, all.labelled};
  };
  return second.empty() ? DataSplit{all, part(second)} : DataSplit{part(first), part(second)};
}

void check_dataset(const Dataset& data, bool label_is_classes, std::optional<int64_t> classes) {
  if (data.labelled && data.labels.extents().at(0) != data.samples()) {
    throw Error(ErrorCode::kData,
                "there are " + std::to_string(data.samples()) + " samples and " + std::to_string(data.labels.extents()[0]) + " labels");
  }
  if (data.features.size() > 0) check_finite(data.features, "feature");
  if (!data.labelled || data.labels.size() == 0) return;
  check_finite(data.labels, "label");
  if (!label_is_classes || data.labels.dtype() != DType::kI64) return;
  const int64_t width = data.labels.size() / data.samples();
  for (int64_t i = 0; i < data.labels.size(); ++i) {
    const int64_t label = data.labels.data<int64_t>()[i];
    if (label >= 0 && (!classes || label < *classes)) continue;
    throw Error(ErrorCode::kData, "the label " + std::to_string(label) + " of sample " + std::to_string(i / width) +
                                      " is outside the model's classes" +
                                      (classes ? ", 0 to " + std::to_string(*classes - 1) : ", which count from 0"));
  }
}

}  // namespace sinter::runtime
