// API paths, header fields and their meaning: the hub's API documentation and huggingface_hub (file_download.py, hf_api.py).
#include "io/hub/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <thread>

#include "base/mapped_file.h"
#include "base/paths.h"

namespace pent {
namespace {

constexpr size_t kMaxAnswerBytes = size_t{1} << 24;
constexpr int kMaxRedirects = 8;
constexpr int kMaxPages = 500;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// Neither blank nor control character: it becomes a part of a header line.
std::string checked_token(const std::string& text, const std::string& source) {
  const std::string token = trimmed(text);
  if (token.size() > 4096 ||
      std::any_of(token.begin(), token.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; }))
    throw error(ErrorKind::kInvalidArgument,
                "{} holds something that is no access token (blanks or control characters in it); unset it or put the "
                "token there alone",
                source);
  return token;
}

std::string find_token() {
  if (const std::string token = environment("HF_TOKEN"); !token.empty()) return checked_token(token, "HF_TOKEN");
  const std::filesystem::path file = environment_path("HF_TOKEN_PATH").value_or(hub_home() / "token");
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) return "";
  return checked_token(read_file(file, 8192), file.string());
}

std::optional<double> retry_after(const HttpHead& head) {
  const std::string text = head.field("retry-after");
  if (text.empty()) return std::nullopt;
  if (text.find_first_not_of("0123456789") == text.npos) return std::strtod(text.c_str(), nullptr);
  const time_t when = curl_getdate(text.c_str(), nullptr);
  if (when < 0) return std::nullopt;
  return std::max(0.0, std::difftime(when, std::time(nullptr)));
}

bool is_redirect(int status) {
  return status >= 301 && status <= 308 && status != 304 && status != 305 && status != 306;
}

bool is_busy(int status) { return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505); }

// "bytes 100-199/200" -> 100
std::optional<uint64_t> range_begin(const std::string& content_range) {
  unsigned long long begin = 0;
  if (std::sscanf(content_range.c_str(), "bytes %llu-", &begin) != 1) return std::nullopt;
  return begin;
}

}  // namespace

HubOptions hub_options_from_environment() {
  HubOptions options;
  if (std::string endpoint = environment("HF_ENDPOINT"); !endpoint.empty()) {
    while (endpoint.ends_with('/')) endpoint.pop_back();
    if (url_origin(endpoint).empty() || endpoint.find_first_of("@?#") != endpoint.npos)
      throw error(ErrorKind::kInvalidArgument,
                  "HF_ENDPOINT is no address of a hub; expected http(s)://HOST[:PORT][/PATH] without a user in it");
    options.endpoint = endpoint;
  }
  options.token = find_token();
  options.offline = environment_switch("HF_HUB_OFFLINE");
  if (const std::string timeout = environment("HF_HUB_DOWNLOAD_TIMEOUT"); !timeout.empty()) {
    char* end = nullptr;
    options.stall_s = std::strtod(timeout.c_str(), &end);
    if (*end != '\0' || !(options.stall_s >= 1 && options.stall_s <= 86400))
      throw error(ErrorKind::kInvalidArgument, "HF_HUB_DOWNLOAD_TIMEOUT is '{}'; expected seconds, 1 to 86400",
                  printable(timeout));
  }
  return options;
}

HubClient::HubClient(HubOptions options) : options_(std::move(options)), http_(options_.stall_s, options_.cancel) {}

void HubClient::wait(double seconds) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    if (options_.cancel != nullptr && options_.cancel->cancelled()) throw error(ErrorKind::kCancelled, "cancelled");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void HubClient::with_retries(const std::function<void()>& attempt, const std::function<bool()>& progressed) {
  bool moved = false;
  for (int failures = 0;;) {
    try {
      return attempt();
    } catch (const TransientError& failure) {
      if (progressed()) {
        failures = 0;
        moved = true;
      }
      // A hub that cannot be reached at all is reported at once; one that was there before may come back.
      const int tries = failure.unreachable && !moved ? std::min(options_.tries, 2) : options_.tries;
      if (++failures >= tries) throw;
      const double pause = failure.wait_s.value_or(options_.backoff_s * std::pow(2, failures - 1));
      if (pause > options_.max_wait_s)
        throw error(ErrorKind::kIo, "{}; it asks to wait {:.0f} s: try again then", failure.what(), pause);
      if (options_.notice && pause >= 1) options_.notice(fmt::format("{}; again in {:.0f} s", failure.what(), pause));
      wait(pause);
    }
  }
}

// The token is for the hub alone: not for the storage it redirects to, and not for everybody on the way.
bool HubClient::gets_token(const std::string& url) const {
  if (options_.token.empty() || url_origin(url) != url_origin(options_.endpoint)) return false;
  return url_origin(url).starts_with("https:") || is_loopback(url);
}

