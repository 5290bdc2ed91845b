#include "io/hub/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>

namespace pent {
namespace {

constexpr size_t kMaxFieldBytes = size_t{1} << 16;  // of all fields of an answer together
constexpr long kConnectTimeoutS = 15;

std::string url_part(const std::string& url, CURLUPart part) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  char* text = nullptr;
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return "";
  if (curl_url_get(parsed.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
  const std::unique_ptr<char, decltype(&curl_free)> owned(text, curl_free);
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

// Where `location`, which may be relative, leads from `url`; empty if nowhere.
std::string resolved(const std::string& url, const std::string& location) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  char* text = nullptr;
  if (!parsed || location.empty() || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_set(parsed.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_URL, &text, 0) != CURLUE_OK)
    return "";
  const std::unique_ptr<char, decltype(&curl_free)> owned(text, curl_free);
  return text;
}

bool is_transient(CURLcode code) {
  for (const CURLcode each :
       {CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_PARTIAL_FILE,
        CURLE_OPERATION_TIMEDOUT, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_HTTP2,
        CURLE_HTTP2_STREAM, CURLE_SSL_CONNECT_ERROR, CURLE_WEIRD_SERVER_REPLY})
    if (code == each) return true;
  return false;
}

bool is_unreachable(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT;
}

}  // namespace

std::string HttpHead::field(const std::string& name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : found->second;
}

std::string http_library() { return curl_version(); }

std::string url_host(const std::string& url) { return url_part(url, CURLUPART_HOST); }

std::string url_origin(const std::string& url) {
  const std::string scheme = url_part(url, CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return "";
  return scheme + "://" + url_host(url) + ":" + url_part(url, CURLUPART_PORT);
}

bool is_loopback(const std::string& url) {
  const std::string host = url_host(url);
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

std::string url_escaped_path(std::string_view path) {
  std::string escaped;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("-._~/").find(c) != std::string_view::npos)
      escaped += c;
    else
      escaped += fmt::format("%{:02X}", byte);
  }
  return escaped;
}

// What libcurl's callbacks work on. No exception may pass through libcurl: the first one waits here.
struct HttpClient::Transfer {
  CURL* curl;
  const std::string& url;
  const CancelToken* cancel;
  const OnHead& on_head;
  const OnBody& on_body;
  HttpHead head;
  size_t field_bytes = 0;
  bool head_seen = false;
  bool wanted = false;
  std::exception_ptr failure;

  void finish_head() {
    if (head_seen) return;
    head_seen = true;
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    head.status = static_cast<int>(status);
    if (status >= 300 && status < 400) head.redirect = resolved(url, head.field("location"));
    wanted = on_head(head);
  }

  static size_t take_header(char* data, size_t size, size_t count, void* self_pointer) {
    auto& self = *static_cast<Transfer*>(self_pointer);
    std::string_view line(data, size * count);
    if (line.starts_with("HTTP/")) self.head.fields.clear();  // an interim answer came before
    self.field_bytes += line.size();
    if (self.field_bytes > kMaxFieldBytes) return 0;
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (const size_t colon = line.find(':'); colon != line.npos) {
      std::string name(line.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      line.remove_prefix(std::min(line.find_first_not_of(" \t", colon + 1), line.size()));
      self.head.fields[name] = std::string(line);
    }
    return size * count;
  }

  static size_t take_body(char* data, size_t size, size_t count, void* self_pointer) {
    auto& self = *static_cast<Transfer*>(self_pointer);
    try {
      self.finish_head();
      if (!self.wanted) return 0;  // an error page: its head says enough
      self.on_body({data, size * count});
      return size * count;
    } catch (...) {
      self.failure = std::current_exception();
      return 0;
    }
  }

  static int look_up(void* self_pointer, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    const auto& self = *static_cast<Transfer*>(self_pointer);
    return self.cancel != nullptr && self.cancel->cancelled() ? 1 : 0;
  }
};

HttpClient::HttpClient(double stall_s, const CancelToken* cancel) : cancel_(cancel) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  curl_ = curl_easy_init();
  if (curl_ == nullptr) throw error(ErrorKind::kResourceExhausted, "libcurl cannot start");
  CURL* curl = curl_;
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "pent");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectTimeoutS);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(stall_s)));
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 262144L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
}

HttpClient::~HttpClient() { curl_easy_cleanup(curl_); }

HttpHead HttpClient::get(const HttpRequest& request, const OnHead& on_head, const OnBody& on_body) {
  CURL* curl = curl_;
  Transfer transfer{.curl = curl, .url = request.url, .cancel = cancel_, .on_head = on_head, .on_body = on_body};
  curl_slist* list = nullptr;
  // Sizes and checksums are those of the bytes as they are stored.
  list = curl_slist_append(list, "Accept-Encoding: identity");
  for (const std::string& header : request.headers) list = curl_slist_append(list, header.c_str());
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, curl_slist_free_all);
  const std::string range = std::to_string(request.from) + "-";
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_RANGE, request.from > 0 ? range.c_str() : nullptr);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Transfer::take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Transfer::look_up);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = curl_easy_perform(curl);
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (cancel_ != nullptr && cancel_->cancelled()) throw error(ErrorKind::kCancelled, "cancelled");
  if (transfer.head_seen && !transfer.wanted) return transfer.head;
  if (code == CURLE_OK) {
    transfer.finish_head();
    return transfer.head;
  }
  std::string message = fmt::format("{}: {}", url_host(request.url), curl_easy_strerror(code));
  if (transfer.field_bytes > kMaxFieldBytes) message += " (header fields of more than 64 KiB)";
  if (is_transient(code)) throw TransientError(message, std::nullopt, is_unreachable(code));
  throw Error(ErrorKind::kIo, message);
}

}  // namespace pent
