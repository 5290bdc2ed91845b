// The file: "PENTPACK" | u64 length of the header | header, JSON, padded with blanks | matrices, each at a multiple of 64.
#include "model/packed_cache.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/fingerprint.h"
#include "io/byte_reader.h"

namespace pent {
namespace {

namespace fs = std::filesystem;
using kernels::PackedMatrix;

constexpr std::string_view kMagic = "PENTPACK";
constexpr size_t kAlignment = 64, kMaxHeaderBytes = size_t{16} << 20;

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// "llada-8b-q4_0.gguf-0123456789abcdef.pack"
std::string file_name(const fs::path& model) {
  const std::string whole = model.string();
  return fmt::format("{}-{:016x}.pack", model.filename().string(), Fingerprint().add(whole).value());
}

fs::path resolved(const fs::path& path) {
  std::error_code failed;
  const fs::path found = fs::canonical(path, failed);
  return failed ? path : found;
}

// Pieces of a tensor's bytes at even distances.
void add_samples(const TensorView& tensor, Fingerprint& print) {
  constexpr size_t kSamples = 4, kBytes = 256;
  const std::string_view bytes(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  for (size_t i = 0; i < kSamples; ++i) print.add(bytes.substr(bytes.size() / kSamples * i, kBytes));
}

// The header of a file, or null if it is none of ours.
Json read_header(const MappedFile& file, size_t& end) {
  const std::string where = file.path().string();
  ByteReader reader(file.bytes(), where);
  const auto magic = reader.take(kMagic.size(), "magic");
  if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0) return {};
  const std::string text = reader.read_string("header", kMaxHeaderBytes);
  end = reader.position();
  return parse_json(text, where);
}

// A file that a killed process was writing is given up after an hour.
void remove_abandoned(const fs::path& path) {
  std::error_code ignored;
  const std::string prefix = path.filename().string() + ".tmp-";
  for (const auto& entry : fs::directory_iterator(path.parent_path(), ignored)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const auto age = fs::file_time_type::clock::now() - entry.last_write_time(ignored);
    if (!ignored && age > std::chrono::hours(1)) fs::remove(entry.path(), ignored);
  }
}

}  // namespace

Json packed_key(const WeightSource& weights) {
  Json files = Json::array();
  for (const fs::path& path : weights.files()) {
    std::error_code failed;
    const auto size = fs::file_size(path, failed);
    const auto time = fs::last_write_time(path, failed).time_since_epoch();
    if (failed) return {};
    files.push_back({{"path", resolved(path).string()},
                     {"bytes", size},
                     {"time_ns", std::chrono::duration_cast<std::chrono::nanoseconds>(time).count()}});
  }
  if (files.empty()) return {};
  Fingerprint tensors, samples;
  for (const std::string& name : weights.names()) {
    const TensorView& tensor = *weights.find(name);
    tensors.add(fmt::format("{} {} {}\n", name, dtype_info(tensor.dtype).name, fmt::join(tensor.shape, ",")));
    add_samples(tensor, samples);
  }
  weights.check_intact();
  return {{"layout", PackedMatrix::kLayout},
          {"files", std::move(files)},
          {"tensors", fmt::format("{:016x}", tensors.value())},
          {"samples", fmt::format("{:016x}", samples.value())}};
}

fs::path packed_path(const fs::path& folder, const WeightSource& weights) {
  return folder / file_name(resolved(weights.files().at(0)));
}

std::unique_ptr<PackedFile> PackedFile::open(const fs::path& path, const Json& key) {
  try {
    auto file = std::make_shared<const MappedFile>(MappedFile::open(path));
    size_t position = 0;
    Json header = read_header(*file, position);
    if (!header.is_object() || header.value("key", Json()) != key) return nullptr;
    const Json matrices = header.value("matrices", Json());
    if (!matrices.is_array()) return nullptr;
    auto packed = std::make_unique<PackedFile>();
    packed->file_ = std::move(file);
    packed->matrices_ = matrices;
    return packed;
  } catch (const Error&) {  // not there, cut off, unreadable: all the same here
    return nullptr;
  }
}

PackedMatrix PackedFile::next(PackedMatrix::Format format, int64_t n, int64_t k) {
  const auto refuse = [&](const char* what) {
    return error(ErrorKind::kCorrupt, "{}: packed matrix {} {}", file_->path().string(), taken_, what);
  };
  if (taken_ >= matrices_.size()) throw refuse("is missing");
  const Json& facts = matrices_[taken_];
  const bool listed = facts.is_array() && facts.size() == 4 && facts[3].is_number_unsigned();
  if (!listed || facts[0] != static_cast<int>(format) || facts[1] != n || facts[2] != k) {
    throw refuse("is of another format or shape");
  }
  const auto offset = facts[3].get<uint64_t>();
  const auto bytes = static_cast<uint64_t>(PackedMatrix::bytes_needed(format, n, k));
  const std::span<const std::byte> file = file_->bytes();
  if (offset % kAlignment != 0 || offset > file.size() || bytes > file.size() - offset) {
    throw refuse("does not lie within the file");
  }
  ++taken_;
  return PackedMatrix(format, n, k, file.data() + offset, file_);
}

void write_packed(const fs::path& path, const Json& key, const std::vector<PackedMatrix>& matrices) {
  const auto header_text = [&](size_t first) {
    Json list = Json::array();
    size_t offset = first;
    for (const PackedMatrix& matrix : matrices) {
      list.push_back(Json::array({static_cast<int>(matrix.format()), matrix.n(), matrix.k(), offset}));
      offset += matrix.bytes().size();
    }
    return to_json_line({{"key", key}, {"matrices", std::move(list)}});
  };
  // Offsets grow with the header that names them: room for it is taken from one with the widest first.
  const size_t prefix = kMagic.size() + sizeof(uint64_t);
  const size_t first = aligned(prefix + header_text(size_t{1} << 40).size());
  std::string header = header_text(first);
  header.resize(first - prefix, ' ');
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  remove_abandoned(path);
  write_file_atomically(path, [&](const ByteSink& sink) {
    const uint64_t length = header.size();
    sink(kMagic.data(), kMagic.size());
    sink(&length, sizeof(length));
    sink(header.data(), header.size());
    for (const PackedMatrix& matrix : matrices) sink(matrix.bytes().data(), matrix.bytes().size());
  });
}

std::vector<PackedEntry> list_packed(const fs::path& folder) {
  std::vector<PackedEntry> entries;
  std::error_code absent;
  for (const auto& found : fs::directory_iterator(folder, absent)) {
    const std::string name = found.path().filename().string();
    if (name.find(".pack") == name.npos) continue;
    PackedEntry entry = {.path = found.path(), .model = {}, .bytes = found.file_size(absent)};
    try {
      size_t end = 0;
      entry.model = read_header(MappedFile::open(entry.path), end).at("key").at("files").at(0).at("path");
    } catch (const std::exception&) {  // listed all the same, to be removed
    }
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return entries;
}

}  // namespace pent