Error HubClient::refusal(const HttpHead& head, const Asked& asked) const {
  const std::string page = options_.endpoint + "/" + asked.reference.repo();
  const std::string code = head.field("x-error-code");
  std::string said = head.field("x-error-message");
  // Whatever the server quotes, a token does not get into a log.
  for (size_t at; !options_.token.empty() && (at = said.find(options_.token)) != said.npos;)
    said.replace(at, options_.token.size(), "…");
  const std::string quoted = said.empty() ? "" : fmt::format(" (\"{}\")", printable(said, 160));
  const bool withheld = !options_.token.empty() && !gets_token(options_.endpoint);
  const char* token_hint = withheld ? "a token is not sent over http to another machine; use an https endpoint"
                           : options_.token.empty()
                               ? "set HF_TOKEN to an access token (or put it into $HF_HOME/token)"
                               : "the token in HF_TOKEN or $HF_HOME/token is not valid or may not read it";
  if (code == "GatedRepo" || (head.status == 403 && code.empty()))
    return error(ErrorKind::kUnsupported, "{}: access must be granted first: ask for it at {}; {} (HTTP {}){}",
                 asked.what, page, token_hint, head.status, quoted);
  if (head.status == 401 || head.status == 403)
    return error(ErrorKind::kUnsupported,
                 "{}: no such repository, or one that is not public; check the name, {} (HTTP {}){}", asked.what,
                 token_hint, head.status, quoted);
  if (code == "RevisionNotFound")
    return error(ErrorKind::kNotFound, "{}: no revision '{}'; the branches, tags and commits are at {}/commits",
                 asked.what, printable(asked.reference.revision), page);
  if (head.status == 404)
    return error(ErrorKind::kNotFound, "{}: not at {} (HTTP 404); check the spelling of ORG/NAME and revision{}",
                 asked.what, options_.endpoint, quoted);
  if (is_busy(head.status))
    return TransientError(fmt::format("{}: {} {} (HTTP {}){}; try again later", asked.what, options_.endpoint,
                                      head.status == 429 ? "is asked too often" : "is in trouble", head.status, quoted),
                          retry_after(head));
  return error(ErrorKind::kIo, "{}: {} answered HTTP {}{}; is it a Hugging Face hub (HF_ENDPOINT)?", asked.what,
               options_.endpoint, head.status, quoted);
}

HttpHead HubClient::open(const std::string& url, uint64_t from, const Asked& asked, const HttpClient::OnHead& on_head,
                         const HttpClient::OnBody& on_body) {
  std::string at = url;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    HttpRequest request{.url = at, .from = from};
    if (gets_token(at)) request.headers.push_back("Authorization: Bearer " + options_.token);
    const HttpHead head = http_.get(
        request, [&](const HttpHead& seen) { return (seen.status == 200 || seen.status == 206) && on_head(seen); },
        on_body);
    if (!is_redirect(head.status)) {
      if (head.status == 200 || head.status == 206 || (head.status == 416 && from > 0)) return head;
      const Error failure = refusal(head, asked);
      if (is_busy(head.status)) throw TransientError(failure.what(), retry_after(head));
      throw failure;
    }
    const std::string target = url_origin(head.redirect);
    if (target.empty())
      throw error(ErrorKind::kCorrupt, "{}: {} redirects to something that is no http(s) address", asked.what,
                  url_host(at));
    if (url_origin(at).starts_with("https:") && !target.starts_with("https:"))
      throw error(ErrorKind::kUnsupported, "{}: {} redirects from https to unprotected http, which is not followed",
                  asked.what, url_host(at));
    at = head.redirect;
  }
  throw error(ErrorKind::kIo, "{}: more than {} redirections in a row", asked.what, kMaxRedirects);
}

std::string HubClient::get_text(const std::string& url, const Asked& asked, HttpHead& head) {
  std::string text;
  with_retries(
      [&] {
        text.clear();
        head = open(
            url, 0, asked, [](const HttpHead&) { return true; },
            [&](std::string_view piece) {
              if (text.size() + piece.size() > kMaxAnswerBytes)
                throw error(ErrorKind::kResourceExhausted,
                            "{}: the hub's answer is longer than {} MiB, which no listing of a model is", asked.what,
                            kMaxAnswerBytes >> 20);
              text += piece;
            });
      },
      [] { return false; });
  return text;
}

std::string HubClient::commit(const HubReference& reference) {
  std::string escaped = url_escaped_path(reference.revision);
  for (size_t at; (at = escaped.find('/')) != escaped.npos;) escaped.replace(at, 1, "%2F");
  const std::string url =
      fmt::format("{}/api/models/{}/revision/{}", options_.endpoint, url_escaped_path(reference.repo()), escaped);
  HttpHead head;
  const std::string text = get_text(url, {reference, reference.text()}, head);
  return parse_hub_revision(text, reference.repo() + ": the hub's answer");
}

std::vector<HubFile> HubClient::list(const HubReference& reference, const std::string& commit) {
  std::vector<HubFile> files;
  std::string url = fmt::format("{}/api/models/{}/tree/{}?recursive=true", options_.endpoint,
                                url_escaped_path(reference.repo()), commit);
  for (int page = 0; page < kMaxPages; ++page) {
    HttpHead head;
    const std::string text = get_text(url, {reference, reference.text()}, head);
    const size_t before = files.size();
    parse_hub_tree(text, reference.repo() + ": the hub's list of files", files);
    url = next_page(head.field("link"));
    if (url.empty()) return files;
    if (files.size() == before) break;  // pages without an end
  }
  throw error(ErrorKind::kResourceExhausted, "{}: the hub's list of files has no end", reference.repo());
}

void HubClient::stream(const HubReference& reference, const std::string& commit, const std::string& path, uint64_t from,
                       const std::function<void(uint64_t)>& begin, const HttpClient::OnBody& take) {
  const std::string url = fmt::format("{}/{}/resolve/{}/{}", options_.endpoint, url_escaped_path(reference.repo()),
                                      commit, url_escaped_path(path));
  const Asked asked{reference, reference.repo() + "/" + printable(path)};
  const HttpHead head = open(
      url, from, asked,
      [&](const HttpHead& seen) {
        const uint64_t offset = seen.status == 206 ? range_begin(seen.field("content-range")).value_or(0) : 0;
        if (offset != 0 && offset != from)
          throw error(ErrorKind::kCorrupt, "{}: asked for bytes from {} on, the server sends those from {}", asked.what,
                      from, offset);
        begin(offset);
        return true;
      },
      take);
  if (head.status == 416) begin(0);  // it has no such bytes: what is here cannot be the beginning of it
}

}  // namespace pent
