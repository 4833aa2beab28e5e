# What the daemon and the command share about SELECT and times (pure), and the daemon's control socket.
firegw_library(firegw_words SOURCES select.c timespec.c nearest.c LIBS firegw_core)
firegw_library(firegw_json SOURCES json_text.c LIBS firegw_core PkgConfig::JANSSON)
firegw_library(firegw_control SOURCES control.c control_conn.c control_line.c control_peer.c control_socket.c LIBS firegw_json PkgConfig::UV)
