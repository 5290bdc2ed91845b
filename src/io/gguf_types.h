// The numbers GGUF files use for element types, and our names for those we read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/tensor_view.h"

namespace pent {

std::optional<DType> dtype_of_ggml_type(uint32_t ggml_type);  // nullopt: not one we read
std::optional<uint32_t> ggml_type_of_dtype(DType dtype);      // nullopt: GGUF has none
std::string ggml_type_name(uint32_t ggml_type);               // "Q4_K"; "type 99" when unknown
std::string readable_ggml_types();                            // "F32, F16, …", for messages

}  // namespace pent
