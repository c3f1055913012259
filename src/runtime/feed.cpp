#include "runtime/feed.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace sinter::runtime {
namespace {

/// A function that is compiled for one batch size takes no other, so the last, smaller batch has to be refused before anything is run.
void check_batch_size(const Function& function, const std::string& feature, int64_t samples, int64_t batch) {
  const TensorType type = function.type(feature);
  if (type.shape.rank() == 0) throw Error(ErrorCode::kType, quoted(feature) + " is a scalar; data come in batches along the first axis");
  const auto fixed = type.shape[0].as_constant();
  if (!fixed || (std::min(samples, batch) == *fixed && samples % *fixed == 0)) return;
  throw Error(ErrorCode::kUsage, "the model is compiled for batches of " + std::to_string(*fixed) + ", and " + std::to_string(samples) +
                                     " samples in batches of " + std::to_string(batch) + " do not all have that size")
      .hint("leave the batch open when compiling");
}

constexpr std::string_view kSumPrefix = "sum.", kTotalPrefix = "total.";

bool is_totalled(const FeedPorts& ports, const std::string& metric) {
  return std::find(ports.totalled.begin(), ports.totalled.end(), metric) != ports.totalled.end();
}

void check_stop(const std::atomic<bool>* stop) {
  if (stop != nullptr && stop->load(std::memory_order_relaxed)) throw Error(ErrorCode::kInterrupted, "interrupted");
}

}  // namespace

Feed::Feed(Function& function, const FeedPorts& ports, const Dataset& data, int64_t batch) : function_(function), ports_(ports) {
  if (data.samples() == 0) throw Error(ErrorCode::kData, "there are no samples");
  if (!data.labelled) throw Error(ErrorCode::kData, "the samples have no labels");
  check_batch_size(function, ports.feature, data.samples(), batch);
  const auto add = [&](const std::string& name) {
    const TensorType type = function.type(name);
    if (type.shape.rank() != 0 || !is_float(type.dtype))
      throw Error(ErrorCode::kType, quoted(name) + " is " + type.to_string() + ", not one number");
    results_.emplace_back(type.dtype, Extents{});
    function.bind(name, results_.back());
  };
  add("loss");
  places_.push_back(0);
  sums_.resize(ports.metrics.size() + 1);
  for (size_t i = 0; i < ports.metrics.size(); ++i) {
    if (is_totalled(ports, ports.metrics[i])) continue;
    add(ports.metrics[i]);
    places_.push_back(i + 1);
  }
  for (const std::string& sum : ports.sums) {
    const TensorType type = function.type(sum);
    if (type.dtype != DType::kF64 || !type.shape.is_constant()) throw Error(ErrorCode::kType, quoted(sum) + " is " + type.to_string() + ", not f64 of a constant shape");
    parts_.emplace_back(DType::kF64, type.shape.evaluate({}));
    totals_.emplace_back(DType::kF64, type.shape.evaluate({}));
    function.bind(sum, parts_.back());
  }
}

void Feed::reset() {
  std::fill(sums_.begin(), sums_.end(), 0.0);
  for (Tensor& total : totals_) std::fill_n(total.data<double>(), total.size(), 0.0);
}

void Feed::run(const Batch& batch) {
  if (&batch != bound_) {
    function_.bind(ports_.feature, batch.features);
    function_.bind(ports_.label, batch.labels);
    bound_ = &batch;
  }
  function_.execute();
  for (size_t i = 0; i < results_.size(); ++i) sums_[places_[i]] += results_[i].get(0) * static_cast<double>(batch.samples);
  for (size_t i = 0; i < parts_.size(); ++i) {
    const double* part = parts_[i].data<double>();
    double* total = totals_[i].data<double>();
    for (int64_t k = 0; k < parts_[i].size(); ++k) total[k] += part[k];
  }
}

Measured Feed::measured(int64_t samples) {
  Measured result{sums_[0] / static_cast<double>(samples), {}, {}};
  if (!ports_.totalled.empty()) {
    for (size_t i = 0; i < totals_.size(); ++i) ports_.measure->bind(std::string(kTotalPrefix) + ports_.sums[i].substr(kSumPrefix.size()), totals_[i]);
    ports_.measure->execute();
  }
  for (size_t i = 0; i < ports_.metrics.size(); ++i) {
    const std::string& name = ports_.metrics[i];
    if (!is_totalled(ports_, name)) {
      result.metrics.emplace_back(name, sums_[i + 1] / static_cast<double>(samples));
      continue;
    }
    const Tensor& value = ports_.measure->output(name);
    if (value.rank() == 0) result.metrics.emplace_back(name, value.get(0));
    else result.tables.emplace_back(name, value.clone());
  }
  return result;
}

Evaluation evaluate_dataset(Function& evaluate, const FeedPorts& ports, const Dataset& data, int64_t batch, const std::atomic<bool>* stop) {
  check_dataset(data, ports.label_is_classes, ports.classes);
  Batches batches(data, batch);
  Feed feed(evaluate, ports, data, batch);
  for (int64_t i = 0; i < batches.count(); ++i) {
    check_stop(stop);
    feed.run(batches.load(i));
  }
  Measured measured = feed.measured(data.samples());
  return {measured.loss, std::move(measured.metrics), data.samples(), std::move(measured.tables)};
}

std::vector<Tensor> predict_dataset(Function& predict, const std::string& feature, const std::vector<std::string>& outputs,
                                    const Dataset& data, int64_t batch, const std::atomic<bool>* stop) {
  if (data.samples() == 0) throw Error(ErrorCode::kData, "there are no samples");
  check_dataset(data, false, {});
  Batches batches(data, batch);
  check_batch_size(predict, feature, data.samples(), batch);
  const Dim batch_dim = predict.type(feature).shape[0];
  for (const std::string& output : outputs) {
    const TensorType type = predict.type(output);
    if (type.shape.rank() > 0 && type.shape[0] == batch_dim) continue;
    throw Error(ErrorCode::kUnsupported, "the output " + quoted(output) + " is " + type.to_string() + ", which has no row for each sample")
        .hint("run the model on one tensor instead");
  }
  std::vector<Tensor> results;
  std::vector<size_t> written(outputs.size(), 0);  // bytes
  for (int64_t i = 0; i < batches.count(); ++i) {
    check_stop(stop);
    predict.bind(feature, batches.load(i).features);
    predict.execute();
    for (size_t k = 0; k < outputs.size(); ++k) {
      const Tensor& part = predict.output(outputs[k]);
      if (i == 0) {
        Extents all = part.extents();
        all[0] = data.samples();
        results.push_back(Tensor::uninitialized(part.dtype(), std::move(all)));
      }
      SINTER_CHECK(written[k] + part.bytes() <= results[k].bytes(), "predict_dataset: " + outputs[k] + " grew from batch to batch");
      if (part.bytes() > 0) std::memcpy(static_cast<char*>(results[k].raw()) + written[k], part.raw(), part.bytes());
      written[k] += part.bytes();
    }
  }
  return results;
}

}  // namespace sinter::runtime
