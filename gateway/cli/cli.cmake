# firegw, the command. What is pure in it is a library, for the tests.
firegw_library(firegw_cli SOURCES cli/args.c cli/human.c cli/table.c cli/width.c LIBS firegw_words)
add_executable(firegw cli/main.c cli/client.c cli/history.c cli/rows.c cli/run.c cli/verbs.c cli/verb_alarm.c cli/verb_help.c cli/verb_history.c cli/verb_site.c
	cli/verb_state.c)
target_link_libraries(firegw PRIVATE firegw_flags firegw_cli firegw_json firegw_config firegw_storage)
install(TARGETS firegw DESTINATION ${CMAKE_INSTALL_BINDIR})
