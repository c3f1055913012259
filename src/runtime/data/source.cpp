#include "runtime/data/source.h"

#include <unistd.h>

namespace sinter::runtime {

bool fits_in_memory(double bytes) {
  static const double memory = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  return bytes <= memory / 2;
}

void check_class(int64_t label, const DataRequest& request, const std::string& where) {
  if (label >= 0 && (!request.classes || label < *request.classes)) return;
  throw Error(ErrorCode::kData, where + ": the label " + std::to_string(label) + " is outside the model's classes" +
                                    (request.classes ? ", 0 to " + std::to_string(*request.classes - 1) : ", which count from 0"));
}

std::string type_text(const SampleType& type) { return std::string(name(type.dtype)) + to_string(type.extents); }

}  // namespace sinter::runtime
