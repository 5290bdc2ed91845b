// Any bytes as a GGUF model: pent::Error; or a tokenizer that encodes and becomes a tokenizer.json of the same ids, a spec of every
// family, and tensors that are converted, into other blocks and into a directory's.
#include "base/error.h"
#include "engine/convert_plan.h"
#include "io/model_files.h"
#include "io/tensor_table.h"
#include "model/families/config.h"
#include "model/families/family.h"
#include "model/weights.h"
#include "text/chat_template.h"
#include "text/gguf_vocabulary.h"

namespace {

using namespace pent;

template <typename Action>
void tolerate(Action action) {
  try {
    action();
  } catch (const Error&) {
  }
}

void check(bool holds) {
  if (!holds) __builtin_trap();
}

void use_tokenizer(const GgufFile& file) {
  const auto tokenizer = make_tokenizer_from_gguf(file);
  const std::string_view text = "I'm 12 \n\n <|x|> ab\xC3\xA9 \xF0\x9F\x98\x80";
  const auto ids = tokenizer->encode(text, true);
  tokenizer->decode(ids);
  parse_tokenizer_json(tokenizer_json_of_gguf(file), "made");
}

void stream_all(const ConvertPlan& plan) {
  static ThreadPool pool(1);
  const std::string where = "fuzz";
  const MoveOptions options{.pool = pool};
  for (const MovedTensor& tensor : plan.tensors) {
    uint64_t bytes = 0;
    tolerate([&] {
      const StreamedTensor streamed = stream(tensor, where, options);
      streamed.write([&](const void*, size_t size) { bytes += size; });
      check(bytes == checked_tensor_bytes(tensor.type, tensor.shape));
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tolerate([&] {
    ModelFiles files;
    files.where = "fuzz";
    files.gguf = open_gguf(std::as_bytes(std::span(data, size)), "fuzz");
    files.weights = files.gguf;
    tolerate([&] { use_tokenizer(*files.gguf); });
    tolerate([&] { stream_all(plan_requantised(files, find_gguf_mixture("q4_k_m"))); });
    for (const Family& family : families()) {
      if (family.gguf == nullptr) continue;
      tolerate([&] {
        const ModelSpec spec = family.read_spec(files);
        to_config(spec);
        packed_bytes(files, spec, kernels::PackedMatrix::Format::kQ8);
        stream_all(plan_directory(files, spec, find_gguf_mixture("bf16")));
      });
    }
  });
  return 0;
}
