#include "model/packed_cache.h"

#include <gtest/gtest.h>

#include "model/denoiser.h"
#include "model/synth.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

using kernels::PackedMatrix;

ModelSpec tiny_spec() {
  return {.family = "llama",
          .vocab_size = 61,
          .d_model = 64,
          .n_layers = 2,
          .n_heads = 4,
          .n_kv_heads = 2,
          .head_dim = 16,
          .ffn_dim = 96,
          .max_positions = 64};
}

// Logits of a short text by a model loaded with this cache.
std::vector<float> logits(const std::filesystem::path& model, const PackedCache& cache) {
  ThreadPool pool(2);
  const auto denoiser = load_native(open_model_files(model), pool, {.packed_cache = cache});
  PassPlan plan;
  plan.add_causal(denoiser->open_sequence(3), std::vector<int32_t>{5, 6, 7});
  plan.head_rows = {0, 1, 2};
  PassResult result;
  denoiser->forward(plan, {.full_logits = true}, result);
  return result.logits;
}

class PackedCacheTest : public testing::Test {
 protected:
  PackedCacheTest() {
    write_directory(1);
    cache_ = {.folder = dir_ / "packed", .at_least = 0};
  }
  void write_directory(uint64_t seed) {
    ModelFiles files = make_random_model(tiny_spec(), seed);
    files.tokenizer_json = "{}";
    write_model_directory(files, model());
  }
  std::filesystem::path model() const { return dir_ / "model"; }
  std::vector<std::filesystem::path> kept() const {
    std::vector<std::filesystem::path> paths;
    for (const PackedEntry& entry : list_packed(cache_.folder)) paths.push_back(entry.path);
    return paths;
  }

  TempDir dir_;
  PackedCache cache_;
};

TEST_F(PackedCacheTest, TheSecondStartGivesTheSameBitsFromTheKeptFile) {
  const std::vector<float> plain = logits(model(), {});
  EXPECT_EQ(logits(model(), cache_), plain);
  ASSERT_EQ(kept().size(), 1u);
  const auto written = std::filesystem::last_write_time(kept()[0]);
  EXPECT_EQ(logits(model(), cache_), plain);
  EXPECT_EQ(std::filesystem::last_write_time(kept()[0]), written);
  EXPECT_NE(list_packed(cache_.folder)[0].model.find("model.safetensors"), std::string::npos);
}

// What the kept file says is what the second start computes with.
TEST_F(PackedCacheTest, TheKeptWeightsAreTheOnesInUse) {
  const std::vector<float> plain = logits(model(), cache_);
  const std::string bytes = read_file(kept()[0]);
  std::string changed = bytes;
  for (size_t i = bytes.size() - 64; i < bytes.size(); ++i) changed[i] = static_cast<char>(255 - changed[i]);
  write_file_atomically(kept()[0], changed);
  EXPECT_NE(logits(model(), cache_), plain);
}

TEST_F(PackedCacheTest, AnotherModelUnderTheSameNameIsPackedAnew) {
  const std::vector<float> first = logits(model(), cache_);
  write_directory(2);
  const std::vector<float> second = logits(model(), cache_);
  EXPECT_NE(second, first);
  EXPECT_EQ(second, logits(model(), {}));
  EXPECT_EQ(kept().size(), 1u);
  EXPECT_EQ(logits(model(), cache_), second);
}

TEST_F(PackedCacheTest, ADamagedFileIsAsGoodAsNone) {
  const std::vector<float> plain = logits(model(), cache_);
  const std::string whole = read_file(kept()[0]);
  const auto path = kept()[0];
  for (const size_t size : {size_t{0}, size_t{7}, size_t{12}, size_t{200}, whole.size() / 2, whole.size() - 1}) {
    write_file_atomically(path, whole.substr(0, size));
    EXPECT_EQ(logits(model(), cache_), plain) << size;
    EXPECT_EQ(read_file(path), whole) << size;  // kept anew
  }
  std::string other = whole;
  other.replace(other.find("\"layout\":"), 10, "\"layout\":7");
  write_file_atomically(path, other);
  EXPECT_EQ(logits(model(), cache_), plain);
  EXPECT_EQ(read_file(path), whole);
}

TEST_F(PackedCacheTest, AFolderThatCannotBeMadeHarmsNothing) {
  write_file_atomically(dir_ / "file", "in the way");
  EXPECT_EQ(logits(model(), {.folder = dir_ / "file", .at_least = 0}), logits(model(), {}));
}

TEST_F(PackedCacheTest, SmallAndPreciseModelsAreNotKept) {
  logits(model(), {.folder = cache_.folder});
  ThreadPool pool(1);
  load_native(open_model_files(model()), pool, {.packed_cache = cache_, .precise = true});
  EXPECT_TRUE(kept().empty());
}

TEST_F(PackedCacheTest, OffsetsBeyondTheFileAreRefused) {
  const Json key = {{"a", 1}};
  PackedMatrix matrix(PackedMatrix::Format::kQ8, 32, 32);
  write_packed(dir_ / "some.pack", key, {matrix});
  using Format = PackedMatrix::Format;
  const auto open = [&] { return PackedFile::open(dir_ / "some.pack", key); };
  EXPECT_EQ(open()->next(Format::kQ8, 32, 32).bytes().size(), 32u * 34);
  EXPECT_ERROR(open()->next(Format::kQ4_0, 32, 32), kCorrupt, "another format or shape");
  EXPECT_ERROR(open()->next(Format::kQ8, 64, 32), kCorrupt, "another format or shape");
  EXPECT_EQ(PackedFile::open(dir_ / "some.pack", {{"a", 2}}), nullptr);
  std::string bytes = read_file(dir_ / "some.pack");
  const size_t at = bytes.find("[1,32,32,") + 9;
  bytes.replace(at, 2, "99");
  write_file_atomically(dir_ / "some.pack", bytes);
  EXPECT_ERROR(open()->next(Format::kQ8, 32, 32), kCorrupt, "does not lie within the file");
}

}  // namespace
}  // namespace pent
