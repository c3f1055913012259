#include "runtime/data/arrays.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/text.h"
#include "io/file_kind.h"
#include "io/idx.h"
#include "io/npy.h"
#include "io/npz.h"
#include "runtime/data/arguments.h"
#include "runtime/data/pictures.h"

namespace sinter::runtime {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, const std::string& why, const std::string& hint = {}) { throw Error(ErrorCode::kData, what + " " + why).hint(hint); }

Extents with_samples(int64_t samples, const Extents& extents) {
  Extents all = {samples};
  all.insert(all.end(), extents.begin(), extents.end());
  return all;
}

int64_t samples_of(const Tensor& array, const std::string& what) {
  if (array.rank() == 0) fail(what, "is one number; its first axis must count samples");
  if (array.extents()[0] == 0) fail(what, "holds no samples");
  return array.extents()[0];
}

/// The same numbers as `wanted`; whole ones stay whole. Raises Error kData naming the sample that does not fit.
Tensor converted(const Tensor& array, DType wanted, const Extents& extents, const std::string& what) {
  if (array.dtype() == wanted) return array.reshaped(extents);
  Tensor result = Tensor::uninitialized(wanted, extents);
  const int64_t width = array.size() / array.extents()[0];
  visit_dtype(wanted, [&](auto element) {
    using T = decltype(element);
    T* out = result.data<T>();
    for (int64_t i = 0; i < array.size(); ++i) {
      const double value = array.get(i);
      if constexpr (!std::is_floating_point_v<T>) {
        if (value != std::trunc(value) || value < static_cast<double>(std::numeric_limits<T>::lowest()) || value > static_cast<double>(std::numeric_limits<T>::max()))
          fail(what, "holds " + to_text(value) + " in sample " + std::to_string(i / width) + ", which " + std::string(name(wanted)) + " cannot hold");
      }
      out[i] = static_cast<T>(value);
    }
  });
  return result;
}

Tensor labels_from(const Tensor& array, const DataRequest& request, int64_t samples, const std::string& what) {
  if (samples_of(array, what) != samples) fail(what, "holds " + std::to_string(array.extents()[0]) + " labels for " + std::to_string(samples) + " samples");
  const Extents extents = with_samples(samples, request.label.extents);
  const int64_t width = array.size() / samples, wanted = element_count(request.label.extents);
  // One class for each sample where the model wants a row of numbers: the row is 1 there and 0 elsewhere; and the other way round.
  const bool spread = !request.label_is_classes && wanted > 1 && width == 1, joined = request.label_is_classes && wanted == 1 && width > 1;
  if (!spread && !joined && width != wanted)
    throw Error(ErrorCode::kType, what + " is " + array.type_string() + ", the model wants labels of " + type_text(request.label)).at(request.place);
  Tensor labels(request.label.dtype, extents);
  if (joined || spread) {
    for (int64_t i = 0; i < samples; ++i) {
      int64_t best = 0;
      for (int64_t k = 1; joined && k < width; ++k)
        if (array.get(i * width + k) > array.get(i * width + best)) best = k;
      if (joined) {
        labels.set_integer(i, best);
        continue;
      }
      const int64_t label = array.get_integer(i);
      if (label < 0 || label >= wanted) fail(what, "holds the label " + std::to_string(label) + " in sample " + std::to_string(i) + "; the model tells " + std::to_string(wanted) + " classes apart");
      labels.set(i * wanted + label, 1);
    }
    return labels;
  }
  labels = converted(array, request.label.dtype, extents, what);
  for (int64_t i = 0; request.label_is_classes && i < labels.size(); ++i) check_class(labels.get_integer(i), request, what + ", sample " + std::to_string(i / width));
  return labels;
}

Dataset dataset_of(const DataRequest& request, const Tensor& features, const Tensor* labels, const std::string& feature_name, const std::string& label_name) {
  const int64_t samples = samples_of(features, feature_name);
  if (labels == nullptr && !request.label_optional) fail(feature_name, "comes without labels", request.source == "npy" ? "labels = \"y.npy\" names them" : "label = \"y\" names them");
  Dataset data;
  data.labelled = labels != nullptr;
  Tensor own_labels = labels != nullptr ? labels_from(*labels, request, samples, label_name) : Tensor(request.label.dtype, {0});
  const Extents extents = with_samples(samples, request.feature.extents);
  if (features.size() / samples == element_count(request.feature.extents)) {
    data.features = converted(features, request.feature.dtype, extents, feature_name);
    data.labels = std::move(own_labels);
    check_dataset(data, request.label_is_classes, request.classes);
    return data;
  }
  const Extents sample(features.extents().begin() + 1, features.extents().end());
  const auto layout = picture_layout(sample);
  if (!layout || !augmentation_of(request).crop) {
    throw Error(ErrorCode::kType, feature_name + " is " + features.type_string() + ", the model's input takes " + type_text(request.feature) + " for a sample").at(request.place);
  }
  const Tensor pictures = features.dtype() == DType::kU8 ? features : converted(features, request.feature.dtype, features.extents(), feature_name);
  return picture_dataset(request, {pictures, nullptr, samples}, *layout, std::move(own_labels), labels != nullptr, false, feature_name);
}

