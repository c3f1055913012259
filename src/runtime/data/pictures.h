// Pictures as samples: of any stored type and layout, brought into the type and layout of the model's input, cut, turned over and shifted. Used by the
// sources `idx` and `images`, and by any other whose samples are to be augmented.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"

namespace sinter::runtime {

/// Where the points of a picture stand.
struct PictureLayout {
  int64_t height = 1, width = 1, channels = 1;
  bool channels_last = false;

  int64_t size() const { return height * width * channels; }
};

/// How the input of a model holds pictures: [height, width], [channels, height, width] or [height, width, channels]; the last when the first dim is no
/// number of channels (1, 3, 4) and the last one is. Nothing for other ranks.
std::optional<PictureLayout> picture_layout(const Extents& extents);

/// What changes pictures that train. A picture's draws follow from seed, epoch and its number.
struct Augmentation {
  bool flip = false;   // left and right, every second time
  int64_t shift = 0;   // up to so many points each way; what comes in is 0
  bool crop = false;   // larger pictures are cut to the input's size: anywhere in training, in the middle otherwise

  bool any() const { return flip || shift > 0; }
};

/// Reads the arguments flip, shift and crop.
Augmentation augmentation_of(const DataRequest& request);

/// Pictures [samples, ...] of u8 or of the input's dtype; or such as are fetched one by one, as bytes, when they are wanted.
struct StoredPictures {
  Tensor in_memory;
  std::function<std::vector<uint8_t>(int64_t)> fetch = nullptr;
  int64_t count = 0;
};

/// Stored pictures of u8 or of the input's dtype, with labels of the label's type. With `unit`, bytes become 0..1 where the input is a float.
/// Raises Error kType when they do not fit the input, naming `what`.
Dataset picture_dataset(const DataRequest& request, StoredPictures pictures, const PictureLayout& stored, Tensor labels, bool labelled, bool unit, const std::string& what);

/// Data in memory whose request asks for augmentation, as pictures; others as they are. Raises Error kType for features that are no pictures.
Dataset augmentable(Dataset data, const DataRequest& request);

/// The source `images`: `path` is a folder with a folder for each class, whose PNG and JPEG files are its samples; folders without labels may be of files
/// alone where labels are optional. All of one size, or `resize = [height, width]`; bytes become 0..1 unless `scale = false`.
/// Raises Error kData: no classes, a class without pictures, sizes that differ, damaged pictures, each with the path.
Dataset read_pictures(const DataRequest& request);

}  // namespace sinter::runtime
