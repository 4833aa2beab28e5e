if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/test_pump_sim.c)
	firegw_test(NAME test_pump_sim SOURCES test_pump_sim.c ../lib/fake_hub.c ../lib/pump_rig.c LIBS firegw_pump)
endif()
