# pent_embed_models(OUT_SOURCES DIRECTORY [DEFAULT])
# Writes a C++ file that carries every file of every model under DIRECTORY (a model is a directory
# with a config.json) and defines embedded_models() of src/cli/embedded.h; DEFAULT comes first.
# The bytes enter by the assembler's .incbin (g++ 12 has no #embed). Changing, adding or removing a
# file makes the next build assemble and link anew.
function(pent_embed_models OUT_SOURCES DIRECTORY)
  set(default "${ARGV2}")
  file(GLOB configs CONFIGURE_DEPENDS ${DIRECTORY}/*/config.json)
  set(models "")
  foreach(config ${configs})
    get_filename_component(directory ${config} DIRECTORY)
    get_filename_component(name ${directory} NAME)
    if(name STREQUAL default)
      list(PREPEND models ${name})
    else()
      list(APPEND models ${name})
    endif()
  endforeach()

  set(all_files "")
  set(assembly "")
  set(declarations "")
  set(table "")
  set(index 0)
  foreach(name ${models})
    file(GLOB files CONFIGURE_DEPENDS LIST_DIRECTORIES false ${DIRECTORY}/${name}/*)
    string(APPEND table "      {.name = \"${name}\", .files = {\n")
    foreach(file ${files})
      get_filename_component(file_name ${file} NAME)
      set(symbol "pent_embedded_${index}")
      string(APPEND assembly "    \".balign 64\\n${symbol}_begin:\\n.incbin \\\"${file}\\\"\\n${symbol}_end:\\n.byte 0\\n\"\n")
      string(APPEND declarations "extern const std::byte begin_${index}[] asm(\"${symbol}_begin\"), end_${index}[] asm(\"${symbol}_end\");\n")
      string(APPEND table "         {\"${file_name}\", {begin_${index}, end_${index}}},\n")
      math(EXPR index "${index} + 1")
    endforeach()
    string(APPEND table "      }},\n")
    list(APPEND all_files ${files})
  endforeach()
  if(assembly)
    set(assembly "asm(\".pushsection .rodata\\n\"\n${assembly}    \".popsection\\n\");\n")
  endif()

  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded_models.cc)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
// Written by cmake/EmbedFiles.cmake.
#include "cli/embedded.h"

@assembly@
extern "C" {
@declarations@}

namespace pent::cli {

std::vector<EmbeddedModel> embedded_models() {
  return {
@table@  };
}

}  // namespace pent::cli
]])
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${all_files}")
  set(${OUT_SOURCES} ${source} PARENT_SCOPE)
endfunction()
