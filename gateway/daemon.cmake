string(TIMESTAMP build_epoch "%s" UTC) # SOURCE_DATE_EPOCH is honoured
set(daemon_sources app.c app_store.c app_announce.c app_room.c app_hubs.c app_faults.c app_learned.c app_next.c app_reload.c binding.c generation.c status.c directory.c verbs.c verbs_arguments.c verbs_present.c verbs_past.c verbs_report.c verbs_hubs.c verbs_lines.c verbs_probe.c verbs_people.c verbs_selftest.c app_people.c app_power.c app_sound.c sounder.c commands.c seen.c app_report.c
	loop.c mailbox.c worker.c keeper.c desk.c poller.c compose.c)
list(TRANSFORM daemon_sources PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
firegw_library(firegw_daemon SOURCES ${daemon_sources} LIBS firegw_core firegw_drivers firegw_rules firegw_storage firegw_config firegw_pipeline firegw_pump firegw_repeat
	firegw_control firegw_words firegw_json firegw_report_read firegw_tone firegw_line_watch firegw_uplink_link PkgConfig::UV PkgConfig::JANSSON PkgConfig::SYSTEMD)
target_compile_definitions(firegw_daemon PUBLIC FIREGW_BUILD_EPOCH=${build_epoch})
add_executable(firegwd ${CMAKE_CURRENT_LIST_DIR}/firegwd.c)
target_link_libraries(firegwd PRIVATE firegw_daemon)
install(TARGETS firegwd RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
target_compile_definitions(firegwd PRIVATE FIREGW_UPLINK_PATH="${CMAKE_INSTALL_FULL_LIBEXECDIR}/firegw-uplink")
