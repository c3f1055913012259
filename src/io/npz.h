// NumPy's .npz files: several arrays by name in a zip archive, stored or deflated. Used by the data source `npz`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "io/mapping.h"

namespace sinter::io {

class NpzFile {
 public:
  /// Reads the archive's directory. Raises Error kIo, or kData with what is wrong: not a zip archive, damaged, packed in another way.
  explicit NpzFile(const std::string& path);

  std::vector<std::string> names() const;
  bool contains(const std::string& name) const { return members_.contains(name); }
  /// An array; one that is stored unpacked stays a view of the mapped file and must not be written to. Raises Error kData as read_npy, and kName.
  Tensor read(const std::string& name) const;

 private:
  struct Member {
    bool deflated = false;
    uint64_t packed = 0, size = 0, header_at = 0;
  };
  void read_directory();

  std::string path_;
  MappedFile mapped_;
  std::map<std::string, Member> members_;
};

}  // namespace sinter::io
