// The two sixteen-bit floating-point formats, by their bits.
#pragma once

#include <cstdint>

namespace pent {

float f16_to_f32(uint16_t bits);
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);   // round to nearest even; NaN stays a quiet NaN
uint16_t f32_to_bf16(float value);  // the same
// The smallest float16 number from value >= 0 on; infinity past the largest.
uint16_t f16_at_least(float value);

}  // namespace pent
