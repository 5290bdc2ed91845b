// Any bytes as what describes a model, parted by zero bytes: config.json, generation_config.json, tokenizer_config.json (and
// chat_template.json), chat_template.jinja. pent::Error, or a spec of each family, generation defaults and a rendered template.
#include "base/error.h"
#include "engine/model.h"
#include "engine/requests.h"
#include "model/families/family.h"
#include "model/synth.h"

namespace {

using namespace pent;

constexpr std::string_view kTokenizer =
    R"({"model": {"vocab": {"a": 0, "b": 1}, "merges": []}, "decoder": {"type": "ByteLevel"}})";

template <typename Action>
void tolerate(Action action) {
  try {
    action();
  } catch (const Error&) {
  }
}

// A model that answers questions about its defaults, with the files that are tried.
Model tiny_model() {
  static ThreadPool pool(1);
  Model model;
  model.files = make_random_model({.family = "llada",
                                   .vocab_size = 8,
                                   .d_model = 32,
                                   .n_layers = 1,
                                   .n_heads = 1,
                                   .n_kv_heads = 1,
                                   .head_dim = 32,
                                   .ffn_dim = 32,
                                   .max_positions = 64,
                                   .mask_id = 7,
                                   .default_preset = "llada"},
                                  1);
  model.tokenizer = parse_tokenizer_json(kTokenizer, "tokenizer");
  model.denoiser = load_native(model.files, pool, {});
  return model;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string kWeights("\x02\0\0\0\0\0\0\0{}", 10);
  static Model model = tiny_model();
  const auto bytes = [](std::string_view text) { return std::as_bytes(std::span(text)); };
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto next = [&] {
    const size_t end = std::min(rest.find('\0'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return part;
  };
  std::map<std::string, std::span<const std::byte>> parts = {{"config.json", bytes(next())},
                                                             {"generation_config.json", bytes(next())},
                                                             {"tokenizer_config.json", bytes(next())}};
  parts["chat_template.json"] = parts["tokenizer_config.json"];
  parts["tokenizer.json"] = bytes(kTokenizer);
  parts["model.safetensors"] = bytes(kWeights);
  if (const std::string_view jinja = next(); !jinja.empty()) parts["chat_template.jinja"] = bytes(jinja);
  tolerate([&] {
    ModelFiles files = open_model_files(parts, "fuzz");
    for (const Family& family : families()) tolerate([&] { family.read_spec(files); });
    model.files.generation_config = files.generation_config;
    tolerate([&] { with_model_defaults(model, {}, 3); });
    tolerate([&] {
      const auto chat = parse_chat_template(files);
      if (chat) chat->apply({{"user", "a"}}, true, special_token_variables(files.tokenizer_config, "fuzz"));
    });
  });
  return 0;
}
