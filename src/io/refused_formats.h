// Published ways to store quantised weights that this build does not read, recognised so that the refusal can name them.
#pragma once

#include <string>

#include "base/json.h"
#include "io/weight_source.h"

namespace pent {

// Throws kUnsupported, naming the method, when config.json declares quantised weights ('quantization_config' as
// transformers writes it, or the older 'compression_config'). `where` is the path of the config.
void refuse_quantized_config(const Json& config, const std::string& where);

// The same by the names of the tensors, for files whose config says nothing.
void refuse_quantized_tensors(const WeightSource& weights);

}  // namespace pent
