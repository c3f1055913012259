// A program for people: its kernels, buffers and lifetimes.
#pragma once

#include <string>

#include "runtime/program.h"

namespace sinter::tools {

/// Kernels in order with what they read and write, and buffers with their lifetimes.
std::string plan_text(const runtime::Program& program);

}  // namespace sinter::tools
