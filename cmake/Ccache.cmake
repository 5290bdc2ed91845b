# A second build after a clean is quick where ccache is installed; nothing depends on it.
find_program(PENT_CCACHE ccache)
if(PENT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PENT_CCACHE})
endif()
