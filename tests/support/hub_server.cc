#include "support/hub_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>

#include "io/hub/download.h"

namespace pent {
namespace {

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

void send_answer(int fd, int status, const std::string& fields, const std::string& body) {
  send_all(fd, fmt::format("HTTP/1.1 {} Test\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n{}", status, fields,
                           body.size(), body));
}

// The value of a header line, found without regard to case.
std::string field(const std::string& head, const std::string& name) {
  std::string lower = head;
  std::transform(lower.begin(), lower.end(), lower.begin(), ::tolower);
  const size_t at = lower.find("\r\n" + name + ": ");
  if (at == lower.npos) return "";
  const size_t begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

std::string unescaped(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::string quoted(const std::string& text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  return json + "\"";
}

}  // namespace

HubServer::Listener HubServer::listen_anywhere() {
  Listener listener;
  listener.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener.fd < 0 || ::bind(listener.fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener.fd, 64) != 0 || ::getsockname(listener.fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no port to listen on");
  listener.port = ::ntohs(address.sin_port);
  return listener;
}

HubServer::HubServer(Manners manners)
    : manners_(std::move(manners)), hub_(listen_anywhere()), storage_(listen_anywhere()) {
  acceptor_ = std::thread([this] { accept_all(); });
}

HubServer::~HubServer() {
  stop_ = true;
  acceptor_.join();
  for (std::thread& connection : connections_) connection.join();
  ::close(hub_.fd);
  ::close(storage_.fd);
}

std::string HubServer::endpoint() const { return fmt::format("http://127.0.0.1:{}", hub_.port); }

std::vector<HubServer::Request> HubServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

size_t HubServer::count(const std::string& target_part) const {
  const std::vector<Request> all = requests();
  return static_cast<size_t>(std::count_if(
      all.begin(), all.end(), [&](const Request& r) { return r.target.find(target_part) != r.target.npos; }));
}

void HubServer::accept_all() {
  while (!stop_) {
    pollfd ports[2] = {{hub_.fd, POLLIN, 0}, {storage_.fd, POLLIN, 0}};
    if (::poll(ports, 2, 20) <= 0) continue;
    for (const bool storage : {false, true}) {
      if ((ports[storage ? 1 : 0].revents & POLLIN) == 0) continue;
      const int fd = ::accept4(ports[storage ? 1 : 0].fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) connections_.emplace_back([this, fd, storage] { serve(fd, storage); });
    }
  }
}

// One request a connection.
void HubServer::serve(int fd, bool storage) {
  std::string head;
  char buffer[4096];
  while (head.find("\r\n\r\n") == head.npos) {
    pollfd file = {fd, POLLIN, 0};
    if (stop_ || (::poll(&file, 1, 20) > 0 && [&] {
          const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
          if (got > 0) head.append(buffer, static_cast<size_t>(got));
          return got <= 0;
        }()))
      break;
  }
  if (const size_t end = head.find(" HTTP/"); end != head.npos && head.starts_with("GET ")) {
    const Request request{storage, head.substr(4, end - 4), field(head, "authorization"), field(head, "range")};
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    answer(fd, request);
  }
  ::shutdown(fd, SHUT_WR);
  while (::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
  }
  ::close(fd);
}

void HubServer::answer(int fd, const Request& request) {
  {
    const std::lock_guard lock(mutex_);
    if (manners_.busy_answers > 0) {
      --manners_.busy_answers;
      return send_answer(fd, 429, "Retry-After: " + manners_.retry_after + "\r\n", "slow down");
    }
  }
  std::string fields;
  for (const auto& [name, value] : manners_.error_fields) fields += name + ": " + value + "\r\n";
  for (const auto& [part, status] : manners_.status)
    if (request.target.find(part) != request.target.npos) return send_answer(fd, status, fields, "no");
  if (!request.storage && !manners_.token.empty() && request.authorization != "Bearer " + manners_.token)
    return send_answer(fd, 401, fields + "X-Error-Message: Invalid username or password.\r\n", "no");
  const std::string api = "/api/models/org/name/";
  if (request.target.starts_with(api + "revision/"))
    return send_answer(fd, 200, "", fmt::format("{{\"id\":\"org/name\",\"sha\":\"{}\"}}", manners_.commit));
  if (request.target.starts_with(api + "tree/" + manners_.commit)) return answer_listing(fd, request.target);
  const std::string resolve = "/org/name/resolve/" + manners_.commit + "/";
  if (request.target.starts_with(resolve))
    return answer_file(fd, request, unescaped(request.target.substr(resolve.size())));
  send_answer(fd, 404, "X-Error-Code: RepoNotFound\r\n", "no");
}

std::string HubServer::listing(size_t begin, size_t end) const {
  std::string json;
  size_t i = 0;
  for (const auto& [path, file] : manners_.files) {
    if (i++ < begin || i > end) continue;
    const auto other = manners_.size_instead.find(path);
    const HubFile described{.path = path, .size = file.content.size(), .large = file.large};
    const uint64_t size = other == manners_.size_instead.end() ? described.size : other->second;
    const std::string hash = hub_hash(described, file.content);
    json += json.empty() ? "" : ",";
    if (file.large)
      json += fmt::format(
          "{{\"type\":\"file\",\"oid\":\"{}\",\"size\":{},\"path\":{},\"lfs\":{{\"oid\":\"{}\",\"size\":{},"
          "\"pointerSize\":134}}}}",
          std::string(40, 'a'), size, quoted(path), hash, size);
    else
      json += fmt::format("{{\"type\":\"file\",\"oid\":\"{}\",\"size\":{},\"path\":{}}}", hash, size, quoted(path));
  }
  return "[" + json + "]";
}

void HubServer::answer_listing(int fd, const std::string& target) {
  if (!manners_.listing_instead.empty()) return send_answer(fd, 200, "", manners_.listing_instead);
  size_t begin = 0;
  if (const size_t at = target.find("cursor="); at != target.npos) begin = std::stoul(target.substr(at + 7));
  const size_t end = begin + manners_.page_size;
  std::string link;
  if (end < manners_.files.size())
    link = fmt::format("Link: <{}/api/models/org/name/tree/{}?recursive=true&cursor={}>; rel=\"next\"\r\n", endpoint(),
                       manners_.commit, end);
  send_answer(fd, 200, link, listing(begin, end));
}

void HubServer::answer_file(int fd, const Request& request, const std::string& path) {
  const auto found = manners_.files.find(path);
  if (found == manners_.files.end()) return send_answer(fd, 404, "X-Error-Code: EntryNotFound\r\n", "no");
  if (!request.storage && found->second.large && (manners_.redirect_large || !manners_.redirect_to.empty())) {
    const std::string to = manners_.redirect_to.empty()
                               ? fmt::format("http://127.0.0.1:{}", storage_.port) + request.target
                               : manners_.redirect_to;
    return send_answer(fd, 302, "Location: " + to + "\r\n", "Found. Redirecting");
  }
  const auto other = manners_.content_instead.find(path);
  const std::string& content = other == manners_.content_instead.end() ? found->second.content : other->second;
  size_t from = 0;
  if (!manners_.ignore_range && request.range.starts_with("bytes=")) from = std::stoul(request.range.substr(6));
  if (from > 0 && from >= content.size()) return send_answer(fd, 416, "", "");
  size_t end = content.size();
  {
    const std::lock_guard lock(mutex_);
    const auto cuts = manners_.cuts.find(path);
    size_t& done = cuts_done_[path];
    if (cuts != manners_.cuts.end() && done < cuts->second.size()) end = std::min(end, from + cuts->second[done++]);
  }
  std::string head = from > 0 ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n";
  if (from > 0) head += fmt::format("Content-Range: bytes {}-{}/{}\r\n", from, content.size() - 1, content.size());
  if (!manners_.no_length) head += fmt::format("Content-Length: {}\r\n", content.size() - from);
  if (!send_all(fd, head + "Connection: close\r\n\r\n")) return;
  constexpr size_t kPiece = 4096;
  for (size_t at = from; at < end && !stop_; at += kPiece) {
    if (!send_all(fd, std::string_view(content).substr(at, std::min(kPiece, end - at)))) return;
    const size_t sent = std::min(at + kPiece, end) - from;
    const bool hangs = manners_.hang || (manners_.hang_after > 0 && sent >= manners_.hang_after);
    while (hangs && !stop_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (manners_.pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(manners_.pause_ms));
  }
}

}  // namespace pent
