// One HTTP GET at a time over libcurl, with a connection that is kept. Knows nothing of the hub.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

namespace pent {

// Something that may go away by itself: a cut connection, a server that is busy.
class TransientError : public Error {
 public:
  TransientError(std::string message, std::optional<double> wait_s, bool unreachable = false)
      : Error(ErrorKind::kIo, std::move(message)), wait_s(wait_s), unreachable(unreachable) {}
  std::optional<double> wait_s;  // what the server asks for
  bool unreachable;              // not even a connection came about
};

struct HttpHead {
  int status = 0;
  std::map<std::string, std::string> fields;  // names in lower case
  std::string redirect;                       // absolute; empty if this is no redirection
  // A field, or "".
  std::string field(const std::string& name) const;
};

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  uint64_t from = 0;                 // ask for the bytes from this one on
};

// Scheme, host and port, lower case: who would get what is sent to `url`. Empty where `url` is none of http or https.
std::string url_origin(const std::string& url);
// Only the host, for messages (a whole URL may hold a signature).
std::string url_host(const std::string& url);
bool is_loopback(const std::string& url);
// Percent-encodes all but unreserved characters and slashes.
std::string url_escaped_path(std::string_view path);

// "libcurl/8.1 OpenSSL/3.0 …", as it calls itself.
std::string http_library();

class HttpClient {
 public:
  // `stall_s`: seconds without a byte after which a connection counts as dead. `cancel` is polled during transfers.
  HttpClient(double stall_s, const CancelToken* cancel);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // on_head sees status and fields before the first byte of the body; on_body gets the pieces if on_head returned true.
  // Either may throw: the transfer ends, and the exception goes on to the caller. Redirections are not followed. Throws
  // TransientError, kCancelled, or kIo for what waiting does not mend (a certificate, a malformed URL).
  using OnHead = std::function<bool(const HttpHead&)>;
  using OnBody = std::function<void(std::string_view)>;
  HttpHead get(const HttpRequest& request, const OnHead& on_head, const OnBody& on_body);

 private:
  struct Transfer;
  void* curl_;  // CURL*: its header stays in http.cc
  const CancelToken* cancel_;
};

}  // namespace pent
