#include "backend/loop/evaluate_memory.h"

#include <algorithm>
#include <cstring>

namespace sinter::loop {
namespace {

constexpr int64_t kNobody = -1, kSeveral = -2;

bool is_garbage_first(BufferUse use) { return use == BufferUse::kWrite || use == BufferUse::kScratch; }

std::string tiles(int64_t a, int64_t b) { return "tile " + std::to_string(a) + " and tile " + std::to_string(b); }

}  // namespace

Memory::Memory(const Kernel& kernel, std::vector<Tensor>& tensors, const SymbolValues& dims) {
  const std::string head = "kernel " + kernel.name + ": ";
  for (const Buffer& buffer : kernel.buffers) {
    Place place{&buffer, {}, buffer.shape.evaluate(dims), 0};
    if (buffer.use == BufferUse::kScratch) {
      place.tensor = Tensor(buffer.dtype, place.extents);
    } else {
      SINTER_CHECK(places_.size() < tensors.size(), head + "too few buffers are given");
      place.tensor = tensors[places_.size()];
      const bool fits = place.tensor.dtype() == buffer.dtype && place.tensor.size() == element_count(place.extents);
      SINTER_CHECK(fits, head + buffer.name + " has " + to_string(place.extents) + " elements of another count or dtype than " +
                             place.tensor.type_string());
    }
    places_.push_back(std::move(place));
  }
  SINTER_CHECK(tensors.size() <= places_.size(), head + "too many buffers are given");
  join_blocks();
}

/// Buffers whose bytes overlap come into one block.
void Memory::join_blocks() {
  std::vector<size_t> order;
  for (size_t i = 0; i < places_.size(); ++i) order.push_back(i);
  const auto begin = [&](size_t i) { return static_cast<const std::byte*>(places_[i].tensor.raw()); };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return begin(a) != begin(b) ? begin(a) < begin(b) : a < b; });
  std::vector<bool> written;
  for (const size_t i : order) {
    Place& place = places_[i];
    const size_t bytes = place.tensor.bytes(), unit = size_in_bytes(place.buffer->dtype);
    const bool joins = bytes > 0 && !blocks_.empty() && begin(i) < blocks_.back().begin + blocks_.back().bytes;
    if (!joins) {
      blocks_.push_back({begin(i), 0, unit, place.buffer->use == BufferUse::kScratch, {}});
      written.push_back(false);
    }
    Block& block = blocks_.back();
    block.bytes = std::max(block.bytes, static_cast<size_t>(begin(i) - block.begin) + bytes);
    block.unit = std::min(block.unit, unit);
    written.back() = written.back() || place.buffer->use != BufferUse::kRead;
    place.block = blocks_.size() - 1;
  }
  for (size_t b = 0; b < blocks_.size(); ++b)
    if (written[b]) blocks_[b].touches.resize((blocks_[b].bytes + blocks_[b].unit - 1) / blocks_[b].unit);
}

int64_t Memory::position(int32_t buffer, const std::vector<int64_t>& indices) const {
  const Place& place = places_[static_cast<size_t>(buffer)];
  int64_t position = 0;
  for (size_t axis = 0; axis < indices.size(); ++axis) {
    if (indices[axis] < 0 || indices[axis] >= place.extents[axis])
      throw Fault{place.buffer->name + to_string(indices) + " is outside " + place.buffer->name + ": " +
                  std::string(name(place.buffer->dtype)) + to_string(place.extents)};
    position = position * place.extents[axis] + indices[axis];
  }
  return position;
}

void Memory::check_bounds(const Place& place, int64_t position) const {
  if (position < 0 || position >= place.tensor.size())
    throw Fault{"element " + std::to_string(position) + " is outside " + place.buffer->name + ": " +
                std::string(name(place.buffer->dtype)) + to_string(place.extents)};
}

std::string Memory::spell(const Place& place, int64_t position) const {
  Extents index(place.extents.size());
  for (size_t axis = index.size(); axis > 0; --axis) {
    index[axis - 1] = position % place.extents[axis - 1];
    position /= place.extents[axis - 1];
  }
  return place.buffer->name + to_string(index);
}

