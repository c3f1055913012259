# cmake "-DINPUT=a.txt|b.txt" -DOUTPUT=a.cpp -DNAMESPACE=x::y -DFUNCTION=f [-DHEADER=line] -P embed_text.cmake
# writes a source that defines `std::string_view f()` with the texts of INPUT one behind the other. HEADER is a line with which each begins;
# it is kept in the first alone.
string(REPLACE "|" ";" inputs "${INPUT}")
set(text "")
foreach(input IN LISTS inputs)
  file(READ "${input}" part)
  if(text AND HEADER)
    string(LENGTH "${HEADER}\n" length)
    string(SUBSTRING "${part}" ${length} -1 part)
  endif()
  string(APPEND text "${part}")
endforeach()
file(WRITE "${OUTPUT}" "// Generated from ${FUNCTION}'s text; do not edit.
#include <string_view>

namespace ${NAMESPACE} {

std::string_view ${FUNCTION}() {
  return R\"sinter_text(${text})sinter_text\";
}

}  // namespace ${NAMESPACE}
")
