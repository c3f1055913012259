#include "io/image.h"

#include <png.h>

#include <algorithm>
#include <cctype>
#include <csetjmp>
#include <cstdio>  // jpeglib.h wants it before itself
#include <cstring>

#include <jpeglib.h>

#include "base/error.h"
#include "io/mapping.h"

namespace sinter::io {
namespace {

constexpr int64_t kMostPoints = int64_t{1} << 28;

[[noreturn]] void fail(const std::string& path, const std::string& why) { throw Error(ErrorCode::kData, path + ": " + why); }

bool is_png(std::string_view bytes) { return bytes.starts_with("\x89PNG\r\n\x1a\n"); }
bool is_jpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }

void check_size(const ImageSize& size, const std::string& path) {
  if (size.height < 1 || size.width < 1) fail(path, "the picture has no points");
  if (size.height > kMostPoints / size.width) fail(path, "the picture is of " + std::to_string(size.height) + " by " + std::to_string(size.width) + " points, more than are read");
}

// ---- PNG, through libpng's simplified interface ----

class Png {
 public:
  Png(std::string_view bytes, const std::string& path) : path_(path) {
    image_.version = PNG_IMAGE_VERSION;
    if (!::png_image_begin_read_from_memory(&image_, bytes.data(), bytes.size())) fail_of_library();
  }
  ~Png() { ::png_image_free(&image_); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;

  ImageSize size() const {
    const bool colour = (image_.format & PNG_FORMAT_FLAG_COLOR) != 0, alpha = (image_.format & PNG_FORMAT_FLAG_ALPHA) != 0;
    return {image_.height, image_.width, (colour ? 3 : 1) + (alpha ? 1 : 0)};
  }
  void read(int channels, uint8_t* out) {
    image_.format = channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
    const png_color black{0, 0, 0};
    if (!::png_image_finish_read(&image_, &black, out, 0, nullptr) || (image_.warning_or_error & PNG_IMAGE_ERROR) != 0) fail_of_library();
  }

 private:
  [[noreturn]] void fail_of_library() const { fail(path_, std::string("the picture is damaged: ") + image_.message); }

  png_image image_{};
  const std::string& path_;
};

// ---- JPEG: the library calls back on errors, and the callback must not return; it jumps over frames of C only ----

struct JpegErrors {
  jpeg_error_mgr manager;  // first, so that the library's pointer to it is one to this
  std::jmp_buf place;
  char message[JMSG_LENGTH_MAX];
  bool warned;
};

extern "C" {
void sinter_jpeg_failed(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->place, 1);
}
void sinter_jpeg_warned(j_common_ptr info, int level) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  if (level >= 0 || errors->warned) return;  // a trace message, or one more
  errors->warned = true;
  info->err->format_message(info, errors->message);
}
}

/// Reads the header, and the picture when `out` is given: `room` bytes in `channels`. False with a message on failure. Nothing in it owns memory of C++:
/// a jump ends it without destructors.
bool decode_jpeg(std::string_view bytes, int channels, uint8_t* out, size_t room, ImageSize& size, JpegErrors& errors) {
  jpeg_decompress_struct info;
  std::memset(&info, 0, sizeof info);
  info.err = ::jpeg_std_error(&errors.manager);
  errors.manager.error_exit = sinter_jpeg_failed;
  errors.manager.emit_message = sinter_jpeg_warned;
  if (setjmp(errors.place) != 0) {
    ::jpeg_destroy_decompress(&info);
    return false;
  }
  ::jpeg_create_decompress(&info);
  ::jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  ::jpeg_read_header(&info, TRUE);
  size.height = info.image_height;
  size.width = info.image_width;
  size.channels = info.num_components == 1 ? 1 : 3;
  if (out != nullptr) {
    info.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    ::jpeg_start_decompress(&info);
    const size_t row_bytes = static_cast<size_t>(info.output_width) * static_cast<size_t>(info.output_components);
    while (info.output_scanline < info.output_height && (info.output_scanline + 1) * row_bytes <= room) {
      JSAMPROW row = out + info.output_scanline * row_bytes;
      ::jpeg_read_scanlines(&info, &row, 1);
    }
    ::jpeg_finish_decompress(&info);
  }
  ::jpeg_destroy_decompress(&info);
  return !errors.warned;  // the library fills what is missing with grey, and only warns
}

ImageSize jpeg(std::string_view bytes, int channels, uint8_t* out, size_t room, const std::string& path) {
  ImageSize size;
  JpegErrors errors;
  errors.warned = false;
  errors.message[0] = '\0';
  if (!decode_jpeg(bytes, channels, out, room, size, errors)) fail(path, std::string("the picture is damaged: ") + errors.message);
  return size;
}

}  // namespace

bool is_image_name(const std::string& name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.ends_with(".png") || lower.ends_with(".jpg") || lower.ends_with(".jpeg");
}

ImageSize image_size(const std::string& path) {
  const MappedFile mapped(path);
  ImageSize size;
  if (is_png(mapped.bytes())) size = Png(mapped.bytes(), path).size();
  else if (is_jpeg(mapped.bytes())) size = jpeg(mapped.bytes(), 0, nullptr, 0, path);
  else fail(path, mapped.bytes().empty() ? "it is empty" : "it is neither a PNG nor a JPEG picture");
  check_size(size, path);
  return size;
}

Image read_image(const std::string& path, int channels) {
  SINTER_CHECK(channels == 1 || channels == 3 || channels == 4, "read_image: channels");
  const MappedFile mapped(path);
  Image image{image_size(path), {}};
  image.size.channels = channels;
  const auto points = static_cast<size_t>(image.size.height * image.size.width);
  image.bytes.resize(points * static_cast<size_t>(channels));
  if (is_png(mapped.bytes())) {
    Png(mapped.bytes(), path).read(channels, image.bytes.data());
  } else if (channels < 4) {
    jpeg(mapped.bytes(), channels, image.bytes.data(), image.bytes.size(), path);
  } else {
    std::vector<uint8_t> colours(points * 3);
    jpeg(mapped.bytes(), 3, colours.data(), colours.size(), path);
    for (size_t i = 0; i < points; ++i) {
      std::copy_n(&colours[3 * i], 3, &image.bytes[4 * i]);
      image.bytes[4 * i + 3] = 255;
    }
  }
  return image;
}

}  // namespace sinter::io
