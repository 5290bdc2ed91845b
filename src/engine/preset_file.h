// A decoding method of one's own as a TOML file: options by their keys (sample/option_table.h) over a preset that it names.
//
//   preset = "fast-dllm"    # what it starts from; absent: the model's own
//   threshold = 0.7
//   cache = "dual"
#pragma once

#include <string>
#include <string_view>

#include "sample/options.h"

namespace pent {

// `options` with what the file says wherever they are as in `unasked`, options of which nothing was asked; of two that exclude each other
// (steps and steps_per_block, select and threshold, max_tokens and length) the file's go if either was asked for. Throws
// kInvalidArgument naming file, line and key: no TOML, an unknown key, another kind of value, a number out of its range.
GenerationOptions with_preset_file(GenerationOptions options, const GenerationOptions& unasked, std::string_view toml,
                                   const std::string& where);

}  // namespace pent
