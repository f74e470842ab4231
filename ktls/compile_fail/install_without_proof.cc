// Install asks for each of the three proofs.
#include <utility>

#include "ktls/installer.h"

using ktlsd::ktls::Install;

ktlsd::Status InstallKeys(ktlsd::ktls::SocketOps& ops, ktlsd::BorrowedFd socket,
                          ktlsd::SessionKeys keys,
                          [[maybe_unused]] ktlsd::Finished finished,
                          [[maybe_unused]] ktlsd::Drained drained,
                          [[maybe_unused]] ktlsd::Flushed flushed) {
#if defined(CONTROL)
  return Install(ops, socket, std::move(keys), std::move(finished),
                 std::move(drained), std::move(flushed));
#elif defined(OMIT_FINISHED)
  return Install(ops, socket, std::move(keys), std::move(drained),
                 std::move(flushed));
#elif defined(OMIT_DRAINED)
  return Install(ops, socket, std::move(keys), std::move(finished),
                 std::move(flushed));
#elif defined(OMIT_FLUSHED)
  return Install(ops, socket, std::move(keys), std::move(finished),
                 std::move(drained));
#endif
}
