# LLVM 19, static and hidden: a host process may carry another libLLVM. Asked of llvm-config, whose answer needs no development
# packages of LLVM's own optional libraries.
find_program(LLVM_CONFIG NAMES llvm-config-19 REQUIRED)
function(llvm_config result)
  execute_process(COMMAND ${LLVM_CONFIG} ${ARGN} OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(list UNIX_COMMAND "${text}")
  set(${result} ${list} PARENT_SCOPE)
endfunction()
llvm_config(LLVM_INCLUDE --includedir)
llvm_config(LLVM_LIBRARIES --link-static --libs orcjit native passes bitreader linker)
llvm_config(LLVM_SYSTEM_LIBRARIES --link-static --system-libs)
# What only LLVM's own tools need of these.
list(FILTER LLVM_SYSTEM_LIBRARIES EXCLUDE REGEX "z3|xml2")
llvm_config(LLVM_LIBRARY_DIRECTORY --libdir)

file(GLOB llvm_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/llvm/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/llvm/targets/*.cpp)
set_source_files_properties(${llvm_sources} PROPERTIES COMPILE_OPTIONS "-isystem${LLVM_INCLUDE};-Wno-unused-parameter")
list(TRANSFORM LLVM_LIBRARIES REPLACE "^-l(.+)$" "${LLVM_LIBRARY_DIRECTORY}/lib\\1.a")
target_link_libraries(sinter_backend PUBLIC ${LLVM_LIBRARIES} ${LLVM_SYSTEM_LIBRARIES})
target_link_options(sinter_backend INTERFACE -Wl,--exclude-libs,ALL -Wl,--gc-sections)

# runtime/kernel as bitcode, for objects linked ahead of time. The baseline's features: every kernel's module sets its own on all functions.
set(runtime_kernel ${PROJECT_SOURCE_DIR}/src/runtime/kernel)
set(runtime_bitcode_parts)
foreach(name plan math random)
  set(part ${CMAKE_CURRENT_BINARY_DIR}/runtime_${name}.bc)
  add_custom_command(
    OUTPUT ${part}
    COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${SINTER_CLANG} -std=c++20 -O2 -march=x86-64-v2 -ffreestanding -ffp-contract=off -fno-math-errno -fno-exceptions
            -fno-rtti -fno-threadsafe-statics -fno-pic -fno-asynchronous-unwind-tables -fno-ident -I${PROJECT_SOURCE_DIR}/src
            -MD -MF ${part}.d -MT ${part} -c -emit-llvm ${runtime_kernel}/${name}.cpp -o ${part}
    DEPENDS ${runtime_kernel}/${name}.cpp DEPFILE ${part}.d VERBATIM)
  list(APPEND runtime_bitcode_parts ${part})
endforeach()
set(runtime_bitcode ${CMAKE_CURRENT_BINARY_DIR}/runtime_kernel.bc)
add_custom_command(
  OUTPUT ${runtime_bitcode}
  COMMAND ${SINTER_LLVM_LINK} ${runtime_bitcode_parts} -o ${runtime_bitcode}
  DEPENDS ${runtime_bitcode_parts}
  COMMENT "Bitcode of runtime/kernel" VERBATIM)
target_sources(sinter_backend PRIVATE ${CMAKE_CURRENT_LIST_DIR}/runtime_bitcode.S)
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/runtime_bitcode.S PROPERTIES
  COMPILE_OPTIONS "-Wa,-I,${CMAKE_CURRENT_BINARY_DIR}" OBJECT_DEPENDS ${runtime_bitcode})
