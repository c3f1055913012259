#include "runtime/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <span>
#include <vector>

#include "base/text.h"
#include "runtime/data/arguments.h"
#include "runtime/data/arrays.h"
#include "runtime/data/csv.h"
#include "runtime/data/generate.h"
#include "runtime/data/pictures.h"
#include "runtime/data/shuffle.h"
#include "runtime/data/source.h"
#include "runtime/data/text.h"

namespace sinter::runtime {
namespace {

struct DataSource {
  std::string_view name;
  SourceData (*load)(const DataRequest& request);
};
template <Dataset (*kLoad)(const DataRequest&)>
SourceData all_of(const DataRequest& request) {
  return {kLoad(request), {}, {}};
}
Dataset load_csv(const DataRequest& request) { return read_csv(Arguments(request).path(), request); }

constexpr DataSource kSources[] = {
    {"clusters", all_of<generate_clusters>}, {"digits", all_of<generate_digits>}, {"xor", all_of<generate_xor>},
    {"csv", all_of<load_csv>},               {"npy", all_of<read_npy_pair>},      {"npz", read_npz_arrays},
    {"idx", read_idx_files},                 {"images", all_of<read_pictures>},   {"text", read_characters},
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
      .hint(near.empty() ? "the sources are clusters, digits, xor, csv, npy, npz, idx, images and text" : "did you mean " + quoted(near) + "?");
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

Dataset read_by(std::shared_ptr<const SampleReader> reader, bool labelled) {
  Dataset data;
  data.labelled = labelled;
  data.rows.resize(static_cast<size_t>(reader->samples()));
  std::iota(data.rows.begin(), data.rows.end(), 0);
  data.reader = std::move(reader);
  return data;
}

Dataset take(const Dataset& data, std::span<const int64_t> rows) {
  Dataset part;
  part.labelled = data.labelled;
  part.facts = data.facts;
  part.notes = data.notes;
  if (!data.reader) {
    part.features = rows_of(data.features, rows);
    part.labels = data.labelled ? rows_of(data.labels, rows) : data.labels;
    return part;
  }
  const auto make = [&](const SampleType& type) {
    Extents extents = {static_cast<int64_t>(rows.size())};
    extents.insert(extents.end(), type.extents.begin(), type.extents.end());
    return Tensor::uninitialized(type.dtype, std::move(extents));
  };
  part.features = make(data.reader->feature());
  if (data.labelled) part.labels = make(data.reader->label());
  std::vector<int64_t> chosen;
  for (const int64_t row : rows) chosen.push_back(data.rows[static_cast<size_t>(row)]);
  data.reader->read(chosen, {}, part.features, part.labels);
  return part;
}

Dataset load_dataset(const DataRequest& request) {
  DataRequest whole = request;
  whole.arguments.erase("split");
  return augmentable(source_of(request).load(whole).all, whole);
}

Dataset load_test_dataset(const DataRequest& request) {
  DataRequest whole = request;
  whole.arguments.erase("split");
  SourceData data = source_of(request).load(whole);
  return std::move(data.test.samples() > 0 ? data.test : data.all);
}

DataSplit load_data(const DataRequest& request) {
  const DataSource& source = source_of(request);
  const Arguments arguments(request);
  const double fraction = arguments.split();  // told before the data are read
  const bool stratified = arguments.flag("stratified", false);
  if (stratified && !request.label_is_classes) arguments.fail(ErrorCode::kUsage, "cannot be split by class: the labels are no classes");
  SourceData data = source.load(request);
  data.all = augmentable(std::move(data.all), request);
  if (data.validation) return {std::move(data.all), std::move(*data.validation), std::move(data.test)};
  DataSplit split = split_dataset(data.all, fraction, arguments.seed(), stratified);
  split.test = std::move(data.test);
  return split;
}

bool wants_shuffle(const DataRequest& request) { return Arguments(request).flag("shuffle", true); }

namespace {

/// How many of so many samples train.
int64_t training_share(int64_t samples, double fraction) { return std::min(samples, std::max<int64_t>(1, std::llround(static_cast<double>(samples) * fraction))); }

Dataset part_of(const Dataset& all, std::span<const int64_t> rows) {
  if (!all.reader) return take(all, rows);
  Dataset part = all;
  part.rows.clear();
  for (const int64_t row : rows) part.rows.push_back(all.rows[static_cast<size_t>(row)]);
  return part;
}

/// Samples by class, each class in the drawn order.
std::map<int64_t, std::vector<int64_t>> by_class(const Dataset& all, std::span<const int64_t> order) {
  std::map<int64_t, std::vector<int64_t>> classes;
  constexpr size_t kAtOnce = 1024;
  for (size_t first = 0; first < order.size(); first += kAtOnce) {
    const auto rows = order.subspan(first, std::min(kAtOnce, order.size() - first));
    const Dataset some = all.reader ? take(all, rows) : Dataset{};
    for (size_t i = 0; i < rows.size(); ++i)
      classes[all.reader ? some.labels.get_integer(static_cast<int64_t>(i)) : all.labels.get_integer(rows[i])].push_back(rows[i]);
  }
  return classes;
}

}  // namespace

DataSplit split_dataset(const Dataset& all, double fraction, uint32_t seed, bool stratified) {
  const int64_t samples = all.samples();
  SINTER_CHECK(fraction > 0 && fraction <= 1, "split_dataset: fraction");
  std::vector<int64_t> order(static_cast<size_t>(samples)), first, second;
  shuffle(order, seed, Purpose::kSplit, 0);
  const auto divide = [&](std::span<const int64_t> rows) {
    const auto training = static_cast<size_t>(rows.empty() ? 0 : training_share(static_cast<int64_t>(rows.size()), fraction));
    first.insert(first.end(), rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(training));
    second.insert(second.end(), rows.begin() + static_cast<std::ptrdiff_t>(training), rows.end());
  };
  if (stratified && all.labelled && samples > 0 && fraction < 1)
    for (const auto& [label, rows] : by_class(all, order)) divide(rows);
  else
    divide(order);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  return second.empty() ? DataSplit{all, part_of(all, second)} : DataSplit{part_of(all, first), part_of(all, second)};
}

void check_dataset(const Dataset& data, bool label_is_classes, std::optional<int64_t> classes) {
  if (data.reader) return;
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
