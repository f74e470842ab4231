// Kernel TLS as it is: installs keys on loopback connections of the running
// kernel and checks what comes through.
//
//   kernel_test [--require]
//
// Prints KTAP. Exit status: 0 all passed, 1 a case failed, 4 this kernel has
// no TLS (skipped; with --require that is a failure, and so is a missing
// cipher).
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/hkdf.h"
#include "base/key_access.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "base/testing/hex.h"
#include "base/testing/proofs_for_test.h"
#include "base/testing/rfc8448.h"
#include "ktls/crypto_info.h"
#include "ktls/installer.h"
#include "ktls/loopback.h"
#include "ktls/probe.h"
#include "ktls/socket_ops.h"
#include "ktls/tls_options.h"
#include "ktls/verify.h"

namespace ktlsd::ktls {
namespace {

namespace simple = rfc8448::simple;

constexpr CipherSuite kTraceSuite = CipherSuite::kAes128GcmSha256;
constexpr int kPatienceMs = 5000;

Error Failed(std::string_view what, int os_error = 0) {
  return Error{Code::kInternal, what, os_error};
}

// Connections and bytes.

Result<SocketPair> Connect() {
  ASSIGN_OR_RETURN(SocketPair pair, ConnectLoopback());
  const timeval patience = {kPatienceMs / 1000, 0};
  for (const OwnedFd* end : {&pair.client, &pair.server}) {
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
      if (::setsockopt(end->raw(), SOL_SOCKET, option, &patience,
                       sizeof(patience)) != 0) {
        return Failed("setting a timeout", errno);
      }
    }
  }
  return pair;
}

Status Send(const OwnedFd& socket, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(socket.raw(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return Failed("send", errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return Ok{};
}

Result<Bytes> Receive(const OwnedFd& socket, std::size_t size) {
  Bytes bytes(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::recv(socket.raw(), bytes.data() + done, size - done, 0);
    if (got <= 0) {
      return Failed("recv", got < 0 ? errno : 0);
    }
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

Status Expect(const OwnedFd& socket, ByteView bytes) {
  ASSIGN_OR_RETURN(const Bytes received, Receive(socket, bytes.size()));
  if (!SameBytes(received, bytes)) {
    return Failed("received other bytes than were sent");
  }
  return Ok{};
}

Status AwaitInput(const OwnedFd& socket) {
  pollfd entry = {socket.raw(), POLLIN, 0};
  return ::poll(&entry, 1, kPatienceMs) == 1 ? Status(Ok{})
                                             : Failed("nothing arrived");
}

// Keys.

DirectionKeys KeysOf(std::string_view secret, uint64_t next_record) {
  return {HashSecret(KeyAccess(), FromHex(secret)), next_record};
}

DirectionKeys FixedKeys(CipherSuite suite, uint8_t seed) {
  return {HashSecret(KeyAccess(), Bytes(HashSize(HashOf(suite)), seed)), 0};
}

Status InstallOn(const OwnedFd& socket, SessionKeys keys) {
  KernelSocketOps ops;
  return Install(ops, socket.borrow(), std::move(keys),
                 ProofsForTest::MakeFinished(), ProofsForTest::MakeDrained(),
                 ProofsForTest::MakeFlushed());
}

Status VerifyOn(const OwnedFd& socket, CipherSuite suite) {
  KernelSocketOps ops;
  const std::array allowed = {suite};
  const Result<Offloaded> proof = Verify(ops, socket.borrow(), {allowed});
  if (!proof.ok()) {
    return proof.error();
  }
  return proof->suite() == suite ? Status(Ok{})
                                 : Failed("Offloaded has another suite");
}

Status Refused(const Status& status, Code code) {
  if (status.ok()) {
    return Failed("succeeded, and should not");
  }
  if (status.error().code != code) {
    return status;
  }
  return Ok{};
}

// Cases.

Status CarriesDataBothWays(CipherSuite suite) {
  ASSIGN_OR_RETURN(const SocketPair pair, Connect());
  RETURN_IF_ERROR(InstallOn(pair.client,
                            {suite, FixedKeys(suite, 1), FixedKeys(suite, 2)}));
  RETURN_IF_ERROR(InstallOn(pair.server,
                            {suite, FixedKeys(suite, 2), FixedKeys(suite, 1)}));
  RETURN_IF_ERROR(VerifyOn(pair.client, suite));
  RETURN_IF_ERROR(VerifyOn(pair.server, suite));
  Bytes block(1U << 14);
  for (int round = 0; round < 32; ++round) {
    std::ranges::generate(
        block, [i = round]() mutable { return static_cast<uint8_t>(i++ * 7); });
    RETURN_IF_ERROR(Send(pair.client, block));
    RETURN_IF_ERROR(Expect(pair.server, block));
    RETURN_IF_ERROR(Send(pair.server, block));
    RETURN_IF_ERROR(Expect(pair.client, block));
  }
  return Ok{};
}

// Reads one of RFC 8448's records, which arrives as it stands there. Whether
// it is read before or after the keys are installed must not matter.
Status ReadsTraceRecord(std::string_view secret, uint64_t sequence,
                        std::string_view record, bool queued_before) {
  ASSIGN_OR_RETURN(const SocketPair pair, Connect());
  SessionKeys keys = {kTraceSuite, FixedKeys(kTraceSuite, 3),
                      KeysOf(secret, sequence)};
  if (queued_before) {
    RETURN_IF_ERROR(Send(pair.client, FromHex(record)));
    RETURN_IF_ERROR(AwaitInput(pair.server));
  }
  RETURN_IF_ERROR(InstallOn(pair.server, std::move(keys)));
  RETURN_IF_ERROR(VerifyOn(pair.server, kTraceSuite));
  if (!queued_before) {
    RETURN_IF_ERROR(Send(pair.client, FromHex(record)));
  }
  return Expect(pair.server, FromHex(rfc8448::kData));
}

Status ReadsClientRecord() {
  return ReadsTraceRecord(simple::kClientApplicationTraffic, 0,
                          simple::kClientDataRecord, false);
}

Status ReadsServerRecord() {
  return ReadsTraceRecord(simple::kServerApplicationTraffic, 1,
                          simple::kServerDataRecord, false);
}

Status ReadsQueuedRecord() {
  return ReadsTraceRecord(simple::kClientApplicationTraffic, 0,
                          simple::kClientDataRecord, true);
}

Status WrongSequenceIsBadMessage() {
  for (const auto& [secret, sequence, record] :
       {std::tuple(simple::kClientApplicationTraffic, uint64_t{1},
                   simple::kClientDataRecord),
        std::tuple(simple::kServerApplicationTraffic, uint64_t{0},
                   simple::kServerDataRecord),
        std::tuple(simple::kServerApplicationTraffic, uint64_t{2},
                   simple::kServerDataRecord)}) {
    const Status read = ReadsTraceRecord(secret, sequence, record, false);
    if (read.ok() || read.error().os_error != EBADMSG) {
      return Failed("expected EBADMSG", read.ok() ? 0 : read.error().os_error);
    }
  }
  return Ok{};
}

Status WritesTraceRecord(std::string_view secret, uint64_t sequence,
                         std::string_view record) {
  ASSIGN_OR_RETURN(const SocketPair pair, Connect());
  RETURN_IF_ERROR(InstallOn(pair.client, {kTraceSuite, KeysOf(secret, sequence),
                                          FixedKeys(kTraceSuite, 3)}));
  RETURN_IF_ERROR(Send(pair.client, FromHex(rfc8448::kData)));
  return Expect(pair.server, FromHex(record));
}

Status WritesClientRecord() {
  return WritesTraceRecord(simple::kClientApplicationTraffic, 0,
                           simple::kClientDataRecord);
}

Status WritesServerRecord() {
  return WritesTraceRecord(simple::kServerApplicationTraffic, 1,
                           simple::kServerDataRecord);
}

// Bytes that are no record, in the queue when TLS_RX is set: Install does not
// see it, Verify does.
Status QueuedGarbageIsSeenByVerify() {
  ASSIGN_OR_RETURN(const SocketPair pair, Connect());
  RETURN_IF_ERROR(Send(pair.client, Bytes(100, 'x')));
  RETURN_IF_ERROR(AwaitInput(pair.server));
  RETURN_IF_ERROR(InstallOn(
      pair.server,
      {kTraceSuite, FixedKeys(kTraceSuite, 1), FixedKeys(kTraceSuite, 2)}));
  return Refused(VerifyOn(pair.server, kTraceSuite), Code::kPeerReset);
}

Status ClosedPeerIsNamed() {
  ASSIGN_OR_RETURN(const SocketPair pair, Connect());
  if (::shutdown(pair.client.raw(), SHUT_WR) != 0) {
    return Failed("shutdown", errno);
  }
  RETURN_IF_ERROR(AwaitInput(pair.server));
  return Refused(InstallOn(pair.server, {kTraceSuite, FixedKeys(kTraceSuite, 1),
                                         FixedKeys(kTraceSuite, 2)}),
                 Code::kPeerClosed);
}

Status VerifyRefusesWhatIsNotKeyedBothWays() {
  KernelSocketOps ops;
  ASSIGN_OR_RETURN(const SocketPair pair, Connect());
  const auto refused = [&pair] {
    return Refused(VerifyOn(pair.client, kTraceSuite),
                   Code::kOffloadNotConfirmed);
  };
  ASSIGN_OR_RETURN(const CryptoInfo info,
                   MakeCryptoInfo(kTraceSuite, FixedKeys(kTraceSuite, 1)));
  const BorrowedFd socket = pair.client.borrow();
  RETURN_IF_ERROR(refused());
  RETURN_IF_ERROR(AttachTls(ops, socket));
  RETURN_IF_ERROR(refused());
  RETURN_IF_ERROR(SetKeys(ops, socket, Direction::kReceive, info));
  RETURN_IF_ERROR(refused());
  RETURN_IF_ERROR(SetKeys(ops, socket, Direction::kSend, info));
  RETURN_IF_ERROR(VerifyOn(pair.client, kTraceSuite));
  return Refused(VerifyOn(pair.client, CipherSuite::kAes256GcmSha384),
                 Code::kOffloadNotConfirmed);
}

Status InstallWorksOnlyOnce() {
  ASSIGN_OR_RETURN(const SocketPair pair, Connect());
  const auto install = [&pair] {
    return InstallOn(pair.client, {kTraceSuite, FixedKeys(kTraceSuite, 1),
                                   FixedKeys(kTraceSuite, 2)});
  };
  RETURN_IF_ERROR(install());
  return Refused(install(), Code::kOffloadFailed);
}

// KTAP.

class Report {
 public:
  explicit Report(std::size_t planned) {
    fmt::print("KTAP version 1\n1..{}\n", planned);
  }

  void Add(std::string_view name, const Status& status) {
    if (!status.ok()) {
      const Error& error = status.error();
      fmt::print("# {}: {} (errno {})\n", Describe(error.code).label,
                 error.what, error.os_error);
      failed_ = true;
    }
    fmt::print("{} {} {}\n", status.ok() ? "ok" : "not ok", ++count_, name);
  }

  void Skip(std::string_view name, std::string_view why) {
    fmt::print("ok {} {} # SKIP {}\n", ++count_, name, why);
  }

  bool failed() const { return failed_; }

 private:
  int count_ = 0;
  bool failed_ = false;
};

struct Case {
  std::string_view name;
  Status (*run)();
};

constexpr Case kCases[] = {
    {"rfc8448/reads-client-record", ReadsClientRecord},
    {"rfc8448/reads-server-record", ReadsServerRecord},
    {"rfc8448/reads-queued-record", ReadsQueuedRecord},
    {"rfc8448/wrong-sequence-is-ebadmsg", WrongSequenceIsBadMessage},
    {"rfc8448/writes-client-record", WritesClientRecord},
    {"rfc8448/writes-server-record", WritesServerRecord},
    {"verify/queued-garbage-is-seen", QueuedGarbageIsSeenByVerify},
    {"verify/refuses-half-keyed", VerifyRefusesWhatIsNotKeyedBothWays},
    {"install/closed-peer-is-named", ClosedPeerIsNamed},
    {"install/works-only-once", InstallWorksOnlyOnce},
};

constexpr int kSkipped = 4;  // as the kernel's own tests have it

int Run(bool require) {
  KernelSocketOps ops;
  const Result<Capabilities> kernel = Probe(ops);
  if (!kernel.ok()) {
    fmt::print("Bail out! {}\n", kernel.error().what);
    return 1;
  }
  if (!kernel->tls) {
    fmt::print("{} kernel without TLS: TCP_ULP \"tls\" is refused\n",
               require ? "Bail out!" : "1..0 # SKIP");
    return require ? 1 : kSkipped;
  }
  Report report(KnownSuites().size() + std::size(kCases));
  fmt::print("# payload limit: {}\n", kernel->payload_limit ? "yes" : "no");
  for (const CipherSuite suite : KnownSuites()) {
    const std::string name =
        "data-both-ways/" + std::string(CipherSuiteName(suite));
    if (kernel->Offloads(suite) || require) {
      report.Add(name, CarriesDataBothWays(suite));
    } else {
      report.Skip(name, "not offloaded by this kernel");
    }
  }
  for (const Case& test : kCases) {
    report.Add(test.name, test.run());
  }
  return report.failed() ? 1 : 0;
}

}  // namespace
}  // namespace ktlsd::ktls

int main(int argc, char** argv) {
  const bool require = argc == 2 && std::string_view(argv[1]) == "--require";
  if (argc > 1 && !require) {
    fmt::print(stderr, "usage: kernel_test [--require]\n");
    return 2;
  }
  return ktlsd::ktls::Run(require);
}
