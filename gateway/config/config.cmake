# The site's config: YAML and tables in, one checked value out. libcsv has no pkg-config file.
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
file(GLOB sources CONFIGURE_DEPENDS config/*.c)
firegw_library(firegw_config SOURCES ${sources} LIBS firegw_core firegw_rules firegw_drivers PkgConfig::YAML PkgConfig::CRYPTO csv)
target_compile_definitions(firegw_config PRIVATE FIREGW_DATADIR="${CMAKE_INSTALL_FULL_DATADIR}/firegw")
