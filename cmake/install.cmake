# What `make install` (cmake --install) puts where: the program, its man page, completions, the built-in model.
include(GNUInstallDirs)
install(TARGETS hadal RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES docs/hadal.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES completions/hadal.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME hadal)
install(FILES completions/_hadal DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES completions/hadal.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(DIRECTORY assets/builtin DESTINATION ${CMAKE_INSTALL_DATADIR}/hadal)
install(FILES LICENSE README.md CHANGELOG.md docs/CLI.md docs/FORMATS.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
