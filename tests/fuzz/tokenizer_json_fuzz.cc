// Any bytes as a tokenizer.json: pent::Error or a tokenizer that encodes, decodes and streams.
// A zero byte parts the file from the text to encode. What begins with '#' is a merges.txt; its vocab.json is behind a
// second zero byte.
#include "base/error.h"
#include "io/gpt2_tokenizer.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), size);
  std::string_view text = end < size ? input.substr(end + 1) : "I'm 12 \n\n <|x|> ab\xC3\xA9 \xF0\x9F\x98\x80";
  try {
    std::string json(input.substr(0, end));
    if (json.starts_with('#')) {
      const size_t vocab = std::min(text.find('\0'), text.size());
      json = pent::gpt2_tokenizer_json(text.substr(std::min(vocab + 1, text.size())), json, pent::Json(), "fuzz");
      text = text.substr(0, vocab);
    }
    const auto tokenizer = pent::parse_tokenizer_json(json, "fuzz");
    const auto ids = tokenizer->encode(text, true);
    tokenizer->decode(ids);
    pent::StreamDecoder stream(*tokenizer);
    for (const pent::TokenId id : ids) {
      stream.push(id);
      tokenizer->find(tokenizer->token_text(id));
    }
    stream.finish();
  } catch (const pent::Error&) {
  }
  return 0;
}
