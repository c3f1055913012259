# What `cmake --install` puts where: the command, the library with its headers, what find_package and pkg-config read, documents, completion.
include(CMakePackageConfigHelpers)

install(TARGETS sinter RUNTIME)
install(TARGETS sinter_library EXPORT sinter LIBRARY)
install(DIRECTORY include/sinter DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/sinter)
install(EXPORT sinter NAMESPACE sinter:: FILE sinterConfig.cmake DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/sinterConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/sinterConfigVersion.cmake DESTINATION ${package_folder})

# Relative to the file itself, so that the prefix may be moved.
file(RELATIVE_PATH pkgconfig_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/sinter.pc.in ${PROJECT_BINARY_DIR}/sinter.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/sinter.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Made by the command itself.
set(completion ${PROJECT_BINARY_DIR}/completion)
file(MAKE_DIRECTORY ${completion})
add_custom_command(OUTPUT ${completion}/sinter ${completion}/_sinter
  COMMAND $<TARGET_FILE:sinter> completion bash > ${completion}/sinter
  COMMAND $<TARGET_FILE:sinter> completion zsh > ${completion}/_sinter
  DEPENDS sinter COMMENT "Completion for shells" VERBATIM)
add_custom_target(completion ALL DEPENDS ${completion}/sinter ${completion}/_sinter)
install(FILES ${completion}/sinter DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions)
install(FILES ${completion}/_sinter DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/zsh/vendor-completions)

# The Debian package (./dev package). What it depends on is asked of the programs themselves.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sinter)
set(CPACK_PACKAGE_CONTACT "The Sinter authors <sinter@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Compiler of neural networks for CPUs, to train and to run them")
set(CPACK_PACKAGE_DESCRIPTION "Sinter compiles a description of a neural network into native code for the CPU it runs on,
for inference and for training: a command, and a library for C and C++ programs.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
include(CPack)
