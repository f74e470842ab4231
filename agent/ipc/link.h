// One end of a SOCK_SEQPACKET pair between two of the daemon's processes.
//
// Scope:     sends messages of agent/ipc/messages.h, and receives those of one
//            set of them, checked: length, version, type, ranges, descriptors.
//            A message that fails any check is kApiMisuse; close the link
//            then, whoever sends one is broken or hostile.
// Layer:     agent/ipc; base and the socket calls only.
// Threads:   thread-compatible.
// Privilege: none.
// Design:    docs/design/process-model.md
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "agent/ipc/messages.h"
#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// Whether an error of Receive, or of handling what it gave, is the other end's
// doing: no end, and nothing that this process or the kernel lacks.
bool BrokeRules(const Error& error);

// What may arrive at one end of a link.
using ToWorker = std::variant<Job, TakeLink, EndJob, Forget, ChoiceReply,
                              BinderReply, PskProofReply, SecretReply>;
using FromWorker =
    std::variant<JobReport, ChoiceRequest, BinderRequest, PskProofRequest,
                 SecretRequest, NotConfined, LoopChosen>;
using ToKeeper = std::variant<AddWorker, RemoveWorker, TakeBell, SigningTerms,
                              LoadCredential, EndJob, Forget>;
using FromKeeper =
    std::variant<CredentialLoaded, Signed, Misbehaved, NotConfined>;
using ToVerifier = std::variant<AddWorker, RemoveWorker, TakeBell, VerdictTerms,
                                LoadTrust, LoadTags, Recheck, EndJob, Forget>;
using FromVerifier = std::variant<TrustLoaded, TagsLoaded, PeerChain, Verdict,
                                  Rechecked, Misbehaved, NotConfined>;
using WorkerToKeeper = std::variant<ChainRequest, SignRequest>;
using KeeperToWorker = std::variant<ChainReply, SignReply>;
using WorkerToVerifier = std::variant<ProofRequest>;
using VerifierToWorker = std::variant<ProofReply>;
using ToSleeper = std::variant<Wake>;

// One checked message. `payload` lives in the link until its next Receive.
template <typename Set>
struct Received {
  Set message;
  ByteView payload;
  std::vector<OwnedFd> descriptors;
};

// Whether descriptors are taken. kNone receives without a control buffer, so
// that the kernel closes what a sender attached.
enum class Descriptors : uint8_t { kNone, kTake };

class Link {
 public:
  // More messages than a link's queue holds: whoever reads so many has read all
  // that was there at first, and whoever sends without end keeps nobody.
  static constexpr unsigned kMostQueued = 4096;

  // How many TakeSeveral() takes at once.
  static constexpr std::size_t kMostAtOnce = 8;

  explicit Link(OwnedFd socket) : socket_(std::move(socket)) {}
  Link(Link&&) noexcept = default;
  Link& operator=(Link&&) noexcept = default;
  ~Link() = default;

  BorrowedFd socket() const { return socket_.borrow(); }
  // How much memory what was sent here and not yet received takes, in bytes.
  std::size_t unread() const;
  // How many messages were sent here so far.
  uint64_t sent() const { return sent_; }

  // Sends `message` and `payload` as one packet; fills in the header. Never
  // blocks.
  // Errors: kTooBusy    the queue is full; nothing was sent
  //         kPeerClosed the other end is gone
  template <typename M>
  Status Send(M message, ByteView payload = {},
              std::span<const BorrowedFd> descriptors = {}) {
    message.header = {kIpcVersion, M::kType,
                      static_cast<uint32_t>(sizeof(M) + payload.size())};
    RETURN_IF_ERROR(SendPacket(BytesOf(message), payload, descriptors,
                               M::kCarries.payload));
    Ring();
    return Ok{};
  }

  // Gives the other end a bell: from then on it need not wake for each message,
  // but when Ring() is called, as Send() does, and reads this link before it
  // does anything that others ask of it. Where that cannot be made it wakes as
  // before.
  void GiveBell();
  void Ring();
  // As Send(), but rings only for one of many: for what the other end needs
  // when somebody else asks it for something.
  template <typename M>
  Status SendSilently(M message) {
    message.header = {kIpcVersion, M::kType, sizeof(M)};
    RETURN_IF_ERROR(SendPacket(BytesOf(message), {}, {}, 0));
    if (++silent_ >= kMostSilent) {
      Ring();
    }
    return Ok{};
  }

  // Waits until the queue takes it: for a keeper's or verifier's notices to
  // the monitor, which never waits for them.
  template <typename M>
  Status SendWaiting(const M& message, ByteView payload = {}) {
    for (;;) {
      Status sent = Send(message, payload);
      if (sent.ok() || sent.error().code != Code::kTooBusy) {
        return sent;
      }
      RETURN_IF_ERROR(WaitWritable());
    }
  }

