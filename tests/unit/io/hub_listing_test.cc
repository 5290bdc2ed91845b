#include <gtest/gtest.h>

#include "io/hub/listing.h"
#include "io/hub/reference.h"
#include "support/expect_error.h"

namespace pent {
namespace {

const std::string kSha1(40, '1');
const std::string kSha256(64, '2');

HubFile file(const std::string& path, uint64_t size = 10) { return {.path = path, .size = size, .hash = kSha1}; }

std::vector<std::string> paths(const std::vector<HubFile>& files) {
  std::vector<std::string> names;
  for (const HubFile& each : files) names.push_back(each.path);
  return names;
}

std::vector<std::string> chosen(const std::vector<std::string>& names, const std::string& quant = "",
                                std::string_view index = "") {
  std::vector<HubFile> files;
  for (const std::string& name : names) files.push_back(file(name));
  return paths(choose_hub_files(files, quant, index, "org/name"));
}

using Names = std::vector<std::string>;

std::string entry(const std::string& path) {
  return R"({"type":"file","oid":")" + kSha1 + R"(","size":5,"path":")" + path + "\"}";
}

void parse(const std::string& json) {
  std::vector<HubFile> files;
  parse_hub_tree(json, "list", files);
}

TEST(HubListing, FilesAreNamedByTheirContent) {
  std::vector<HubFile> files;
  parse_hub_tree("[{\"type\":\"directory\",\"oid\":\"x\",\"size\":0,\"path\":\"sub\"}," + entry("sub/a b.json") +
                     R"(,{"type":"file","oid":")" + kSha1 + R"(","size":5000000000,"path":"w.gguf","lfs":{"oid":")" +
                     kSha256 + R"(","size":5000000000,"pointerSize":134}}])",
                 "list", files);
  EXPECT_EQ(files, (std::vector<HubFile>{{.path = "sub/a b.json", .size = 5, .hash = kSha1},
                                         {.path = "w.gguf", .size = 5000000000, .hash = kSha256, .large = true}}));
}

TEST(HubListing, NamesThatWouldLeaveTheFolderAreRefused) {
  for (const std::string name : {"../evil", "/etc/passwd", "a/../../b", "a//b", "a/.", ".", "..", "", "a\\\\..\\\\b",
                                 "a/", "a\\u0000b", "a\\nb"})
    EXPECT_ERROR(parse("[" + entry(name) + "]"), kCorrupt, "is refused: it would leave the model's folder");
  EXPECT_ERROR(parse("[" + entry(std::string(300, 'x')) + "]"), kCorrupt, "is refused");
  EXPECT_NO_THROW(parse("[" + entry("..a/b..c/...") + "]"));
}

TEST(HubListing, NonsenseIsRefusedWithItsPlace) {
  EXPECT_ERROR(parse("{}"), kCorrupt, "list: expected a JSON array of files");
  EXPECT_ERROR(parse("[1]"), kCorrupt, "list: an entry is not a JSON object");
  EXPECT_ERROR(parse("[{}]"), kCorrupt, "'type'");
  EXPECT_ERROR(parse(R"([{"type":"file","path":"a","size":1,"oid":"../../x"}])"), kCorrupt,
               "'a': '../../x' is no SHA-1");
  EXPECT_ERROR(parse(R"([{"type":"file","path":"a","size":-1,"oid":")" + kSha1 + "\"}]"), kCorrupt,
               "a size of -1 bytes");
  EXPECT_ERROR(parse(R"([{"type":"file","path":"a","size":1,"oid":")" + kSha1 + R"(","lfs":7}])"), kCorrupt,
               "'lfs' is not an object");
  EXPECT_ERROR(parse("[" + entry("a") + "," + entry("a") + "]"), kCorrupt, "'a' comes twice");
  EXPECT_ERROR(parse_hub_revision(R"({"sha":"main"})", "answer"), kCorrupt, "'sha' is 'main', no commit");
  EXPECT_ERROR(parse_hub_revision("[]", "answer"), kCorrupt, "not a JSON object");
  EXPECT_EQ(parse_hub_revision(R"({"sha":")" + kSha1 + "\"}", "answer"), kSha1);
}

TEST(HubListing, TheNextPageIsTakenFromTheLinkHeader) {
  EXPECT_EQ(next_page(""), "");
  EXPECT_EQ(next_page("<https://h/a?cursor=1,2>; rel=\"next\""), "https://h/a?cursor=1,2");
  EXPECT_EQ(next_page("<https://h/0>; rel=\"first\", <https://h/2>; rel=\"next\""), "https://h/2");
  EXPECT_EQ(next_page("<https://h/0>; rel=\"prev\""), "");
  EXPECT_EQ(next_page("<<<"), "");
  EXPECT_EQ(next_page("> rel=next <"), "");
}

