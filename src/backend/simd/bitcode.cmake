# The vector math library: bitcode/math.cpp compiled by clang once per instruction-set level, embedded into sinter_backend, and
# compiled to native code as well (sinter_simd_arrays: the functions over arrays, for tests and sinter_ulp).
find_program(SINTER_CLANG NAMES clang++-19 REQUIRED)
find_program(SINTER_LLVM_LINK NAMES llvm-link-19 REQUIRED)
enable_language(ASM)

set(simd_source ${CMAKE_CURRENT_LIST_DIR}/bitcode)
set(simd_build ${CMAKE_CURRENT_BINARY_DIR}/simd)
file(MAKE_DIRECTORY ${simd_build})

# simd_bitcode(LEVEL NAME OUTPUT): bitcode/NAME.cpp to OUTPUT.bc.
function(simd_bitcode level name output)
  add_custom_command(
    OUTPUT ${output}.bc
    COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${SINTER_CLANG} -std=c++20 -O2 -march=x86-64-${level} -mprefer-vector-width=512
            -ffp-contract=off -fno-math-errno -fno-exceptions -fno-rtti -fno-pic -fno-asynchronous-unwind-tables -fno-ident
            -Wall -Wextra -Wno-ignored-attributes -DSINTER_LEVEL=${level} -I${PROJECT_SOURCE_DIR}/src
            -MD -MF ${output}.d -MT ${output}.bc -c -emit-llvm ${simd_source}/${name}.cpp -o ${output}.bc
    DEPENDS ${simd_source}/${name}.cpp DEPFILE ${output}.d
    COMMENT "Bitcode ${name} for x86-64-${level}" VERBATIM)
endfunction()

set(simd_modules)
set(simd_objects)
foreach(level_lanes v2,4 v3,8 v4,16)
  string(REGEX MATCH "(.*),(.*)" matched ${level_lanes})
  set(level ${CMAKE_MATCH_1})
  set(LANES ${CMAKE_MATCH_2})
  set(module ${simd_build}/math_${level}.bc)
  simd_bitcode(${level} math ${simd_build}/functions_${level})
  configure_file(${simd_source}/random_bits.ll.in ${simd_build}/random_bits_${level}.ll)
  add_custom_command(
    OUTPUT ${module}
    COMMAND ${SINTER_LLVM_LINK} ${simd_build}/functions_${level}.bc ${simd_build}/random_bits_${level}.ll -o ${module}
    DEPENDS ${simd_build}/functions_${level}.bc ${simd_build}/random_bits_${level}.ll VERBATIM)
  list(APPEND simd_modules ${module})

  # The module's own functions become internal, so that the three levels can stand in one program, and are inlined as in a kernel.
  simd_bitcode(${level} arrays ${simd_build}/arrays_${level})
  set(random_array ${simd_build}/random_array_${level}.ll)
  configure_file(${simd_source}/random_array.ll.in ${random_array})
  set(linked ${simd_build}/linked_${level})
  add_custom_command(
    OUTPUT ${linked}.o
    COMMAND ${SINTER_LLVM_LINK} --internalize ${simd_build}/arrays_${level}.bc ${random_array} ${module} -o ${linked}.bc
    COMMAND ${SINTER_CLANG} -O2 -march=x86-64-${level} -mprefer-vector-width=512 -fPIC -c ${linked}.bc -o ${linked}.o
    DEPENDS ${simd_build}/arrays_${level}.bc ${random_array} ${module}
    COMMENT "Native vector math for x86-64-${level}" VERBATIM)
  list(APPEND simd_objects ${linked}.o)
endforeach()

target_sources(sinter_backend PRIVATE ${CMAKE_CURRENT_LIST_DIR}/bitcode.S)
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/bitcode.S PROPERTIES
  COMPILE_OPTIONS "-Wa,-I,${simd_build}" OBJECT_DEPENDS "${simd_modules}")

set_source_files_properties(${simd_objects} PROPERTIES GENERATED TRUE EXTERNAL_OBJECT TRUE)
add_library(sinter_simd_arrays STATIC EXCLUDE_FROM_ALL ${simd_objects})
set_target_properties(sinter_simd_arrays PROPERTIES LINKER_LANGUAGE CXX)
target_include_directories(sinter_simd_arrays PUBLIC ${PROJECT_SOURCE_DIR}/src)