  // The next message of `Set`, or nothing when none is there; what the other
  // end sent before it closed comes first. Never blocks.
  // Errors: kPeerClosed   the other end is gone
  //         kApiMisuse    the packet is none of `Set`, or fails a check
  //         kNoMemory     the first call had no room for messages
  //         kSystemFailed the kernel gave none
  template <typename Set>
  Result<std::optional<Received<Set>>> Receive(
      Descriptors descriptors = Descriptors::kNone) {
    ASSIGN_OR_RETURN(std::optional<Packet> packet, ReceivePacket(descriptors));
    if (!packet.has_value()) {
      return std::optional<Received<Set>>();
    }
    return Parse(std::move(*packet), static_cast<Set*>(nullptr));
  }

  // From now on one call to the kernel takes several messages, and one that
  // found fewer is believed that there are no more: Receive says nothing then
  // without another call. For who is told of what comes later, calls AskAnew()
  // before each reading, and stops when Receive has nothing; or, where it is
  // told again while there is something to read, when !taken().
  void TakeSeveral();
  // What came since the last call is to be had.
  void AskAnew() { emptied_ = false; }
  // Receive has another message without asking the kernel.
  bool taken() const { return next_ < taken_.size(); }

  // Wipes the messages received so far, for one that held a secret.
  void Wipe();

 private:
  struct Packet {
    ByteView bytes;
    std::vector<OwnedFd> descriptors;
  };
  // A fraction of what a link's queue holds.
  static constexpr unsigned kMostSilent = 128;
  using Buffer = std::array<uint8_t, kMaxMessageBytes>;
  // Pages that go back to the kernel with their link. On the heap, links that
  // come and go with workers would leave holes that only grow in number.
  class Buffers {
   public:
    Buffers() = default;
    Buffers(Buffers&& other) noexcept
        : buffers_(std::exchange(other.buffers_, {})), used_(other.used_) {}
    Buffers& operator=(Buffers&& other) noexcept {
      Unmap();
      buffers_ = std::exchange(other.buffers_, {});
      used_ = other.used_;
      return *this;
    }
    ~Buffers() { Unmap(); }

    static Result<Buffers> Map(std::size_t count);
    Buffer& operator[](std::size_t i) const { return buffers_[i]; }
    std::size_t size() const { return buffers_.size(); }
    // So many bytes were written into one.
    void Use(std::size_t i, std::size_t bytes);
    // What was written into the first ones.
    void Wipe(std::size_t count);

   private:
    void Unmap();

    std::span<Buffer> buffers_;
    std::array<std::size_t, kMostAtOnce> used_{};  // of each, and not wiped
  };
  struct Taken {
    std::size_t size = 0;
    bool cut = false;
    std::vector<OwnedFd> descriptors;
  };

  template <typename M>
  static ByteView BytesOf(const M& message) {
    return ByteView(reinterpret_cast<const uint8_t*>(&message), sizeof(M));
  }

  template <typename... Ms>
  static Result<std::optional<Received<std::variant<Ms...>>>> Parse(
      Packet packet, std::variant<Ms...>*) {
    std::optional<Received<std::variant<Ms...>>> parsed;
    const MessageType type = TypeOf(packet.bytes);
    if ((... || (Ms::kType == type && Take<Ms>(packet, parsed)))) {
      return parsed;
    }
    return Error{Code::kApiMisuse, "malformed or unexpected message"};
  }

  template <typename M, typename Into>
  static bool Take(Packet& packet, std::optional<Into>& into) {
    M message;
    if (!Fits(packet, sizeof(M), M::kCarries)) {
      return false;
    }
    std::memcpy(static_cast<void*>(&message), packet.bytes.data(), sizeof(M));
    if (!message.Check()) {
      return false;
    }
    into.emplace(Into{message, packet.bytes.subspan(sizeof(M)),
                      std::move(packet.descriptors)});
    return true;
  }

  static MessageType TypeOf(ByteView packet);
  static bool Fits(const Packet& packet, std::size_t fixed,
                   const Carries& carries);
  Status SendPacket(ByteView fixed, ByteView payload,
                    std::span<const BorrowedFd> descriptors,
                    std::size_t max_payload);
  Result<std::optional<Packet>> ReceivePacket(Descriptors descriptors);
  // Returns how many messages were taken; 0: there are none.
  Result<std::size_t> Fetch(Descriptors descriptors);
  Status WaitWritable();

  OwnedFd socket_;
  std::size_t at_once_ = 1;
  Buffers buffers_;
  std::vector<Taken> taken_;  // by the last call
  std::size_t next_ = 0;      // of them
  bool emptied_ = false;      // by that call
  uint64_t sent_ = 0;
  OwnedFd bell_;         // our end, if there is one
  unsigned silent_ = 0;  // messages since it rang
};

// A connected pair with room for many messages. Both ends are close-on-exec.
Result<std::pair<OwnedFd, OwnedFd>> MakeLinkPair();

}  // namespace ktlsd::agent
