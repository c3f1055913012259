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
llvm_config(LLVM_LIBRARY_DIRECTORY --libdir)

file(GLOB llvm_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/llvm/*.cpp)
set_source_files_properties(${llvm_sources} PROPERTIES COMPILE_OPTIONS "-isystem${LLVM_INCLUDE};-Wno-unused-parameter")
target_link_directories(sinter_backend PUBLIC ${LLVM_LIBRARY_DIRECTORY})
target_link_libraries(sinter_backend PUBLIC ${LLVM_LIBRARIES} ${LLVM_SYSTEM_LIBRARIES})
target_link_options(sinter_backend INTERFACE -Wl,--exclude-libs,ALL -Wl,--gc-sections)
