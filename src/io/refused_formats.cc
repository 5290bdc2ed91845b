// Method names: the quantization_config that transformers writes (its QuantizationMethod); tensor names: what the packers of
// AutoGPTQ, AutoAWQ, bitsandbytes and compressed-tensors store beside or instead of "weight".
#include "io/refused_formats.h"

#include "base/error.h"

namespace pent {
namespace {

struct Method {
  std::string_view key;   // quant_method
  std::string_view name;  // for people
};
constexpr Method kMethods[] = {
    {"gptq", "GPTQ"},
    {"awq", "AWQ"},
    {"fp8", "FP8"},
    {"fbgemm_fp8", "FP8 (FBGEMM)"},
    {"bitsandbytes", "bitsandbytes"},
    {"compressed-tensors", "compressed-tensors"},
    {"mxfp4", "MXFP4"},
};

struct TensorSign {
  std::string_view suffix;
  std::string_view method;
};
// In order: a GPTQ file has qweight as well as g_idx.
constexpr TensorSign kTensorSigns[] = {
    {".g_idx", "GPTQ"},
    {".qweight", "AWQ"},
    {".weight_packed", "compressed-tensors (packed integers)"},
    {".weight.absmax", "bitsandbytes (4 bits)"},
    {".SCB", "bitsandbytes (8 bits)"},
    {".weight_scale_inv", "FP8 (block scales)"},
    {".weight_scale", "compressed-tensors (scaled weights)"},
};

constexpr std::string_view kRemedy = "take the unquantised model, or a GGUF file of it";

std::string method_name(const Json& quantization, const std::string& where) {
  const auto key = get_string(quantization, "quant_method", where);
  // Early bitsandbytes configurations name no method.
  if (!key) {
    const bool bits = get_bool(quantization, "load_in_4bit", where).value_or(false) ||
                      get_bool(quantization, "load_in_8bit", where).value_or(false);
    return bits ? "bitsandbytes" : "an unnamed method";
  }
  for (const Method& method : kMethods) {
    if (*key != method.key) continue;
    const auto format = get_string(quantization, "format", where);  // compressed-tensors: pack-quantized is INT4 …
    return format ? fmt::format("{} ({})", method.name, printable(*format)) : std::string(method.name);
  }
  return fmt::format("'{}'", printable(*key));
}

}  // namespace

void refuse_quantized_config(const Json& config, const std::string& where) {
  for (const char* key : {"quantization_config", "compression_config"}) {
    const auto found = config.find(key);
    if (found == config.end() || found->is_null()) continue;
    if (!found->is_object()) throw error(ErrorKind::kCorrupt, "{}: '{}' is not an object", where, key);
    throw error(ErrorKind::kUnsupported, "{}: '{}': the weights are quantised with {}, which is not read: {}", where,
                key, method_name(*found, where), kRemedy);
  }
}

void refuse_quantized_tensors(const WeightSource& weights) {
  const auto names = weights.names();
  for (const TensorSign& sign : kTensorSigns) {
    for (const std::string& name : names) {
      if (!name.ends_with(sign.suffix)) continue;
      throw error(ErrorKind::kUnsupported, "{}: tensor '{}' shows weights quantised with {}, which is not read: {}",
                  weights.describe(), printable(name), sign.method, kRemedy);
    }
  }
}

}  // namespace pent
