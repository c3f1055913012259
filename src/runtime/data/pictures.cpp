#include "runtime/data/pictures.h"

#include <cstring>

#include "runtime/data/arguments.h"
#include "runtime/data/draws.h"
#include "runtime/data/source.h"

namespace sinter::runtime {
namespace {

struct Strides {
  int64_t y, x, c;
};
Strides strides_of(const PictureLayout& layout) {
  if (layout.channels_last) return {layout.width * layout.channels, layout.channels, 1};
  return {layout.width, 1, layout.height * layout.width};
}

/// What is done to one picture: point (y, x) of the result is point (y + top, x + left) of the stored one, or its mirror image; 0 outside.
struct Placing {
  int64_t top = 0, left = 0;
  bool flip = false;
};

template <class From, class To> To converted(From value, bool unit) {
  if constexpr (std::is_floating_point_v<To>) return unit ? static_cast<To>(value) / To{255} : static_cast<To>(value);
  else return static_cast<To>(value);
}

template <class From, class To>
void convert_all(const From* from, To* to, int64_t count, bool unit) {
  if constexpr (std::is_same_v<From, To>) {
    if (!unit) {
      std::memcpy(to, from, static_cast<size_t>(count) * sizeof(To));
      return;
    }
  }
  for (int64_t i = 0; i < count; ++i) to[i] = converted<From, To>(from[i], unit);
}

template <class From, class To>
void place(const From* from, const PictureLayout& stored, To* to, const PictureLayout& wanted, const Placing& placing, bool unit) {
  const Strides source = strides_of(stored), target = strides_of(wanted);
  for (int64_t c = 0; c < wanted.channels; ++c) {
    for (int64_t y = 0; y < wanted.height; ++y) {
      const int64_t row = y + placing.top;
      To* line = to + c * target.c + y * target.y;
      if (row < 0 || row >= stored.height) {
        for (int64_t x = 0; x < wanted.width; ++x) line[x * target.x] = To{};
        continue;
      }
      const From* stored_line = from + c * source.c + row * source.y;
      for (int64_t x = 0; x < wanted.width; ++x) {
        const int64_t column = (placing.flip ? wanted.width - 1 - x : x) + placing.left;
        line[x * target.x] = column < 0 || column >= stored.width ? To{} : converted<From, To>(stored_line[column * source.x], unit);
      }
    }
  }
}

class PictureReader final : public SampleReader {
 public:
  PictureReader(const DataRequest& request, StoredPictures pictures, const PictureLayout& stored, const PictureLayout& wanted, Tensor labels, bool labelled, bool unit)
      : SampleReader(request.feature, request.label),
        pictures_(std::move(pictures.in_memory)),
        fetch_(std::move(pictures.fetch)),
        count_(pictures.count),
        labels_(std::move(labels)),
        stored_(stored),
        wanted_(wanted),
        augmentation_(augmentation_of(request)),
        labelled_(labelled),
        unit_(unit) {}

  int64_t samples() const override { return count_; }

  void read(std::span<const int64_t> rows, const std::optional<Augmenting>& augmenting, Tensor& features, Tensor& labels) const override {
    visit_dtype(feature().dtype, [&](auto element) {
      using To = decltype(element);
      if (fetch_ || pictures_.dtype() == DType::kU8) read_as<uint8_t, To>(rows, augmenting, features);
      else read_as<To, To>(rows, augmenting, features);
    });
    if (!labelled_) return;
    const size_t bytes = labels_.bytes() / static_cast<size_t>(count_);
    for (size_t i = 0; i < rows.size(); ++i)
      std::memcpy(static_cast<char*>(labels.raw()) + i * bytes, static_cast<const char*>(labels_.raw()) + static_cast<size_t>(rows[i]) * bytes, bytes);
  }

  void identify(Hasher& hasher) const override {
    if (!fetch_) hasher.text(pictures_.type_string()).bytes(pictures_.raw(), pictures_.bytes());
    hasher.text(labels_.type_string()).bytes(labels_.raw(), labels_.bytes());
    hasher.number(unit_).number(augmentation_.flip).number(static_cast<uint64_t>(augmentation_.shift)).number(augmentation_.crop);
  }

 private:
  template <class From, class To>
  void read_as(std::span<const int64_t> rows, const std::optional<Augmenting>& augmenting, Tensor& features) const {
    const bool same_layout = stored_.height == wanted_.height && stored_.width == wanted_.width &&
                             (stored_.channels == 1 || stored_.channels_last == wanted_.channels_last);
    const bool drawn = augmenting && (augmentation_.any() || augmentation_.crop);
    std::vector<uint8_t> fetched;
    for (size_t i = 0; i < rows.size(); ++i) {
      const From* from = nullptr;
      if (fetch_) {
        fetched = fetch_(rows[i]);
        from = reinterpret_cast<const From*>(fetched.data());
      } else {
        from = pictures_.data<From>() + rows[i] * stored_.size();
      }
      To* to = features.data<To>() + static_cast<int64_t>(i) * wanted_.size();
      if (same_layout && !drawn) convert_all(from, to, wanted_.size(), unit_);
      else place(from, stored_, to, wanted_, drawn ? draw(*augmenting, rows[i]) : middle(), unit_);
    }
  }

