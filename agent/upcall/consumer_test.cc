#include "agent/upcall/consumer.h"

#include <gtest/gtest.h>

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

Request Make(HandshakeKind kind, AuthMode mode, std::string name = "") {
  Request request;
  request.kind = kind;
  request.auth_mode = mode;
  request.peer_name = std::move(name);
  return request;
}

TEST(InferConsumer, KnowsTheFourConsumers) {
  using enum HandshakeKind;
  using enum AuthMode;
  EXPECT_EQ(InferConsumer(Make(kClientHello, kUnauth, "a")),
            Consumer::kNfsClient);
  EXPECT_EQ(InferConsumer(Make(kClientHello, kX509, "a")),
            Consumer::kNfsClient);
  EXPECT_EQ(InferConsumer(Make(kServerHello, kX509)), Consumer::kNfsd);
  EXPECT_EQ(InferConsumer(Make(kClientHello, kPsk)), Consumer::kNvmeHost);
  EXPECT_EQ(InferConsumer(Make(kServerHello, kPsk)), Consumer::kNvmeTarget);
}

TEST(InferConsumer, KnowsNobodyElse) {
  using enum HandshakeKind;
  using enum AuthMode;
  EXPECT_EQ(InferConsumer(Make(kClientHello, kX509)), Consumer::kUnknown);
  EXPECT_EQ(InferConsumer(Make(kClientHello, kUnauth)), Consumer::kUnknown);
  EXPECT_EQ(InferConsumer(Make(kServerHello, kUnauth)), Consumer::kUnknown);
  EXPECT_EQ(InferConsumer(Make(HandshakeKind{9}, kX509, "a")),
            Consumer::kUnknown);
  EXPECT_EQ(InferConsumer(Make(kClientHello, AuthMode{9}, "a")),
            Consumer::kUnknown);
}

TEST(AnswerWithin, StaysBelowTheKernelsTimer) {
  Request request;
  EXPECT_EQ(AnswerWithin(request, Consumer::kNfsd), milliseconds(4000));
  EXPECT_EQ(AnswerWithin(request, Consumer::kNfsClient), milliseconds(9000));
  EXPECT_EQ(AnswerWithin(request, Consumer::kUnknown), milliseconds(9000));
  request.timeout = milliseconds(30'000);
  EXPECT_EQ(AnswerWithin(request, Consumer::kNvmeHost), milliseconds(29'000));
  request.timeout = milliseconds(800);
  EXPECT_EQ(AnswerWithin(request, Consumer::kNvmeHost), milliseconds(400));
}

}  // namespace
}  // namespace ktlsd::agent
