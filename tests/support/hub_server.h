// A small server on this machine that speaks the Hugging Face hub's protocol for one repository, org/name, and can misbehave
// in the ways that a network or a hostile hub does. A second port plays the storage that the hub redirects to.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace pent {

class HubServer {
 public:
  struct File {
    std::string content;
    bool large = true;  // in LFS: announced with its SHA-256, and redirected to the storage
  };
  struct Request {
    bool storage = false;  // came to the second port
    std::string target;    // "/api/models/…"
    std::string authorization;
    std::string range;
  };

  // How it behaves; set before the first request.
  struct Manners {
    std::map<std::string, File> files;
    std::string commit = std::string(40, 'c');
    std::string token;                                // needed for everything, if not empty
    std::map<std::string, int> status;                // target contains this -> answer with that status
    std::map<std::string, std::string> error_fields;  // further header lines of such an answer
    int busy_answers = 0;                             // so many 429 first
    std::string retry_after = "0";
    std::map<std::string, std::vector<size_t>> cuts;     // file -> bytes after which successive answers are cut
    std::map<std::string, std::string> content_instead;  // file -> what is sent in place of the content
    std::map<std::string, uint64_t> size_instead;        // file -> what the listing says
    std::string listing_instead;                         // the whole answer to the listing
    size_t page_size = 1000;                             // files in one page of the listing
    bool ignore_range = false;
    bool no_length = false;  // neither Content-Length nor chunks: the end of the connection ends the body
    bool redirect_large = true;
    std::string redirect_to;  // instead of the storage
    bool hang = false;        // nothing after the first 4 KiB of a file's body, and the connection stays open
    size_t hang_after = 0;    // or after so many bytes
    int pause_ms = 0;         // between pieces of 4 KiB of a file's body
  };

  explicit HubServer(Manners manners);
  ~HubServer();
  HubServer(const HubServer&) = delete;
  HubServer& operator=(const HubServer&) = delete;

  std::string endpoint() const;  // http://127.0.0.1:PORT
  std::vector<Request> requests() const;
  size_t count(const std::string& target_part) const;  // requests whose target contains it

 private:
  struct Listener {
    int fd = -1;
    int port = 0;
  };
  static Listener listen_anywhere();
  void accept_all();
  void serve(int fd, bool storage);
  void answer(int fd, const Request& request);
  void answer_listing(int fd, const std::string& target);
  void answer_file(int fd, const Request& request, const std::string& path);
  std::string listing(size_t begin, size_t end) const;

  Manners manners_;
  Listener hub_, storage_;
  std::atomic<bool> stop_{false};
  std::thread acceptor_;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::vector<std::thread> connections_;
  std::map<std::string, size_t> cuts_done_;
};

}  // namespace pent
