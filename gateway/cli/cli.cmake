# firegw, the command. What is pure in it is a library, for the tests.
firegw_library(firegw_cli SOURCES cli/args.c cli/human.c cli/picture.c cli/table.c cli/width.c LIBS firegw_words)
firegw_library(firegw_plot SOURCES cli/plot.c cli/plot_scale.c cli/plot_draw.c LIBS firegw_cli)
# Figures on a page: pure.
firegw_library(firegw_paper SOURCES cli/paper.c cli/paper_html.c cli/report_show.c cli/report_show_load.c cli/report_csv.c LIBS firegw_cli firegw_json)
# What a console knows: pure.
firegw_library(firegw_watch SOURCES cli/watch_model.c cli/watch_parse.c cli/watch_streams.c cli/watch_alarms.c cli/watch_gateways.c cli/watch_commands.c LIBS firegw_json)
firegw_library(firegw_watch_text SOURCES cli/watch_text.c LIBS firegw_watch firegw_cli firegw_json)
# The engine under virtual time, beside what was raised: pure.
firegw_library(firegw_backtest SOURCES cli/backtest.c cli/backtest_doubt.c LIBS firegw_rules firegw_words)
firegw_library(firegw_backtest_feed SOURCES cli/backtest_feed.c LIBS firegw_backtest firegw_storage)
# What a read by hand means: pure but for the callback of a scan.
firegw_library(firegw_probe SOURCES cli/probe_ask.c cli/probe_find.c cli/probe_read.c cli/probe_show.c cli/probe_words.c LIBS firegw_cli firegw_config firegw_drivers firegw_json)
add_executable(firegw cli/main.c cli/backtest_json.c cli/backtest_show.c cli/client.c cli/history.c cli/history_plot.c cli/rows.c cli/run.c cli/verbs.c cli/follow.c cli/verb_act.c cli/verb_alarm.c cli/verb_backtest.c cli/verb_help.c cli/verb_history.c cli/verb_site.c cli/verb_report.c
	cli/verb_hub.c cli/verb_line.c cli/verb_people.c cli/verb_probe.c cli/verb_state.c cli/verb_watch.c cli/probe_line.c cli/probe_scan.c cli/probe_wire.c cli/watch_link.c cli/watch_screen.c)
target_link_libraries(firegw PRIVATE firegw_flags firegw_cli firegw_backtest_feed firegw_plot firegw_json firegw_config firegw_storage firegw_probe firegw_watch firegw_watch_text firegw_uplink_link firegw_uplink_words firegw_paper firegw_report_read)
target_compile_definitions(firegw PRIVATE FIREGW_UPLINK_PATH="${CMAKE_INSTALL_FULL_LIBEXECDIR}/firegw-uplink")
add_dependencies(firegw firegw-uplink)
install(TARGETS firegw DESTINATION ${CMAKE_INSTALL_BINDIR})
