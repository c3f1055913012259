#include "runtime/plan_image.h"

#include <algorithm>
#include <map>

#include "runtime/abi.h"
#include "runtime/kernel/plan.h"

namespace sinter::runtime {
namespace {

static_assert(static_cast<int>(BufferKind::kVariable) == 0 && static_cast<int>(BufferKind::kConstant) == 1 &&
              static_cast<int>(BufferKind::kArena) == 2 && static_cast<int>(BufferKind::kRow) == 3, "kernel/plan.cpp counts the kinds so");
static_assert(static_cast<int>(Step::Kind::kRun) == SINTER_STEP_RUN && static_cast<int>(Step::Kind::kBegin) == SINTER_STEP_BEGIN &&
              static_cast<int>(Step::Kind::kNext) == SINTER_STEP_NEXT && static_cast<int>(Step::Kind::kJump) == SINTER_STEP_JUMP &&
              static_cast<int>(Step::Kind::kUnless) == SINTER_STEP_UNLESS, "and the steps");

class ImageWriter {
 public:
  explicit ImageWriter(const Program& program) : program_(program), image_(SINTER_PLAN_HEADER_WORDS) {
    for (size_t i = 0; i < program.symbols.size(); ++i) symbols_.emplace(program.symbols[i], static_cast<int64_t>(i));
  }

  std::vector<int64_t> write() {
    image_[SINTER_PLAN_VERSION_WORD] = SINTER_ABI_VERSION;
    image_[SINTER_PLAN_SYMBOLS] = static_cast<int64_t>(program_.symbols.size());
    write_buffers();
    write_kernels();
    write_steps();
    image_[SINTER_PLAN_WORDS] = here();
    return std::move(image_);
  }

 private:
  int64_t here() const { return static_cast<int64_t>(image_.size()); }

  /// The position of the code of `dim`; equal dims share one.
  int64_t code(const Dim& dim) {
    const auto known = codes_.find(dim);
    if (known != codes_.end()) return known->second;
    const int64_t at = here();
    depth_ = 0;
    emit(dim);
    image_.push_back(SINTER_DIM_END);
    codes_.emplace(dim, at);
    return at;
  }

  void push(int64_t operation, int64_t value) {
    if (++depth_ > SINTER_DIM_DEPTH) throw Error(ErrorCode::kUnsupported, "a dim is nested too deeply to be laid out");
    image_.push_back(operation);
    image_.push_back(value);
  }

  void combine(int64_t operation) {
    --depth_;
    image_.push_back(operation);
  }

  void emit(const Dim& dim) {
    bool first = true;
    for (const DimTerm& term : dim.terms()) {
      emit(term);
      if (!first) combine(SINTER_DIM_ADD);
      first = false;
    }
    if (first) push(SINTER_DIM_CONSTANT, 0);
  }

  void emit(const DimTerm& term) {
    const bool scaled = term.coefficient != 1 || term.factors.empty();
    if (scaled) push(SINTER_DIM_CONSTANT, term.coefficient);
    for (size_t i = 0; i < term.factors.size(); ++i) {
      emit(term.factors[i]);
      if (scaled || i > 0) combine(SINTER_DIM_MULTIPLY);
    }
  }

  void emit(const DimAtom& atom) {
    if (atom.kind == DimAtom::Kind::kSymbol) return push(SINTER_DIM_SYMBOL, symbols_.at(atom.symbol));
    emit(atom.args[0]);
    emit(atom.args[1]);
    switch (atom.kind) {
      case DimAtom::Kind::kFloorDiv: return combine(SINTER_DIM_FLOOR_DIV);
      case DimAtom::Kind::kMod: return combine(SINTER_DIM_MOD);
      case DimAtom::Kind::kMin: return combine(SINTER_DIM_MIN);
      default: return combine(SINTER_DIM_MAX);
    }
  }

  void write_buffers() {
    const std::vector<PlannedBuffer>& buffers = program_.buffers;
    std::vector<int64_t> roots(buffers.size()), last(buffers.size()), order;
    for (size_t b = 0; b < buffers.size(); ++b) {
      const int32_t from = buffers[b].kind == BufferKind::kRow ? buffers[b].index : buffers[b].shares;
      roots[b] = from < 0 ? static_cast<int64_t>(b) : roots[static_cast<size_t>(from)];
      int64_t& end = last[static_cast<size_t>(roots[b])];
      end = std::max<int64_t>(end, buffers[b].last_kernel);
      if (buffers[b].kind == BufferKind::kArena && buffers[b].shares < 0) order.push_back(static_cast<int64_t>(b));
    }
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return buffers[static_cast<size_t>(a)].first_kernel < buffers[static_cast<size_t>(b)].first_kernel;
    });
    image_[SINTER_PLAN_BUFFERS] = static_cast<int64_t>(buffers.size());
    image_[SINTER_PLAN_ORDER] = static_cast<int64_t>(order.size());
    image_[SINTER_PLAN_ORDER_AT] = here();
    image_.insert(image_.end(), order.begin(), order.end());