TEST(HubListing, OfASafetensorsModelWhatIsReadIsTaken) {
  EXPECT_EQ(
      chosen({"README.md", "model.safetensors", "pytorch_model.bin", "config.json", "tokenizer.json",
              "chat_template.jinja", "additional_chat_templates/tool.jinja", "model-Q4_0.gguf", "modeling_x.py",
              "onnx/model.onnx", "original/config.json", "pytorch_model.bin.index.json", "tf_model.h5", "vocab.txt"}),
      (Names{"additional_chat_templates/tool.jinja", "chat_template.jinja", "config.json", "model.safetensors",
             "tokenizer.json", "vocab.txt"}));
}

TEST(HubListing, OfAShardedModelTheShardsThatItsIndexNames) {
  const Names names = {"config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
                       "model-00002-of-00002.safetensors", "consolidated.safetensors"};
  const std::string index =
      R"({"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00001-of-00002.safetensors"}})";
  EXPECT_EQ(chosen(names, "", index), (Names{"config.json", "model-00001-of-00002.safetensors",
                                             "model-00002-of-00002.safetensors", "model.safetensors.index.json"}));
  EXPECT_ERROR(chosen(names, "", R"({"weight_map":{"a":"../x"}})"), kCorrupt,
               "it names '../x', which the repository does not have");
  EXPECT_ERROR(chosen(names, "", R"({"weight_map":{"a":1}})"), kCorrupt, "the file of tensor 'a' is no string");
  EXPECT_ERROR(chosen(names, "", "{}"), kCorrupt, "no 'weight_map'");
}

TEST(HubListing, OneQuantisationOfGgufFilesIsTaken) {
  const Names names = {
      "m-Q4_K_M.gguf",   "m-Q4_K_S.gguf", "m-Q8_0.gguf", "m-f16-00001-of-00002.gguf", "m-f16-00002-of-00002.gguf",
      "mmproj-f16.gguf", "config.json"};
  EXPECT_EQ(chosen(names, "Q8_0"), (Names{"m-Q8_0.gguf"}));
  EXPECT_EQ(chosen(names, "q4_k_m"), (Names{"m-Q4_K_M.gguf"}));
  EXPECT_EQ(chosen(names, "F16"), (Names{"m-f16-00001-of-00002.gguf", "m-f16-00002-of-00002.gguf"}));
  EXPECT_ERROR(chosen(names, "Q4_K"), kNotFound, "2 .gguf files have 'Q4_K' in their name; say which one",
               "m-Q4_K_M.gguf, m-Q4_K_S.gguf");
  EXPECT_ERROR(chosen(names, "Q6_K"), kNotFound, "no .gguf file has 'Q6_K' in its name; there are m-Q4_K_M.gguf");
  EXPECT_ERROR(chosen(names), kNotFound, "org/name: 4 .gguf files; say which one with :QUANT");
  EXPECT_EQ(chosen({"m-Q4_K.gguf", "m-Q4_K_M.gguf"}, "Q4_K"), (Names{"m-Q4_K.gguf"}));
  EXPECT_EQ(chosen({"only.gguf", "README.md"}), (Names{"only.gguf"}));
  EXPECT_ERROR(chosen({"m-00001-of-00003.gguf", "m-00003-of-00003.gguf"}), kNotFound,
               "'m-00001-of-00003.gguf' is one of 3 parts, and not all are there");
}

TEST(HubListing, WhatHoldsNoWeightsWeReadIsRefused) {
  EXPECT_ERROR(chosen({"pytorch_model.bin", "config.json"}), kUnsupported, "org/name: its weights are Python pickles");
  EXPECT_ERROR(chosen({"README.md"}), kNotFound, "org/name: neither model.safetensors");
  EXPECT_ERROR(chosen({}), kNotFound, "among its 0 files");
}

TEST(HubReference, IsParsedAndWrittenAlike) {
  for (const std::string text : {"org/name", "org/name@v1", "org/name:Q4_0", "org/name@refs/pr/1:Q4_K_M"})
    EXPECT_EQ(parse_hub_reference(text).value().text(), text);
  EXPECT_EQ(parse_hub_reference("org/name@refs/pr/1:Q4")->revision, "refs/pr/1");
  for (const std::string text : {"name", "a/b/c", "/name", "org/", "../name", "org/..", "org/name@", "org/name@../x",
                                 "org/name@a/../b", "org/name:", "org/name:a/b", "org/na\nme", ""})
    EXPECT_FALSE(parse_hub_reference(text)) << text;
}

}  // namespace
}  // namespace pent
