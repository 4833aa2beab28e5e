# firegw-sim: equipment to talk to. What is pure in it is a library, for the tests; answer.c is the one user of libmodbus, on a socketpair.
pkg_check_modules(MODBUS REQUIRED IMPORTED_TARGET libmodbus)
set(sim ${CMAKE_CURRENT_LIST_DIR})
firegw_library(firegw_sim SOURCES
	${sim}/encode.c
	${sim}/wire.c
	${sim}/fault.c
	${sim}/outbox.c
	${sim}/bank.c
	${sim}/answer.c
	${sim}/nature.c
	${sim}/range.c
	${sim}/model.c
	${sim}/effect.c
	${sim}/builtin.c
	${sim}/builtin_table.c
	${sim}/scenario.c
	${sim}/world.c
	LIBS firegw_config firegw_drivers firegw_rules firegw_words PkgConfig::MODBUS)

add_executable(firegw-sim ${sim}/main.c ${sim}/run.c ${sim}/net.c ${sim}/conn.c ${sim}/unasked.c ${sim}/pty.c ${sim}/talk.c)
target_link_libraries(firegw-sim PRIVATE firegw_flags firegw_sim firegw_cli)
install(TARGETS firegw-sim DESTINATION ${CMAKE_INSTALL_BINDIR})