// ---- idx ----

/// The file in `folder` whose name begins with one of `beginnings` and holds `part`; empty when there is none.
std::string find_file(const fs::path& folder, std::initializer_list<std::string_view> beginnings, std::string_view part) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const bool begins = std::any_of(beginnings.begin(), beginnings.end(), [&](std::string_view beginning) { return name.starts_with(beginning); });
    if (begins && io::is_idx_name(name) && name.find(part) != std::string::npos) found.push_back(at->path().string());
  }
  std::sort(found.begin(), found.end());  // a plain file comes before the same with .gz
  return found.empty() ? "" : found.front();
}

Dataset read_idx_pair(const DataRequest& request, const std::string& images_path, const std::string& labels_path) {
  const Tensor images = io::read_idx(images_path);
  const int64_t samples = samples_of(images, images_path);
  if (labels_path.empty() && !request.label_optional) fail(images_path, "has no labels beside it", "they are called as the images, with \"labels-idx1\" in the name");
  std::optional<Tensor> labels;
  if (!labels_path.empty()) labels = io::read_idx(labels_path);
  const bool is_picture = images.rank() == 3 || images.rank() == 4;
  if (!is_picture || images.dtype() != DType::kU8) return dataset_of(request, images, labels ? &*labels : nullptr, images_path, labels_path);
  const Extents sample(images.extents().begin() + 1, images.extents().end());
  Tensor own_labels = labels ? labels_from(*labels, request, samples, labels_path) : Tensor(request.label.dtype, {0});
  return picture_dataset(request, {images, nullptr, samples}, *picture_layout(sample), std::move(own_labels), labels.has_value(), Arguments(request).flag("scale", true), "the images in " + images_path);
}

/// "train-images-idx3-ubyte.gz" to "train-labels-idx1-ubyte.gz", where there is such a file.
std::string labels_beside(const std::string& images) {
  const fs::path path(images);
  std::string name = path.filename().string();
  for (const auto& [from, to] : {std::pair<std::string, std::string>("images", "labels"), {"idx3", "idx1"}})
    if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
  const fs::path labels = path.parent_path() / name;
  return labels != path && fs::exists(labels) ? labels.string() : "";
}

}  // namespace

Dataset read_npy_pair(const DataRequest& request) {
  const Arguments arguments(request);
  const Tensor features = io::map_npy(arguments.path());
  std::string labels_path = arguments.text("labels", "");
  if (!labels_path.empty() && !fs::exists(labels_path) && fs::path(labels_path).is_relative()) {
    const fs::path beside = fs::path(arguments.path()).parent_path() / labels_path;
    if (fs::exists(beside)) labels_path = beside.string();
  }
  std::optional<Tensor> labels;
  if (!labels_path.empty()) labels = io::map_npy(labels_path);
  return dataset_of(request, features, labels ? &*labels : nullptr, arguments.path(), labels_path);
}

SourceData read_npz_arrays(const DataRequest& request) {
  const Arguments arguments(request);
  const std::string path = arguments.path();
  const io::NpzFile file(path);
  const bool split = !arguments.has("features") && !file.contains("x") && file.contains("x_train");
  const auto read = [&](const std::string& features, const std::string& label) {
    const Tensor values = file.read(features);
    std::optional<Tensor> labels;
    if (file.contains(label) || !request.label_optional) labels = file.read(label);
    return dataset_of(request, values, labels ? &*labels : nullptr, path + "/" + features, path + "/" + label);
  };
  SourceData data;
  if (split) {
    data.all = read("x_train", "y_train");
    if (file.contains("x_test")) data.test = read("x_test", "y_test");
  } else {
    data.all = read(arguments.text("features", "x"), arguments.text("label", "y"));
  }
  return data;
}

SourceData read_idx_files(const DataRequest& request) {
  const std::string path = Arguments(request).path();
  SourceData data;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    data.all = read_idx_pair(request, path, labels_beside(path));
    return data;
  }
  const std::string training = find_file(path, {"train"}, "images"), test = find_file(path, {"t10k", "test"}, "images");
  if (training.empty() && test.empty()) fail(path, "holds no idx files", "they are called as those of MNIST: train-images-idx3-ubyte or train-images-idx3-ubyte.gz, with -labels-idx1- beside");
  if (training.empty()) {
    data.all = read_idx_pair(request, test, find_file(path, {"t10k", "test"}, "labels"));
    return data;
  }
  data.all = read_idx_pair(request, training, find_file(path, {"train"}, "labels"));
  if (!test.empty()) data.test = read_idx_pair(request, test, find_file(path, {"t10k", "test"}, "labels"));
  return data;
}

}  // namespace sinter::runtime
