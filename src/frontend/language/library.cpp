#include "frontend/language/library.h"

#include "frontend/language/parse.h"

namespace sinter::language {

const File& library() {
  static const File file = [] {
    auto source = std::make_shared<Source>();
    source->file = "library.sinter";
    source->text = library_text();
    source->is_library = true;
    return parse(std::move(source));
  }();
  return file;
}

}  // namespace sinter::language