std::span<Memory::Touches> Memory::touches(const Place& place, int64_t position) {
  Block& block = blocks_[place.block];
  if (block.touches.empty()) return {};
  const size_t size = size_in_bytes(place.buffer->dtype);
  const size_t first =
      static_cast<size_t>(static_cast<const std::byte*>(place.tensor.raw()) - block.begin) + static_cast<size_t>(position) * size;
  return {block.touches.data() + first / block.unit, size / block.unit};
}

Scalar Memory::read(int32_t buffer, int64_t position, const Toucher& who) {
  const Place& place = places_[static_cast<size_t>(buffer)];
  check_bounds(place, position);
  for (Touches& one : touches(place, position)) {
    const bool by_this_tile = one.writer == who.tile;
    if (one.writer != kNobody && !by_this_tile && !blocks_[place.block].private_to_tile)
      throw Fault{spell(place, position) + " is written and read by two tiles: " + tiles(one.writer, who.tile)};
    if (!by_this_tile && is_garbage_first(place.buffer->use))
      throw Fault{spell(place, position) + " is read before tile " + std::to_string(who.tile) + " wrote it"};
    if (by_this_tile && one.written_through != buffer)
      throw Fault{spell(place, position) + " is read after it was overwritten through " +
                  places_[static_cast<size_t>(one.written_through)].buffer->name};
    if (by_this_tile && who.loop != 0 && one.write_loop == who.loop && one.write_iteration != who.iteration)
      throw Fault{spell(place, position) + " is written and read by two iterations of a vector loop: " +
                  std::to_string(one.write_iteration) + " and " + std::to_string(who.iteration)};
    if (one.readers[0] == kNobody) {
      one.readers[0] = who.tile;
    } else if (one.readers[0] != who.tile) {
      one.readers[1] = who.tile;
    }
    one.read_iteration = one.read_loop == who.loop && one.read_iteration != who.iteration ? kSeveral : who.iteration;
    one.read_loop = who.loop;
  }
  Scalar value;
  const size_t size = size_in_bytes(place.buffer->dtype);
  std::memcpy(&value.bits, static_cast<const std::byte*>(place.tensor.raw()) + static_cast<size_t>(position) * size, size);
  if (place.buffer->dtype == DType::kBool && value.bits > 1)
    throw Fault{spell(place, position) + " is a bool of value " + std::to_string(value.bits)};
  return value;
}

void Memory::write(int32_t buffer, int64_t position, Scalar value, const Toucher& who) {
  Place& place = places_[static_cast<size_t>(buffer)];
  check_bounds(place, position);
  if (place.buffer->use == BufferUse::kRead) throw Fault{place.buffer->name + " is only read"};
  for (Touches& one : touches(place, position)) {
    if (!blocks_[place.block].private_to_tile) {
      if (one.writer != kNobody && one.writer != who.tile)
        throw Fault{spell(place, position) + " is written by two tiles: " + tiles(one.writer, who.tile)};
      for (const int64_t reader : one.readers)
        if (reader != kNobody && reader != who.tile)
          throw Fault{spell(place, position) + " is read and written by two tiles: " + tiles(reader, who.tile)};
    }
    if (who.loop != 0) {
      if (one.writer == who.tile && one.write_loop == who.loop && one.write_iteration != who.iteration)
        throw Fault{spell(place, position) + " is written by two iterations of a vector loop: " + std::to_string(one.write_iteration) +
                    " and " + std::to_string(who.iteration)};
      if (one.read_loop == who.loop && one.read_iteration != who.iteration)
        throw Fault{spell(place, position) + " is written by iteration " + std::to_string(who.iteration) +
                    " of a vector loop and read by another one"};
    }
    one.writer = who.tile;
    one.written_through = buffer;
    one.write_loop = who.loop;
    one.write_iteration = who.iteration;
  }
  const size_t size = size_in_bytes(place.buffer->dtype);
  std::memcpy(static_cast<std::byte*>(place.tensor.raw()) + static_cast<size_t>(position) * size, &value.bits, size);
}

bool Memory::overlap(int32_t a, int32_t b) const { return places_[static_cast<size_t>(a)].block == places_[static_cast<size_t>(b)].block; }

std::string Memory::find_unwritten() const {
  for (const Place& place : places_) {
    if (place.buffer->use != BufferUse::kWrite) continue;
    for (int64_t i = 0; i < place.tensor.size(); ++i)
      if (const_cast<Memory*>(this)->touches(place, i)[0].writer == kNobody) return spell(place, i);
  }
  return {};
}

}  // namespace sinter::loop
