// The two guards of Lowering's recursion, for its own files.
#pragma once

#include "frontend/language/lower.h"

namespace sinter::language {

/// One level of nesting: expressions, blocks and calls together stay within what any thread's stack holds.
struct Lowering::Nested {
  static constexpr int kMaxDepth = 400;
  Lowering& lowering;
  Nested(Lowering& l, const Frame& frame, uint32_t offset) : lowering(l) {
    if (++l.depth_ > kMaxDepth) {
      --l.depth_;
      l.fail(ErrorCode::kUsage, frame, offset, "calls and expressions nest too deeply here");
    }
  }
  ~Nested() { --lowering.depth_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
};

/// A call on the stack that errors inside the library are told at.
struct Lowering::CallScope {
  Lowering& lowering;
  CallScope(Lowering& l, Spot spot, std::string_view name) : lowering(l) { l.calls_.push_back({spot, name}); }
  ~CallScope() { lowering.calls_.pop_back(); }
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;
};

}  // namespace sinter::language
