// The Hugging Face hub's protocol: which commit, which files, their bytes.
#pragma once

#include <string>
#include <vector>

#include "io/hub/http.h"
#include "io/hub/listing.h"
#include "io/hub/reference.h"

namespace pent {

struct HubOptions {
  std::string endpoint = "https://huggingface.co";
  std::string token;  // empty: ask as nobody in particular
  bool offline = false;
  double stall_s = 30;      // a connection without a byte for so long is given up
  double backoff_s = 0.5;   // before the second try; doubles with each
  int tries = 6;            // without progress in between
  double max_wait_s = 120;  // a server that asks for more is not waited for
  const CancelToken* cancel = nullptr;
  std::function<void(const std::string&)> notice;  // why it waits, before it does; called from several threads
};

// HF_ENDPOINT; HF_TOKEN, else the file HF_TOKEN_PATH, else $HF_HOME/token; HF_HUB_OFFLINE; HF_HUB_DOWNLOAD_TIMEOUT.
// Throws kInvalidArgument for what cannot be meant. The token's text is never part of a message.
HubOptions hub_options_from_environment();

// Not thread-safe: one for each thread. Methods throw kNotFound, kIo (also after all tries), kUnsupported (no access),
// kCorrupt, kCancelled, each one line with what to do about it.
class HubClient {
 public:
  explicit HubClient(HubOptions options);

  std::string commit(const HubReference& reference);
  std::vector<HubFile> list(const HubReference& reference, const std::string& commit);

  // Streams a file's bytes from `from` on: `begin(offset)` says where they start, `from` or 0 where the server does not do
  // ranges, then `take` gets the pieces. One try; a TransientError may come after some pieces.
  void stream(const HubReference& reference, const std::string& commit, const std::string& path, uint64_t from,
              const std::function<void(uint64_t)>& begin, const HttpClient::OnBody& take);

  // Calls `attempt` until it returns without TransientError; after `tries` failures in a row the last is thrown on, what
  // `progressed` says having moved counts as a new start. Waits in between, as long as the server asks or twice longer each
  // time.
  void with_retries(const std::function<void()>& attempt, const std::function<bool()>& progressed);

 private:
  struct Asked {
    const HubReference& reference;
    std::string what;  // begins messages
  };
  HttpHead open(const std::string& url, uint64_t from, const Asked& asked, const HttpClient::OnHead& on_head,
                const HttpClient::OnBody& on_body);
  std::string get_text(const std::string& url, const Asked& asked, HttpHead& head);
  bool gets_token(const std::string& url) const;
  Error refusal(const HttpHead& head, const Asked& asked) const;
  void wait(double seconds) const;

  HubOptions options_;
  HttpClient http_;
};

}  // namespace pent
