# What is pure here: links without libuv, SQLite and Paho.
firegw_library(firegw_pump SOURCES
	${CMAKE_CURRENT_LIST_DIR}/outmsg.c
	${CMAKE_CURRENT_LIST_DIR}/states.c
	LIBS firegw_core)
