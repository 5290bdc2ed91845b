// Any bytes as a recipe, its first line as an override: pent::Error or a recipe that holds together.
#include "base/error.h"
#include "train/recipe/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const std::vector<std::string>& overrides :
       {std::vector<std::string>{}, {text.substr(0, text.find('\n')), "data=a.txt"}}) {
    try {
      pent::train::Recipe recipe = pent::train::parse_recipe(text, "fuzz.toml", overrides);
      pent::train::choose_sizes(recipe, static_cast<int64_t>(size) * 1000);
      pent::train::check_recipe(recipe, "fuzz.toml");
    } catch (const pent::Error&) {
    }
  }
  return 0;
}
