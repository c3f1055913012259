// The source `images`: a folder of pictures for each class.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <filesystem>
#include <thread>

#include "base/machine.h"
#include "base/text.h"
#include "io/image.h"
#include "runtime/data/arguments.h"
#include "runtime/data/pictures.h"
#include "runtime/data/source.h"

namespace sinter::runtime {
namespace {

namespace fs = std::filesystem;

struct Folder {
  std::vector<std::string> files;  // class by class
  std::vector<int64_t> labels;
  std::vector<std::string> classes;
};

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (!at->path().filename().string().starts_with(".")) entries.push_back(at->path());
  if (error) throw Error(ErrorCode::kIo, "cannot read " + folder.string() + ": " + error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<std::string> pictures_in(const std::vector<fs::path>& entries) {
  std::vector<std::string> files;
  for (const fs::path& entry : entries)
    if (io::is_image_name(entry.filename().string()) && fs::is_regular_file(entry)) files.push_back(entry.string());
  return files;
}

Folder list_folder(const std::string& path, const DataRequest& request) {
  const std::vector<fs::path> entries = entries_of(path);
  Folder folder;
  std::vector<fs::path> class_folders;
  for (const fs::path& entry : entries)
    if (fs::is_directory(entry)) class_folders.push_back(entry);
  if (class_folders.empty()) {
    folder.files = pictures_in(entries);
    if (!folder.files.empty() && request.label_optional) return folder;
    throw Error(ErrorCode::kData, path + (folder.files.empty() ? " holds no pictures" : " holds pictures without classes"))
        .hint("a folder for each class is wanted, with PNG or JPEG files in it");
  }
  const std::vector<std::string> known = request.known ? request.known->classes : std::vector<std::string>();
  folder.classes = known;
  for (const fs::path& class_folder : class_folders) {
    const std::string name = class_folder.filename().string();
    if (known.empty()) folder.classes.push_back(name);
    const auto found = std::find(folder.classes.begin(), folder.classes.end(), name);
    if (found == folder.classes.end())
      throw Error(ErrorCode::kData, class_folder.string() + ": there was no class " + quoted(name) + " in the data that trained");
    const std::vector<std::string> files = pictures_in(entries_of(class_folder));
    if (files.empty()) throw Error(ErrorCode::kData, "the class folder " + class_folder.string() + " holds no pictures").hint("put PNG or JPEG files into it, or remove it");
    folder.files.insert(folder.files.end(), files.begin(), files.end());
    folder.labels.insert(folder.labels.end(), files.size(), found - folder.classes.begin());
  }
  if (request.label_is_classes && request.classes && static_cast<int64_t>(folder.classes.size()) > *request.classes) {
    throw Error(ErrorCode::kData, path + " holds " + std::to_string(folder.classes.size()) + " classes, the model tells " + std::to_string(*request.classes) + " apart");
  }
  return folder;
}

/// One axis of a picture brought to another size: a triangle as wide as two points of the coarser grid, so that shrinking averages.
std::vector<float> resized_lines(const std::vector<float>& from, int64_t lines, int64_t size, int64_t wanted, int64_t step, int64_t line_step, int64_t inner) {
  std::vector<float> to(static_cast<size_t>(lines * wanted * inner));
  const double scale = static_cast<double>(size) / static_cast<double>(wanted), support = std::max(scale, 1.0);
  for (int64_t i = 0; i < wanted; ++i) {
    const double centre = (static_cast<double>(i) + .5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(centre - support)), last = std::min(size, static_cast<int64_t>(centre + support) + 1);
    std::vector<float> weights;
    double sum = 0;
    for (int64_t k = first; k < last; ++k) {
      weights.push_back(static_cast<float>(std::max(0.0, 1 - std::fabs((static_cast<double>(k) + .5 - centre) / support))));
      sum += static_cast<double>(weights.back());
    }
    for (int64_t line = 0; line < lines; ++line) {
      for (int64_t c = 0; c < inner; ++c) {
        double value = 0;
        for (int64_t k = first; k < last; ++k)
          value += static_cast<double>(weights[static_cast<size_t>(k - first)]) * static_cast<double>(from[static_cast<size_t>(line * line_step + k * step + c)]);
        // The result has the axis that was resized first, then the lines: two calls bring the axes back.
        to[static_cast<size_t>((i * lines + line) * inner + c)] = static_cast<float>(value / sum);
      }
    }
  }
  return to;
}

std::vector<uint8_t> resized(const io::Image& image, int64_t height, int64_t width) {
  if (image.size.height == height && image.size.width == width) return image.bytes;
  const int64_t channels = image.size.channels;
  std::vector<float> values(image.bytes.begin(), image.bytes.end());
  // [h, w, c] to [width, h, c], then to [height, width, c].
  values = resized_lines(values, image.size.height, image.size.width, width, channels, image.size.width * channels, channels);
  values = resized_lines(values, width, image.size.height, height, channels, image.size.height * channels, channels);
  std::vector<uint8_t> bytes(values.size());
  for (size_t i = 0; i < values.size(); ++i) bytes[i] = static_cast<uint8_t>(std::clamp(std::lround(values[i]), 0L, 255L));
  return bytes;
}

struct Decoder {
  std::vector<std::string> files;
  int channels = 1;
  int64_t height = 0, width = 0;
  bool resize = false;

  std::vector<uint8_t> operator()(int64_t index) const {
    const std::string& file = files[static_cast<size_t>(index)];
    const io::Image image = io::read_image(file, channels);
    if (!resize && (image.size.height != height || image.size.width != width)) {
      throw Error(ErrorCode::kData, file + " is of " + std::to_string(image.size.height) + " by " + std::to_string(image.size.width) + " points, the pictures before it are of " +
                                        std::to_string(height) + " by " + std::to_string(width))
          .hint("resize = [" + std::to_string(height) + ", " + std::to_string(width) + "] brings all to one size");
    }
    return resized(image, height, width);
  }
};

/// Decodes all, on all cores; of several bad pictures the first is told.
Tensor decode_all(const Decoder& decoder, const PictureLayout& layout) {
  const auto count = static_cast<int64_t>(decoder.files.size());
  Tensor pictures = Tensor::uninitialized(DType::kU8, {count, layout.size()});
  std::vector<std::exception_ptr> failures(decoder.files.size());
  std::atomic<int64_t> next = 0;
  std::atomic<bool> failed = false;
  const auto work = [&] {
    for (int64_t i; !failed && (i = next++) < count;) {
      try {
        const std::vector<uint8_t> bytes = decoder(i);
        std::copy(bytes.begin(), bytes.end(), pictures.data<uint8_t>() + i * layout.size());
      } catch (...) {
        failures[static_cast<size_t>(i)] = std::current_exception();
        failed = true;
      }
    }
  };
  std::vector<std::thread> threads;
  const int64_t helpers = std::min<int64_t>(this_machine().cores, count / 64 + 1) - 1;
  for (int64_t i = 0; i < helpers; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
  return pictures;
}

int channels_wanted(const DataRequest& request, const io::ImageSize& size, const Arguments& arguments) {
  if (request.feature.extents.size() < 2) {
    const int64_t points = size.height * size.width, wanted = element_count(request.feature.extents);
    for (const int channels : {1, 3, 4})
      if (points * channels == wanted) return channels;
    return size.channels == 1 ? 1 : 3;  // told as a mismatch
  }
  const auto layout = picture_layout(request.feature.extents);
  if (layout && (layout->channels == 1 || layout->channels == 3 || layout->channels == 4)) return static_cast<int>(layout->channels);
  arguments.fail(ErrorCode::kType, "gives pictures in 1, 3 or 4 channels, the model's input takes " + type_text(request.feature));
}

}  // namespace

Dataset read_pictures(const DataRequest& request) {
  const Arguments arguments(request);
  const std::vector<int64_t> resize = arguments.counts("resize");
  if (!resize.empty() && resize.size() != 2) arguments.fail(ErrorCode::kUsage, "wants height and width as 'resize', such as [28, 28]");
  Folder folder = list_folder(arguments.path(), request);
  io::ImageSize first = io::image_size(folder.files.front());
  if (!resize.empty()) first.height = resize[0], first.width = resize[1];
  Decoder decoder{std::move(folder.files), channels_wanted(request, first, arguments), first.height, first.width, !resize.empty()};
  const PictureLayout layout{first.height, first.width, decoder.channels, true};
  const auto count = static_cast<int64_t>(decoder.files.size());
  const bool labelled = !folder.classes.empty();
  if (element_count(request.label.extents) != 1 && labelled)
    arguments.fail(ErrorCode::kType, "gives one label for a sample, the model wants " + type_text(request.label));
  Extents label_extents = {labelled ? count : 0};
  label_extents.insert(label_extents.end(), request.label.extents.begin(), request.label.extents.end());
  Tensor labels(request.label.dtype, std::move(label_extents));
  for (size_t i = 0; i < folder.labels.size(); ++i) labels.set_integer(static_cast<int64_t>(i), folder.labels[i]);
  const bool stream = arguments.flag("stream", !fits_in_memory(static_cast<double>(count) * static_cast<double>(layout.size())));
  StoredPictures pictures{Tensor(), nullptr, count};
  // A picture that turns out to be bad later would end a long training: what can be told from headers is told now.
  if (stream) {
    for (const std::string& file : decoder.files) {
      const io::ImageSize size = io::image_size(file);
      if (resize.empty() && (size.height != first.height || size.width != first.width)) decoder(static_cast<int64_t>(&file - decoder.files.data()));
    }
    pictures.fetch = std::move(decoder);
  } else {
    // The mismatch with the model before the work.
    picture_dataset(request, {Tensor(DType::kU8, {0}), nullptr, 0}, layout, labels, false, true, "the pictures in " + arguments.path());
    pictures.in_memory = decode_all(decoder, layout);
  }
  Dataset data = picture_dataset(request, std::move(pictures), layout, std::move(labels), labelled, arguments.flag("scale", true), "the pictures in " + arguments.path());
  auto facts = std::make_shared<DataFacts>();
  facts->classes = folder.classes;
  data.facts = std::move(facts);
  return data;
}

}  // namespace sinter::runtime
