# pent_layer(NAME SOURCES a.cc … DEPENDS lower layers … LIBRARIES outside libraries …)
# One folder under src/ is one static library pent_NAME; headers are included as "NAME/file.h".
# -ffp-contract=off everywhere: float results must not depend on what the compiler fuses
# (design, "Numerics"); kernels fuse by intrinsics where they mean to.
function(pent_layer NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  add_library(pent_${NAME} STATIC ${ARG_SOURCES})
  target_include_directories(pent_${NAME} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  pent_compile_options(pent_${NAME})
  foreach(layer ${ARG_DEPENDS})
    target_link_libraries(pent_${NAME} PUBLIC pent_${layer})
  endforeach()
  target_link_libraries(pent_${NAME} PUBLIC ${ARG_LIBRARIES})
endfunction()

function(pent_compile_options TARGET)
  target_compile_options(${TARGET} PRIVATE -Wall -Wextra -Wno-missing-field-initializers -Wno-psabi -ffp-contract=off)
  if(PENT_SANITIZE)
    target_compile_options(${TARGET} PUBLIC -fsanitize=${PENT_SANITIZE} -fno-omit-frame-pointer -g1)
    target_link_options(${TARGET} PUBLIC -fsanitize=${PENT_SANITIZE})
  endif()
  if(PENT_FUZZ)  # coverage of the layers is what guides the fuzzer
    target_compile_options(${TARGET} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(PENT_SANITIZE MATCHES "undefined")
    target_compile_options(${TARGET} PUBLIC -fno-sanitize-recover=all)
  endif()
endfunction()

# pent_test(NAME SOURCES … DEPENDS layers …): one GoogleTest binary per layer (tests/unit/NAME).
function(pent_test NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  add_executable(${NAME}_test ${ARG_SOURCES})
  pent_compile_options(${NAME}_test)
  target_include_directories(${NAME}_test PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${NAME}_test PRIVATE PENT_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                             PENT_BINARY_DIR="${CMAKE_BINARY_DIR}")
  foreach(layer ${ARG_DEPENDS})
    target_link_libraries(${NAME}_test PRIVATE pent_${layer})
  endforeach()
  target_link_libraries(${NAME}_test PRIVATE ${ARG_LIBRARIES} GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${NAME}_test DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600)
endfunction()