  Placing middle() const { return {(stored_.height - wanted_.height) / 2, (stored_.width - wanted_.width) / 2, false}; }

  Placing draw(const Augmenting& augmenting, int64_t row) const {
    Draws draws(augmenting.seed, Purpose::kAugment, static_cast<uint32_t>(row), static_cast<uint32_t>(augmenting.epoch));
    Placing placing;
    const auto within = [&](int64_t count) { return static_cast<int64_t>(draws.below(static_cast<uint32_t>(count))); };
    placing.top = within(stored_.height - wanted_.height + 1) + within(2 * augmentation_.shift + 1) - augmentation_.shift;
    placing.left = within(stored_.width - wanted_.width + 1) + within(2 * augmentation_.shift + 1) - augmentation_.shift;
    placing.flip = augmentation_.flip && draws.chance(.5);
    return placing;
  }

  Tensor pictures_;
  std::function<std::vector<uint8_t>(int64_t)> fetch_;
  int64_t count_;
  Tensor labels_;
  PictureLayout stored_, wanted_;
  Augmentation augmentation_;
  bool labelled_, unit_;
};

}  // namespace

std::optional<PictureLayout> picture_layout(const Extents& extents) {
  const auto is_channels = [](int64_t size) { return size == 1 || size == 3 || size == 4; };
  if (extents.size() == 2) return PictureLayout{extents[0], extents[1], 1, false};
  if (extents.size() != 3) return {};
  if (!is_channels(extents[0]) && is_channels(extents[2])) return PictureLayout{extents[0], extents[1], extents[2], true};
  return PictureLayout{extents[1], extents[2], extents[0], false};
}

Augmentation augmentation_of(const DataRequest& request) {
  const Arguments arguments(request);
  Augmentation augmentation{arguments.flag("flip", false), arguments.count("shift", 0), arguments.flag("crop", false)};
  if (augmentation.shift > 1 << 16) arguments.fail(ErrorCode::kUsage, "wants fewer points as 'shift'");
  return augmentation;
}

Dataset picture_dataset(const DataRequest& request, StoredPictures pictures, const PictureLayout& stored, Tensor labels, bool labelled, bool unit,
                        const std::string& what) {
  const Arguments arguments(request);
  const Augmentation augmentation = augmentation_of(request);
  const bool flat = element_count(request.feature.extents) == stored.size() && request.feature.extents.size() < 2;
  const auto wanted = flat ? std::optional(stored) : picture_layout(request.feature.extents);
  const auto points = [](const PictureLayout& layout) {
    return std::to_string(layout.height) + " by " + std::to_string(layout.width) + " points" + (layout.channels == 1 ? "" : " in " + std::to_string(layout.channels) + " channels");
  };
  const bool larger = wanted && stored.height >= wanted->height && stored.width >= wanted->width && stored.channels == wanted->channels;
  const bool same = larger && stored.height == wanted->height && stored.width == wanted->width;
  if (!same && !(larger && augmentation.crop)) {
    throw Error(ErrorCode::kType, what + " are of " + points(stored) + ", the model's input takes " + type_text(request.feature))
        .at(request.place)
        .hint(larger ? "crop = true cuts them" : request.source == "images" && wanted ? "resize = [" + std::to_string(wanted->height) + ", " + std::to_string(wanted->width) + "] brings them to its size" : "");
  }
  auto reader = std::make_shared<PictureReader>(request, std::move(pictures), stored, *wanted, std::move(labels), labelled, unit && is_float(request.feature.dtype));
  return read_by(std::move(reader), labelled);
}

Dataset augmentable(Dataset data, const DataRequest& request) {
  const Augmentation augmentation = augmentation_of(request);
  if (data.reader || data.samples() == 0 || (!augmentation.any() && !augmentation.crop)) {
    const bool other = data.reader && (data.reader->window() > 0 || request.source == "text");
    if (augmentation.any() && other) Arguments(request).fail(ErrorCode::kUnsupported, "does not augment what it reads");
    return data;
  }
  const auto layout = picture_layout(request.feature.extents);
  if (!layout) {
    Arguments(request).fail(ErrorCode::kType, "augments pictures alone; the model's input takes " + type_text(request.feature), "give the input its height and width: f32[batch, 1, 28, 28]");
  }
  Dataset pictures = picture_dataset(request, {data.features, nullptr, data.samples()}, *layout, data.labels, data.labelled, false, "the samples");
  pictures.facts = data.facts;
  pictures.notes = data.notes;
  return pictures;
}

}  // namespace sinter::runtime
