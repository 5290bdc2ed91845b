// Writing a corpus and going on with it (engine/corpus.h).
#include "engine/corpus.h"

#include <sys/file.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/generate.h"

namespace pent {
namespace {

// The indices that the file holds; cuts off a last line without its end.
std::set<int64_t> read_written(const std::filesystem::path& path, const CorpusRecipe& recipe,
                               const std::string& model) {
  std::set<int64_t> written;
  const std::string all = read_file(path, size_t{1} << 34);
  const auto refuse = [&](size_t line, const std::string& what) {
    throw error(ErrorKind::kInvalidArgument, "{}:{}: {}; choose another file (--set out=FILE) or remove this one",
                path.string(), line, what);
  };
  size_t begin = 0;
  for (size_t line = 1, end; (end = all.find('\n', begin)) != std::string::npos; begin = end + 1, ++line) {
    const std::string where = fmt::format("{}:{}", path.string(), line);
    const Json object = parse_json(std::string_view(all).substr(begin, end - begin), where);
    if (!object.is_object()) refuse(line, "not a line of a corpus");
    const int64_t index = get_required_int(object, "index", where);
    if (static_cast<uint64_t>(get_required_int(object, "seed", where)) != recipe.seed)
      refuse(line, fmt::format("written with another seed than {}", recipe.seed));
    if (get_required_string(object, "model", where) != model)
      refuse(line, fmt::format("written by another model than {}", model));
    if (index < 0 || index > INT32_MAX || get_required_string(object, "prompt", where) != corpus_prompt(recipe, index))
      refuse(line, "written with other templates or words");
    written.insert(index);
  }
  if (begin < all.size()) std::filesystem::resize_file(path, begin);
  return written;
}

class LineFile {
 public:
  explicit LineFile(const std::filesystem::path& path) : path_(path.string()) {
    if (std::filesystem::exists(path) && !std::filesystem::is_regular_file(path))
      throw error(ErrorKind::kInvalidArgument, "{}: not a file that lines could be added to", path_);
    file_.reset(std::fopen(path_.c_str(), "ab"));
    if (file_ == nullptr) fail();
    if (flock(fileno(file_.get()), LOCK_EX | LOCK_NB) != 0)
      throw error(ErrorKind::kInvalidArgument, "{}: another process is writing it", path_);
  }
  void write(const std::string& line) {
    if (std::fputs((line + "\n").c_str(), file_.get()) < 0 || std::fflush(file_.get()) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw error(ErrorKind::kIo, "{}: cannot be written: {}", path_, std::strerror(errno));
  }
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace

CorpusProgress write_corpus(Model& model, const CorpusRecipe& recipe,
                            const std::function<void(const CorpusProgress&)>& progress, const CancelToken* cancel) {
  const std::filesystem::path path = recipe.out;
  std::error_code ignored;  // where it cannot be made, the file cannot be opened either, and says why
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  LineFile file(path);  // first, so that nobody else adds to what is read
  const std::set<int64_t> there = read_written(path, recipe, model.name);
  CorpusProgress done{.answers = static_cast<int64_t>(there.size())};
  GenerationOptions options;
  options.max_tokens = recipe.generation.max_tokens;
  options.temperature = recipe.generation.temperature;
  options.top_p = recipe.generation.top_p;
  options.top_k = recipe.generation.top_k;
  options.min_p = recipe.generation.min_p;
  options.repetition_penalty = recipe.generation.repetition_penalty;
  options.repetition_window = recipe.generation.repetition_window;

  // A batch at a time keeps memory bounded; a long one, because its last answers leave others' places empty.
  const int64_t batch = 64 * int64_t{recipe.width};
  for (int64_t next = 0; next < recipe.answers;) {
    std::vector<BatchItem> items;
    for (; next < recipe.answers && static_cast<int64_t>(items.size()) < batch; ++next) {
      if (there.contains(next)) continue;
      items.push_back({make_prompt(model, corpus_prompt(recipe, next), recipe.system, /*raw=*/false), recipe.seed,
                       static_cast<uint32_t>(next)});
    }
    const auto finished = [&](const Generation& answer) {
      if (answer.finish_reason == "cancelled") return;
      file.write(to_json_line({{"prompt", corpus_prompt(recipe, answer.n_index)},
                               {"text", answer.text},
                               {"tokens", answer.completion_tokens},
                               {"finish", answer.finish_reason},
                               {"index", answer.n_index},
                               {"seed", recipe.seed},
                               {"model", model.name}}));
      ++done.answers;
      ++done.written;
      done.tokens += answer.completion_tokens;
      if (progress) progress(done);
    };
    generate_batch(model, items, options, recipe.width, {}, cancel, finished);
    if (cancel != nullptr && cancel->cancelled()) break;
  }
  return done;
}

}  // namespace pent
