// Pictures as bytes: PNG by libpng, JPEG by libjpeg. Used by the data source `images`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sinter::io {

struct ImageSize {
  int64_t height = 0, width = 0;
  int channels = 0;  // as stored: 1 grey, 2 grey with alpha, 3 colour, 4 colour with alpha
};

/// Bytes row by row, the channels of a point together; grey or sRGB as in the file, alpha last.
struct Image {
  ImageSize size;
  std::vector<uint8_t> bytes;
};

/// Whether a name ends as pictures do that are read: .png, .jpg, .jpeg, in any case.
bool is_image_name(const std::string& name);

/// From the file's header alone. Raises Error kIo, or kData for what is no picture of these kinds.
ImageSize image_size(const std::string& path);

/// The picture in so many channels: 1, 3, or 4 (PNG alone has alpha; without it all is opaque). Where alpha is not asked for, it is laid over black.
/// Raises Error kIo, or kData: damaged, truncated, beyond 2^28 points.
Image read_image(const std::string& path, int channels);

}  // namespace sinter::io
