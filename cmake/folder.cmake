# sinter_folder(NAME dependencies...): the static library sinter_NAME from all sources below the current folder.
function(sinter_folder name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/bitcode/")  # compiled by clang to bitcode, not into the library
  if(NOT sources)
    add_library(sinter_${name} INTERFACE)
    return()
  endif()
  add_library(sinter_${name} STATIC ${sources})
  target_include_directories(sinter_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(sinter_${name} PRIVATE -Wall -Wextra -Wno-missing-field-initializers)
  target_link_libraries(sinter_${name} PUBLIC ${ARGN})
endfunction()
