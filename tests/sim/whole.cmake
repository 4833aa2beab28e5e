if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/test_whole.c)
	firegw_test(NAME test_whole SOURCES test_whole.c whole.c whole_check.c house.c house_edges.c ../lib/fake_hub.c ../lib/fault_vfs.c LIBS firegw_daemon)
	target_link_options(test_whole PRIVATE LINKER:--wrap=clock_gettime,--wrap=batch_new)
endif()
