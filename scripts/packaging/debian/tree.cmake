# Makes the installed tree what Debian wants: its changelog, and man pages and changelogs compressed. Run by CPack before it packs.
file(GLOB_RECURSE pages ${CPACK_TEMPORARY_DIRECTORY}/usr/share/man/*.[158])
set(doc ${CPACK_TEMPORARY_DIRECTORY}/usr/share/doc/firegw)
configure_file(${doc}/CHANGELOG.md ${doc}/changelog COPYONLY)
configure_file(${CPACK_FIREGW_CHANGELOG} ${doc}/changelog.Debian COPYONLY)
file(CHMOD ${doc}/changelog.Debian PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
execute_process(COMMAND gzip -9nf ${pages} ${doc}/changelog ${doc}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
