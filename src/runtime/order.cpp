#include "runtime/order.h"

#include <algorithm>
#include <functional>
#include <set>

namespace sinter::runtime {
namespace {

constexpr int32_t kNobody = -1;

/// Who touched a piece of data so far in this segment.
struct History {
  int32_t writer = kNobody;
  std::vector<int32_t> readers;  // since `writer`
};

/// A number per buffer that says which piece of data it is; -1 for constants.
std::vector<int32_t> pieces(const Program& program) {
  std::vector<int32_t> piece(program.buffers.size());
  const int32_t ports = static_cast<int32_t>(program.ports.size());
  for (size_t b = 0; b < program.buffers.size(); ++b) {
    const PlannedBuffer& buffer = program.buffers[b];
    switch (buffer.kind) {
      case BufferKind::kVariable: piece[b] = buffer.index; break;
      case BufferKind::kConstant: piece[b] = -1; break;
      case BufferKind::kRow: piece[b] = piece[static_cast<size_t>(buffer.index)]; break;
      case BufferKind::kArena: piece[b] = buffer.shares < 0 ? ports + static_cast<int32_t>(b) : piece[static_cast<size_t>(buffer.shares)];
    }
  }
  return piece;
}

class Orderer {
 public:
  Orderer(Program& program, const Segment& segment) : program_(program), first_(segment.first), count_(segment.count) {
    history_.resize(program.ports.size() + program.buffers.size());
    before_.resize(static_cast<size_t>(count_));
  }

  void order(const std::vector<int32_t>& pieces) {
    for (int32_t k = first_; k < first_ + count_; ++k) {
      ProgramKernel& kernel = program_.kernels[static_cast<size_t>(k)];
      std::set<int32_t, std::greater<>> wanted;
      for (const KernelBuffer& use : kernel.buffers) {
        const int32_t piece = pieces[static_cast<size_t>(use.buffer)];
        if (piece < 0) continue;
        const History& history = history_[static_cast<size_t>(piece)];
        if (history.writer != kNobody) wanted.insert(history.writer);
        if (use.access != Access::kRead) wanted.insert(history.readers.begin(), history.readers.end());
      }
      choose(k, wanted);
      for (const KernelBuffer& use : kernel.buffers) record(k, pieces[static_cast<size_t>(use.buffer)], use.access);
    }
  }

 private:
  /// Keeps of `wanted`, latest first, what is not before another that was kept.
  void choose(int32_t k, const std::set<int32_t, std::greater<>>& wanted) {
    std::vector<bool>& before = before_[static_cast<size_t>(k - first_)];
    before.resize(static_cast<size_t>(k - first_));
    std::vector<int32_t>& after = program_.kernels[static_cast<size_t>(k)].after;
    after.clear();
    for (const int32_t j : wanted) {
      const size_t at = static_cast<size_t>(j - first_);
      if (before[at]) continue;
      after.push_back(j);
      before[at] = true;
      for (size_t i = 0; i < at; ++i)
        if (before_[at][i]) before[i] = true;
    }
    std::reverse(after.begin(), after.end());
  }

  void record(int32_t k, int32_t piece, Access access) {
    if (piece < 0) return;
    History& history = history_[static_cast<size_t>(piece)];
    if (history.writer == k) return;  // it wrote this piece through another of its buffers
    if (access == Access::kRead) {
      history.readers.push_back(k);
    } else {
      history = {k, {}};
    }
  }

  Program& program_;
  int32_t first_, count_;
  std::vector<History> history_;           // per piece
  std::vector<std::vector<bool>> before_;  // per kernel of the segment: who is complete when it begins
};

}  // namespace

void order_kernels(Program& program) {
  const std::vector<int32_t> pieces_of = pieces(program);
  for (const Segment& segment : program.segments) Orderer(program, segment).order(pieces_of);
}

}  // namespace sinter::runtime
