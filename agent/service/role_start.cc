#include "agent/service/role_start.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <time.h>

#include "agent/ipc/messages.h"
#include "agent/service/process.h"

namespace ktlsd::agent {
namespace {

// What libcrypto else reads at its first use. False: it is wrong.
bool LoadLibcryptoConfig() {
  const bool loaded =
      ::OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr) == 1;
  ::ERR_clear_error();
  return loaded;
}

// Files are out of reach later, libcrypto's configuration among them.
LockResult Prepare() {
  const Status prepared = PrepareProcess();
  if (!prepared.ok()) {
    return LockFailure{LockStep::kPrepare, prepared.error().os_error};
  }
  if (!LoadLibcryptoConfig()) {
    return LockFailure{LockStep::kPrepare, 0};
  }
  ::tzset();  // gmtime_r() of libcrypto reads /etc/localtime at its first use
  return std::nullopt;
}

}  // namespace

bool StartRole(Link& monitor, const LockDownCall& lock_down, LoopKind loop) {
  LockResult failed = Prepare();
  if (!failed) {
    failed = lock_down(loop);
  }
  if (!failed) {
    return true;
  }
  NotConfined notice;
  notice.step = failed->step;
  notice.os_error = failed->os_error;
  // Where that fails too, the monitor is gone.
  static_cast<void>(monitor.Send(notice));
  return false;
}

}  // namespace ktlsd::agent
