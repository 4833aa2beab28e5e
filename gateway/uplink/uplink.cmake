# The MQTT side: a process of its own, and what the daemon needs to talk to it.
find_path(PAHO_INCLUDE MQTTAsync.h REQUIRED)
find_library(PAHO_LIBRARY paho-mqtt3as REQUIRED)
set(uplink ${CMAKE_CURRENT_LIST_DIR})

firegw_library(firegw_uplink_frame SOURCES ${uplink}/frame.c LIBS firegw_core)
# Pure too: addresses, and the texts for what goes wrong.
firegw_library(firegw_uplink_words SOURCES ${uplink}/url.c ${uplink}/reason.c LIBS firegw_core)

firegw_library(firegw_uplink_cage SOURCES ${uplink}/cage.c LIBS firegw_core)

add_executable(firegw-uplink ${uplink}/main.c ${uplink}/session.c ${uplink}/setup.c ${uplink}/client.c ${uplink}/client_events.c ${uplink}/channel.c ${uplink}/results.c ${uplink}/lookup.c
	${uplink}/guard.c ${uplink}/notes.c ${uplink}/secret.c ${uplink}/socket_tune.c)
target_include_directories(firegw-uplink PRIVATE ${PAHO_INCLUDE})
target_link_libraries(firegw-uplink PRIVATE firegw_flags firegw_core firegw_uplink_frame firegw_uplink_words firegw_uplink_cage ${PAHO_LIBRARY} Threads::Threads)
install(TARGETS firegw-uplink RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR})

firegw_library(firegw_uplink_link SOURCES ${uplink}/../uplink_link.c ${uplink}/../uplink_child.c ${uplink}/../uplink_frames.c
	LIBS firegw_core firegw_repeat firegw_uplink_frame PkgConfig::UV)
