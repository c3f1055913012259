// What kind of data a path holds, by its first bytes, its name and what lies in a folder. Used where a person gives a path and nothing else.
#pragma once

#include <string>
#include <string_view>

namespace sinter::io {

enum class FileKind {
  kCsv,
  kText,    // prose: .txt
  kNpy,
  kNpz,
  kIdx,     // a file, or a folder with files of the names that MNIST has
  kImages,  // a folder of folders
};

/// The best guess; what cannot be read is a csv file, whose reader tells what is wrong.
FileKind kind_of(const std::string& path);

/// Whether a file is called as those of MNIST are: "train-images-idx3-ubyte", perhaps with a dot for the second dash or .gz at the end.
bool is_idx_name(std::string_view name);

}  // namespace sinter::io
