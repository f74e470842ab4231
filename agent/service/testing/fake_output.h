// Records what a role says, in order.
//
// Layer:     agent/service/testing.
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "agent/ipc/wire_types.h"
#include "agent/service/role_output.h"
#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::agent {

template <typename Notice, typename Answer>
class FakeOutput final : public RoleOutput<Notice, Answer> {
 public:
  struct Replied {
    WorkerId worker;
    Answer answer;
    Bytes payload;
  };
  // All that was said, in order.
  std::vector<std::variant<Notice, Replied>> said;
  // What the next calls of each kind return, when set.
  std::optional<Error> notify_error;
  std::optional<Error> reply_error;

  // Of the last notice that had one.
  Bytes notice_payload;

  using RoleOutput<Notice, Answer>::Notify;
  Status Notify(const Notice& notice, ByteView payload) override {
    if (notify_error) {
      return *notify_error;
    }
    said.push_back(notice);
    if (!payload.empty()) {
      notice_payload.assign(payload.begin(), payload.end());
    }
    return Ok{};
  }
  Status Reply(WorkerId worker, const Answer& answer,
               ByteView payload) override {
    if (reply_error) {
      return *reply_error;
    }
    said.push_back(
        Replied{worker, answer, Bytes(payload.begin(), payload.end())});
    return Ok{};
  }

  // The next thing said, which must be a notice of this kind; throws else.
  template <typename Message>
  Message TakeNotice() {
    return std::get<Message>(std::get<Notice>(Take()));
  }
  // The next thing said, which must be an answer of this kind to `worker`.
  template <typename Message>
  std::pair<Message, Bytes> TakeReply(WorkerId worker) {
    Replied replied = std::get<Replied>(Take());
    if (replied.worker != worker) {
      throw std::bad_variant_access();
    }
    return {std::get<Message>(replied.answer), std::move(replied.payload)};
  }

 private:
  std::variant<Notice, Replied> Take() {
    if (said.empty()) {
      throw std::bad_variant_access();
    }
    auto first = std::move(said.front());
    said.erase(said.begin());
    return first;
  }
};

}  // namespace ktlsd::agent
