#include "runtime/layout.h"

#include <algorithm>

#include "runtime/kernel/plan.h"

namespace sinter::runtime {
namespace {

constexpr int64_t kMostTiles = int64_t{1} << 40;

/// After an error code of the plan: raises the Error that names what is wrong with these symbol values.
[[noreturn]] void fail(const Program& program, const SymbolValues& symbols) {
  for (const PlannedBuffer& buffer : program.buffers) {
    const int64_t count = element_count(buffer.type.shape.evaluate(symbols));
    if (count > SINTER_PLAN_MOST_BYTES / static_cast<int64_t>(size_in_bytes(buffer.type.dtype)))
      throw Error(ErrorCode::kCheck, "the value " + buffer.name + " is too large: " + buffer.type.to_string());
  }
  for (const ProgramKernel& kernel : program.kernels) {
    for (const Dim& dim : kernel.dims) dim.evaluate(symbols);
    kernel.tiles.evaluate(symbols);
  }
  throw Error(ErrorCode::kCheck, "the function " + program.function + " needs too much memory for these sizes");
}

}  // namespace

Layout::Layout(const Executable& executable, const SymbolValues& symbols) : executable_(executable) {
  for (const std::string& symbol : executable.program().symbols) symbol_values_.push_back(symbols.find(symbol)->second);
  lay_out(symbols);
  size_kernels(symbols);
  find_rows(symbols);
  estimate(symbols);
}

void Layout::lay_out(const SymbolValues& symbols) {
  const int64_t* image = executable_.plan().data();
  offsets_.resize(executable_.program().buffers.size());
  block_bytes_.resize(static_cast<size_t>(sinter_plan_work_words(image)));
  const int32_t code = sinter_plan_layout(image, symbol_values_.data(), block_bytes_.data(), offsets_.data(), &arena_bytes_);
  if (code != SINTER_OK) fail(executable_.program(), symbols);
  block_bytes_.resize(offsets_.size());
}

void Layout::size_kernels(const SymbolValues& symbols) {
  const std::vector<int64_t>& image = executable_.plan();
  const Program& program = executable_.program();
  size_t dims = 0, pointers = 0;
  for (const ProgramKernel& kernel : program.kernels) {
    dims += kernel.dims.size();
    pointers += kernel.buffers.size();
  }
  dims_.resize(dims);
  pointers_.resize(pointers);
  calls_.resize(program.kernels.size());

  int64_t* next_dim = dims_.data();
  void** next_pointer = pointers_.data();
  for (size_t k = 0; k < program.kernels.size(); ++k) {
    const int64_t* record = &image[static_cast<size_t>(image[SINTER_PLAN_KERNELS_AT]) + k * SINTER_KERNEL_WORDS];
    const auto value = [&](int64_t at) {
      int64_t result = 0;
      if (sinter_plan_evaluate(image.data(), at, symbol_values_.data(), &result) != SINTER_OK) fail(program, symbols);
      return result;
    };
    KernelCall& call = calls_[k];
    call = {executable_.kernel(k), next_pointer, next_dim, value(record[SINTER_KERNEL_TILES_AT])};
    if (call.tiles < 0 || call.tiles > kMostTiles) {
      throw Error(ErrorCode::kCheck, "kernel " + program.kernels[k].name + " would have " + std::to_string(call.tiles) + " tiles");
    }
    for (int64_t i = 0; i < record[SINTER_KERNEL_DIMS]; ++i)
      *next_dim++ = value(image[static_cast<size_t>(record[SINTER_KERNEL_DIMS_AT] + i)]);
    next_pointer += record[SINTER_KERNEL_BUFFERS];
  }
}

void Layout::estimate(const SymbolValues& symbols) {
  const Program& program = executable_.program();
  for (size_t k = 0; k < calls_.size(); ++k) estimates_.push_back({estimated_seconds(program.kernels[k], symbols), calls_[k].tiles});
  for (const Segment& segment : program.segments) {
    const auto first = estimates_.begin() + segment.first;
    shared_.push_back(std::any_of(first, first + segment.count, [](const KernelEstimate& kernel) { return runtime::is_shared(kernel); }));
  }
}

void Layout::find_rows(const SymbolValues& symbols) {
  const Program& program = executable_.program();
  addresses_.resize(program.buffers.size());
  for (const RowLoop& loop : program.loops) loops_.push_back({loop.length.evaluate(symbols), 0, loop.reverse, {}});
  std::vector<std::vector<void**>> pointers(loops_.empty() ? 0 : program.buffers.size());
  void** next = pointers_.data();
  for (const ProgramKernel& kernel : program.kernels)
    for (const KernelBuffer& use : kernel.buffers) {
      if (!pointers.empty()) pointers[static_cast<size_t>(use.buffer)].push_back(next);
      ++next;
    }
  for (size_t b = 0; b < program.buffers.size(); ++b) {
    const PlannedBuffer& buffer = program.buffers[b];
    if (buffer.kind != BufferKind::kRow) continue;
    const int64_t bytes = byte_count(buffer.type).evaluate(symbols);
    loops_[static_cast<size_t>(buffer.loop)].rows.push_back({b, static_cast<size_t>(buffer.index), bytes, std::move(pointers[b])});
  }
}

bool Layout::begin_loop(size_t loop) { return move_to(loop, loops_[loop].reverse ? loops_[loop].length - 1 : 0); }

bool Layout::next_row(size_t loop) { return move_to(loop, loops_[loop].row + (loops_[loop].reverse ? -1 : 1)); }

bool Layout::move_to(size_t number, int64_t row) {
  Loop& loop = loops_[number];
  loop.row = row;
  if (row < 0 || row >= loop.length) return false;
  for (const Row& one : loop.rows) {
    addresses_[one.buffer] = static_cast<char*>(addresses_[one.whole]) + row * one.bytes;
    for (void** pointer : one.pointers) *pointer = addresses_[one.buffer];
  }
  return true;
}

void Layout::point(std::span<void* const> bases) {
  std::copy(bases.begin(), bases.end(), addresses_.begin());
  void** next = pointers_.data();
  for (const ProgramKernel& kernel : executable_.program().kernels)
    for (const KernelBuffer& use : kernel.buffers) *next++ = bases[static_cast<size_t>(use.buffer)];
}

std::vector<std::vector<int32_t>> Layout::dependencies() const {
  const std::vector<int64_t>& image = executable_.plan();
  const Program& program = executable_.program();
  const auto record = [&](size_t b) { return &image[static_cast<size_t>(image[SINTER_PLAN_BUFFERS_AT]) + b * SINTER_BUFFER_WORDS]; };

  std::vector<std::vector<int32_t>> result, users(program.buffers.size());  // users of the memory, by root
  for (size_t k = 0; k < program.kernels.size(); ++k) {
    result.push_back(program.kernels[k].after);
    for (const KernelBuffer& use : program.kernels[k].buffers) {
      const int64_t root = record(static_cast<size_t>(use.buffer))[SINTER_BUFFER_ROOT];
      users[static_cast<size_t>(root)].push_back(static_cast<int32_t>(k));
    }
  }
  std::vector<int32_t> segment_first(program.kernels.size());
  for (const Segment& segment : program.segments)
    for (int32_t k = segment.first; k < segment.first + segment.count; ++k) segment_first[static_cast<size_t>(k)] = segment.first;

  const int64_t* order = &image[static_cast<size_t>(image[SINTER_PLAN_ORDER_AT])];
  for (int64_t i = 0; i < image[SINTER_PLAN_ORDER]; ++i) {
    const size_t b = static_cast<size_t>(order[i]);
    const size_t first = static_cast<size_t>(record(b)[SINTER_BUFFER_FIRST]);
    for (int64_t j = 0; j < i; ++j) {
      const size_t a = static_cast<size_t>(order[j]);
      const int64_t last = record(a)[SINTER_BUFFER_LAST];
      if (last < segment_first[first] || last >= static_cast<int64_t>(first)) continue;  // long complete; alive beside b
      if (offsets_[a] >= offsets_[b] + block_bytes_[b] || offsets_[b] >= offsets_[a] + block_bytes_[a]) continue;
      for (const int32_t user : users[a])
        if (user >= segment_first[first]) result[first].push_back(user);
    }
  }
  for (std::vector<int32_t>& before : result) {
    std::sort(before.begin(), before.end());
    before.erase(std::unique(before.begin(), before.end()), before.end());
  }
  return result;
}

}  // namespace sinter::runtime
