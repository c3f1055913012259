# cmake -DINPUT=a.txt -DOUTPUT=a.cpp -DNAMESPACE=x::y -DFUNCTION=f -P embed_text.cmake
# writes a source that defines `std::string_view f()` with the text of INPUT. For texts of up to 64 kB.
file(READ "${INPUT}" text)
file(WRITE "${OUTPUT}" "// Generated from ${FUNCTION}'s text; do not edit.
#include <string_view>

namespace ${NAMESPACE} {

std::string_view ${FUNCTION}() {
  return R\"sinter_text(${text})sinter_text\";
}

}  // namespace ${NAMESPACE}
")
