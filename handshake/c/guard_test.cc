// What an entry of the C ABI does to the thread that calls it: it is not
// cancelled (pthread_cancel(3)), and no error of libcrypto is left to it.
#include "handshake/c/guard.h"

#include <openssl/err.h>
#include <pthread.h>

#include <functional>
#include <stdexcept>

#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/ktlsd_codes.h"

namespace ktlsd::handshake {
namespace {

// A thread that has been asked to end when it calls `entry`.
struct Thread {
  std::function<int()> entry;
  int code = -1;           // what `entry` returned
  bool outlived = false;   // the next point of cancellation, behind it
  bool cancelled = false;  // in the end

  void Run() {
    pthread_t thread{};
    ASSERT_EQ(pthread_create(&thread, nullptr, &Main, this), 0);
    void* result = nullptr;
    ASSERT_EQ(pthread_join(thread, &result), 0);
    cancelled = result == PTHREAD_CANCELED;
  }

  static void* Main(void* raw) {
    Thread& self = *static_cast<Thread*>(raw);
    pthread_cancel(pthread_self());
    self.code = self.entry();
    pthread_testcancel();
    self.outlived = true;
    return nullptr;
  }
};

void ExpectCancelledBehind(Thread& thread, int code) {
  thread.Run();
  EXPECT_EQ(thread.code, code);
  EXPECT_FALSE(thread.outlived);
  EXPECT_TRUE(thread.cancelled);
}

TEST(Guard, KeepsAThreadFromBeingCancelledInside) {
  Thread thread = {.entry = [] {
    return Guarded([]() -> Status {
      pthread_testcancel();
      return Ok{};
    });
  }};
  ExpectCancelledBehind(thread, KTLSD_OK);
}

TEST(Guard, LetsAThreadBeCancelledAgainAfterAnException) {
  Thread thread = {.entry = [] {
    return Guarded([]() -> Status { throw std::runtime_error("a bug"); });
  }};
  ExpectCancelledBehind(thread, KTLSD_INTERNAL);
}

// open(2) is a point of cancellation.
TEST(Guard, IsAroundTheEntryThatReadsFiles) {
  ktlsd_config* config = nullptr;
  ASSERT_EQ(ktlsd_config_new_client(&config), KTLSD_OK);
  Thread thread = {.entry = [config] {
    return ktlsd_config_set_trust_files(config, "/dev/null");
  }};
  ExpectCancelledBehind(thread, KTLSD_TRUST_STORE_UNUSABLE);
  ktlsd_config_free(config);
}

TEST(Guard, LeavesAThreadThatIsNotToBeCancelledAlone) {
  int before = -1;
  ASSERT_EQ(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before), 0);
  EXPECT_EQ(Guarded([]() -> Status { return Ok{}; }), KTLSD_OK);
  int after = -1;
  ASSERT_EQ(pthread_setcancelstate(before, &after), 0);
  EXPECT_EQ(after, PTHREAD_CANCEL_DISABLE);
}

TEST(Guard, TakesNoErrorOfTheProgramForItsOwnAndLeavesNone) {
  ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
  EXPECT_EQ(Guarded([]() -> Status {
              EXPECT_EQ(ERR_peek_error(), 0u);
              ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
              return Ok{};
            }),
            KTLSD_OK);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(Guard, IsAroundTheEntryThatParses) {
  ktlsd_config* config = nullptr;
  ASSERT_EQ(ktlsd_config_new_client(&config), KTLSD_OK);
  ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
  EXPECT_EQ(ktlsd_config_set_trust_pem(config, "x", 1),
            KTLSD_TRUST_STORE_UNUSABLE);
  EXPECT_EQ(ERR_peek_error(), 0u);
  ktlsd_config_free(config);
}

}  // namespace
}  // namespace ktlsd::handshake
