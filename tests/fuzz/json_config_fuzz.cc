// Any bytes as a model's JSON: the parser itself, the typed look-ups, and every JSON file of a model directory.
#include "base/error.h"
#include "base/json.h"
#include "io/model_files.h"

namespace {

void look_up(const pent::Json& json) {
  const auto tolerate = [](auto action) {
    try {
      action();
    } catch (const pent::Error&) {
    }
  };
  tolerate([&] { pent::get_required_int(json, "vocab_size", "fuzz"); });
  tolerate([&] { pent::get_number(json, "rope_theta", "fuzz"); });
  tolerate([&] { pent::get_bool(json, "rope", "fuzz"); });
  tolerate([&] { pent::get_required_string(json, "model_type", "fuzz"); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string kWeights("\x02\0\0\0\0\0\0\0{}", 10);
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const pent::Json json = pent::parse_json({reinterpret_cast<const char*>(data), size}, "fuzz");
    look_up(json);
    if (pent::parse_json(pent::to_json_line(json), "fuzz") != json) __builtin_trap();
    pent::open_model_files({{"config.json", bytes},
                            {"generation_config.json", bytes},
                            {"tokenizer.json", bytes},
                            {"tokenizer_config.json", bytes},
                            {"model.safetensors", std::as_bytes(std::span(kWeights))}},
                           "fuzz");
  } catch (const pent::Error&) {
  }
  return 0;
}
