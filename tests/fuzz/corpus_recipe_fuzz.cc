// Any bytes as a corpus recipe: pent::Error or a recipe that makes prompts.
#include "base/error.h"
#include "engine/corpus.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const pent::CorpusRecipe recipe =
        pent::parse_corpus_recipe({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
    for (int64_t index = 0; index < 4; ++index) pent::corpus_prompt(recipe, index);
  } catch (const pent::Error&) {
  }
  return 0;
}
