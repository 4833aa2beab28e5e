# What is pure here: links without libuv, SQLite and Paho.
firegw_library(firegw_repeat SOURCES ${CMAKE_CURRENT_LIST_DIR}/repeat.c LIBS firegw_core)
firegw_library(firegw_pump SOURCES
	${CMAKE_CURRENT_LIST_DIR}/outmsg.c
	${CMAKE_CURRENT_LIST_DIR}/states.c
	${CMAKE_CURRENT_LIST_DIR}/pump.c
	${CMAKE_CURRENT_LIST_DIR}/pump_link.c
	${CMAKE_CURRENT_LIST_DIR}/pump_purge.c
	${CMAKE_CURRENT_LIST_DIR}/pump_reconcile.c
	${CMAKE_CURRENT_LIST_DIR}/pump_send.c
	${CMAKE_CURRENT_LIST_DIR}/pump_lane.c
	${CMAKE_CURRENT_LIST_DIR}/pump_streams.c
	${CMAKE_CURRENT_LIST_DIR}/pump_entry.c
	${CMAKE_CURRENT_LIST_DIR}/pump_queue.c
	${CMAKE_CURRENT_LIST_DIR}/pump_text.c
	LIBS firegw_core firegw_repeat)
firegw_library(firegw_pipeline SOURCES
	${CMAKE_CURRENT_LIST_DIR}/pipeline.c
	${CMAKE_CURRENT_LIST_DIR}/pipeline_restore.c
	${CMAKE_CURRENT_LIST_DIR}/pipeline_people.c
	${CMAKE_CURRENT_LIST_DIR}/pipeline_drift.c
	${CMAKE_CURRENT_LIST_DIR}/event_text.c
	LIBS firegw_core firegw_rules firegw_words)
# The figures of a month.
firegw_library(firegw_report SOURCES
	${CMAKE_CURRENT_LIST_DIR}/report.c
	${CMAKE_CURRENT_LIST_DIR}/report_alarm.c
	${CMAKE_CURRENT_LIST_DIR}/report_event.c
	${CMAKE_CURRENT_LIST_DIR}/report_json.c
	${CMAKE_CURRENT_LIST_DIR}/report_lists.c
	${CMAKE_CURRENT_LIST_DIR}/report_month.c
	${CMAKE_CURRENT_LIST_DIR}/report_operation.c
	${CMAKE_CURRENT_LIST_DIR}/report_tally.c
	LIBS firegw_core)
firegw_library(firegw_report_read SOURCES ${CMAKE_CURRENT_LIST_DIR}/report_read.c LIBS firegw_report firegw_storage)
firegw_library(firegw_line_watch SOURCES ${CMAKE_CURRENT_LIST_DIR}/line_watch.c)
firegw_library(firegw_tone SOURCES ${CMAKE_CURRENT_LIST_DIR}/tone.c LIBS firegw_core)