    const int64_t at = here();
    image_[SINTER_PLAN_BUFFERS_AT] = at;
    image_.resize(image_.size() + buffers.size() * SINTER_BUFFER_WORDS);
    for (size_t b = 0; b < buffers.size(); ++b) {
      const int64_t count_at = code(buffers[b].type.shape.element_count());
      int64_t* record = &image_[static_cast<size_t>(at) + b * SINTER_BUFFER_WORDS];
      record[SINTER_BUFFER_KIND] = static_cast<int64_t>(buffers[b].kind);
      record[SINTER_BUFFER_INDEX] = buffers[b].index;
      record[SINTER_BUFFER_LOOP] = buffers[b].loop;
      record[SINTER_BUFFER_ELEMENT_BYTES] = static_cast<int64_t>(size_in_bytes(buffers[b].type.dtype));
      record[SINTER_BUFFER_COUNT_AT] = count_at;
      record[SINTER_BUFFER_FIRST] = buffers[b].first_kernel;
      record[SINTER_BUFFER_LAST] = last[static_cast<size_t>(roots[b])];
      record[SINTER_BUFFER_ROOT] = roots[b];
    }
  }

  void write_kernels() {
    const std::vector<std::string> table = kernel_table(program_);
    std::map<std::string, int64_t> indices;
    for (size_t i = 0; i < table.size(); ++i) indices.emplace(table[i], static_cast<int64_t>(i));

    const int64_t at = here();
    image_[SINTER_PLAN_KERNELS] = static_cast<int64_t>(program_.kernels.size());
    image_[SINTER_PLAN_KERNELS_AT] = at;
    image_.resize(image_.size() + program_.kernels.size() * SINTER_KERNEL_WORDS);
    int64_t scratch = 64, sites = 0;
    for (size_t k = 0; k < program_.kernels.size(); ++k) {
      const ProgramKernel& kernel = program_.kernels[k];
      const int64_t buffers_at = here();
      for (const KernelBuffer& use : kernel.buffers) image_.push_back(use.buffer);
      std::vector<int64_t> dims;
      for (const Dim& dim : kernel.dims) dims.push_back(code(dim));
      const int64_t tiles_at = code(kernel.tiles), dims_at = here();
      image_.insert(image_.end(), dims.begin(), dims.end());

      int64_t* record = &image_[static_cast<size_t>(at) + k * SINTER_KERNEL_WORDS];
      record[SINTER_KERNEL_INDEX] = indices.at(kernel.symbol);
      record[SINTER_KERNEL_BUFFERS] = static_cast<int64_t>(kernel.buffers.size());
      record[SINTER_KERNEL_BUFFERS_AT] = buffers_at;
      record[SINTER_KERNEL_DIMS] = static_cast<int64_t>(dims.size());
      record[SINTER_KERNEL_DIMS_AT] = dims_at;
      record[SINTER_KERNEL_TILES_AT] = tiles_at;
      record[SINTER_KERNEL_SITES] = sites;

      sites += static_cast<int64_t>(kernel.failure_sites.size());
      scratch = std::max(scratch, (kernel.scratch_bytes + 63) / 64 * 64);
      image_[SINTER_PLAN_MOST_BUFFERS] = std::max(image_[SINTER_PLAN_MOST_BUFFERS], record[SINTER_KERNEL_BUFFERS]);
      image_[SINTER_PLAN_MOST_DIMS] = std::max(image_[SINTER_PLAN_MOST_DIMS], record[SINTER_KERNEL_DIMS]);
    }
    image_[SINTER_PLAN_SCRATCH_BYTES] = scratch;
  }

  void write_steps() {
    std::vector<int64_t> words;
    for (const RowLoop& loop : program_.loops) {
      words.push_back(code(loop.length));
      words.push_back(loop.reverse);
    }
    image_[SINTER_PLAN_LOOPS] = static_cast<int64_t>(program_.loops.size());
    image_[SINTER_PLAN_LOOPS_AT] = here();
    image_.insert(image_.end(), words.begin(), words.end());

    std::vector<Step> steps = program_.steps;
    for (size_t s = 0; program_.steps.empty() && s < program_.segments.size(); ++s) steps.push_back({Step::Kind::kRun, static_cast<int32_t>(s), 0});
    image_[SINTER_PLAN_STEPS] = static_cast<int64_t>(steps.size());
    image_[SINTER_PLAN_STEPS_AT] = here();
    for (const Step& step : steps) {
      const bool run = step.kind == Step::Kind::kRun;
      const Segment segment = run ? program_.segments[static_cast<size_t>(step.subject)] : Segment{};
      image_.push_back(static_cast<int64_t>(step.kind));
      image_.push_back(run ? segment.first : step.subject);
      image_.push_back(run ? segment.first + segment.count : step.target);
    }
  }

  const Program& program_;
  std::vector<int64_t> image_;
  std::map<std::string, int64_t> symbols_;
  std::map<Dim, int64_t> codes_;
  int depth_ = 0;
};

}  // namespace

std::vector<int64_t> plan_image(const Program& program) { return ImageWriter(program).write(); }

std::vector<std::string> kernel_table(const Program& program) {
  std::vector<std::string> table;
  std::map<std::string, bool> seen;
  for (const ProgramKernel& kernel : program.kernels)
    if (seen.emplace(kernel.symbol, true).second) table.push_back(kernel.symbol);
  return table;
}

}  // namespace sinter::runtime
