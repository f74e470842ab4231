#include "agent/upcall/status.h"

#include <cerrno>

namespace ktlsd::agent {
namespace {

constexpr std::chrono::milliseconds kAtOnce{0};
constexpr std::chrono::milliseconds kRetryPause{1000};

// sunrpc keeps EACCES and ETIMEDOUT and makes EACCES of everything else. An
// EACCES fails I/O even on a hard mount, so it is for what will not pass.
FailureStatus NfsClientStatus(Disposition disposition) {
  switch (disposition) {
    case Disposition::kPeerGone:
    case Disposition::kTransient:
      return {ETIMEDOUT, kRetryPause};
    case Disposition::kRefuse:
    case Disposition::kKeyMissing:
    case Disposition::kKeyRejected:
    case Disposition::kUnsupported:
      return {EACCES, kAtOnce};
  }
  return {EACCES, kAtOnce};
}

// ENOKEY and EKEYREJECTED end an NVMe host's reconnecting for good; they are
// only for a local key.
FailureStatus GeneralStatus(Disposition disposition) {
  switch (disposition) {
    case Disposition::kRefuse:
      return {EACCES, kAtOnce};
    case Disposition::kPeerGone:
      return {ETIMEDOUT, kAtOnce};
    case Disposition::kTransient:
      return {EIO, kAtOnce};
    case Disposition::kKeyMissing:
      return {ENOKEY, kAtOnce};
    case Disposition::kKeyRejected:
      return {EKEYREJECTED, kAtOnce};
    case Disposition::kUnsupported:
      return {EOPNOTSUPP, kAtOnce};
  }
  return {EACCES, kAtOnce};
}

}  // namespace

FailureStatus StatusFor(Consumer consumer, Disposition disposition) {
  return consumer == Consumer::kNfsClient ? NfsClientStatus(disposition)
                                          : GeneralStatus(disposition);
}

}  // namespace ktlsd::agent
