#include "agent/netlink/netlink_kernel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "agent/netlink/testing/fake_netlink.h"

namespace ktlsd::agent {
namespace {

using Packets = FakeNetlink::Packets;

Bytes RequestOf(int socket) {
  return AttributeBytes()
      .U32(1, static_cast<uint32_t>(socket))
      .U32(3, 2)
      .U32(5, 3)
      .bytes();
}

int Open() { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }

// Writes one field of the header of the first message.
template <typename T>
void Overwrite(Packets& said, std::size_t offset, T value) {
  std::memcpy(said.front().bytes.data() + offset, &value, sizeof(value));
}

class NetlinkKernelTest : public ::testing::Test {
 protected:
  NetlinkKernel Kernel() {
    auto kernel = NetlinkKernel::Over(fake_.Requests(), fake_.Ready());
    EXPECT_TRUE(kernel.ok());
    return std::move(kernel).value();
  }
  // The reason and errno of a failed ACCEPT.
  static std::pair<std::string, int> WhyNot(NetlinkKernel& kernel) {
    const auto accepted = kernel.Accept();
    if (accepted.ok()) {
      return {accepted->has_value() ? "a request" : "nothing", 0};
    }
    return {std::string(accepted.error().what), accepted.error().os_error};
  }

  FakeNetlink fake_;
};

TEST_F(NetlinkKernelTest, TakesWhatWaitsUntilNothingDoes) {
  NetlinkKernel kernel = Kernel();
  EXPECT_EQ(fake_.joined, std::vector<uint32_t>{5});
  fake_.requests = {RequestOf(Open()), RequestOf(Open())};
  for (int i = 0; i < 2; ++i) {
    const auto accepted = kernel.Accept();
    ASSERT_TRUE(accepted.ok() && accepted->has_value());
    EXPECT_TRUE((*accepted)->well_formed);
    EXPECT_EQ((*accepted)->kind, HandshakeKind::kServerHello);
  }
  EXPECT_EQ(WhyNot(kernel).first, "nothing");
}

TEST_F(NetlinkKernelTest, AnswersWithWhatItWasTold) {
  NetlinkKernel kernel = Kernel();
  const OwnedFd socket(Open());
  EXPECT_TRUE(kernel.Done(socket.borrow(), {0, -1}).ok());
  EXPECT_TRUE(kernel.Done(socket.borrow(), {EACCES}).ok());
  ASSERT_EQ(fake_.answers.size(), 2U);
  EXPECT_EQ(fake_.answers[0].socket, socket.borrow().raw());
  EXPECT_EQ(fake_.answers[0].status, 0U);
  EXPECT_EQ(fake_.answers[0].remote_auth, 0xffffffffU);
  EXPECT_EQ(fake_.answers[1].status, static_cast<uint32_t>(EACCES));
  EXPECT_FALSE(fake_.answers[1].remote_auth.has_value());
}

TEST_F(NetlinkKernelTest, TellsThatTheKernelRefusedAnAnswer) {
  NetlinkKernel kernel = Kernel();
  fake_.done_error = EBUSY;
  const OwnedFd socket(Open());
  const Status done = kernel.Done(socket.borrow(), {});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().os_error, EBUSY);
}

TEST_F(NetlinkKernelTest, NeedsTheFamily) {
  fake_.has_family = false;
  EXPECT_FALSE(NetlinkKernel::Over(fake_.Requests(), fake_.Ready()).ok());
}

// --- What the kernel takes ---

TEST_F(NetlinkKernelTest, ReadsWhichAttributesTheKernelTakes) {
  const KernelPolicy policy = Kernel().policy();
  EXPECT_TRUE(policy.told());
  EXPECT_EQ(policy.accept_attributes(), "2");
  EXPECT_EQ(policy.done_attributes(), "1,2,3");
  EXPECT_TRUE(policy.DoneTakes(DoneAttribute::kRemoteAuth));
  EXPECT_FALSE(policy.DoneTakes(DoneAttribute{4}));
  EXPECT_FALSE(policy.DoneTakes(DoneAttribute{1000}));
  EXPECT_FALSE(policy.AcceptTakes(AcceptAttribute::kKeyring));
}

// --- Session tags ---

constexpr std::string_view kTags = "one,storage:client";

TEST_F(NetlinkKernelTest, TellsTagsToAKernelThatTakesThem) {
  for (const uint32_t text : {NL_ATTR_TYPE_STRING, NL_ATTR_TYPE_NUL_STRING}) {
    fake_.fourth_of_done = text;
    NetlinkKernel kernel = Kernel();
    EXPECT_EQ(kernel.policy().done_attributes(), "1,2,3,4");
    const OwnedFd socket(Open());
    EXPECT_TRUE(kernel.Done(socket.borrow(), {0, -1, kTags}).ok());
    EXPECT_EQ(
        fake_.answers.back().tags,
        (std::vector<std::string>{{"one\0", 4}, {"storage:client\0", 15}}));
    EXPECT_EQ(fake_.answers.back().remote_auth, 0xffffffffU);
    EXPECT_TRUE(kernel.Done(socket.borrow(), {0, -1, ""}).ok());
    EXPECT_TRUE(fake_.answers.back().tags.empty());
  }
}

// It would refuse the whole answer, and the mount would hang.
TEST_F(NetlinkKernelTest, TellsNoTagsToAKernelThatDoesNotTakeThem) {
  for (const uint32_t type : {0U, 4U, 10U}) {  // none, a number, bytes
    fake_.fourth_of_done = type;
    NetlinkKernel kernel = Kernel();
    const OwnedFd socket(Open());
    EXPECT_TRUE(kernel.Done(socket.borrow(), {0, -1, kTags}).ok());
    EXPECT_TRUE(fake_.answers.back().tags.empty()) << type;
  }
  fake_.fourth_of_done = NL_ATTR_TYPE_STRING;
  fake_.has_policy = false;
  NetlinkKernel silent = Kernel();
  const OwnedFd socket(Open());
  EXPECT_TRUE(silent.Done(socket.borrow(), {0, -1, kTags}).ok());
  EXPECT_TRUE(fake_.answers.back().tags.empty());
}

TEST_F(NetlinkKernelTest, TellsAsManyTagsAsAPeerCanHave) {
  fake_.fourth_of_done = NL_ATTR_TYPE_STRING;
  NetlinkKernel kernel = Kernel();
  const OwnedFd socket(Open());
  // 64 of them, and 1023 characters: the most of either.
  std::string tags = std::string(16, 't');
  for (int i = 1; i < 64; ++i) {
    tags += ',' + std::string(15, 't');
  }
  tags.resize(1023);
  EXPECT_TRUE(kernel.Done(socket.borrow(), {0, -1, tags}).ok());
  EXPECT_EQ(fake_.answers.back().tags.size(), 64U);
}

TEST_F(NetlinkKernelTest, AssumesOfASilentKernelWhatEveryOneTakes) {
  fake_.has_policy = false;
  NetlinkKernel kernel = Kernel();
  EXPECT_FALSE(kernel.policy().told());
  EXPECT_EQ(kernel.policy().accept_attributes(), "2");
  EXPECT_EQ(kernel.policy().done_attributes(), "1,2,3");
  EXPECT_EQ(WhyNot(kernel).first, "nothing");
}

TEST(PolicyReader, KnowsNothingFromHalfADump) {
  const Bytes operation =
      AttributeBytes()
          .Put(9, AttributeBytes().Put(3, AttributeBytes().U32(1, 0)))
          .bytes();
  const Bytes policy =
      AttributeBytes()
          .Put(8, AttributeBytes().Put(
                      0, AttributeBytes().Put(1, AttributeBytes())))
          .bytes();
  PolicyReader reader;
  reader.Take(operation);
  reader.Take(policy);
  EXPECT_FALSE(reader.Finish().has_value());  // nothing about ACCEPT
  for (std::size_t size = 0; size < policy.size(); ++size) {
    PolicyReader().Take(ByteView(policy).first(size));
  }
}

// --- Strict reading ---

struct Distortion {
  const char* what;
  void (*change)(Packets& said);
  const char* reason;
};

constexpr char kLost[] = "the kernel's reply was lost";
constexpr char kMalformed[] = "a malformed netlink message";
constexpr char kElse[] = "the kernel's reply is to something else";

constexpr Distortion kOfAnyReply[] = {
    {"no reply", [](Packets& said) { said.clear(); }, kLost},
    {"another sequence",
     [](Packets& said) { Overwrite(said, offsetof(nlmsghdr, nlmsg_seq), 99U); },
     kLost},
    {"another port",
     [](Packets& said) { Overwrite(said, offsetof(nlmsghdr, nlmsg_pid), 99U); },
     kLost},
    {"another sender", [](Packets& said) { said.front().sender = 99; }, kLost},
    {"another family",
     [](Packets& said) {
       Overwrite(said, offsetof(nlmsghdr, nlmsg_type), uint16_t{38});
     },
     kElse},
    {"the end of a dump",
     [](Packets& said) {
       Overwrite(said, offsetof(nlmsghdr, nlmsg_type), uint16_t{NLMSG_DONE});
     },
     kElse},
    {"a length beyond its end",
     [](Packets& said) { Overwrite(said, 0, 4096U); }, kMalformed},
    {"a length within the header",
     [](Packets& said) { Overwrite(said, 0, 8U); }, kMalformed},
    {"half a header", [](Packets& said) { said.front().bytes.resize(10); },
     kMalformed},
    {"nothing in it", [](Packets& said) { said.front().bytes.clear(); },
     kMalformed},
    {"more behind it", [](Packets& said) { said.front().bytes.resize(200); },
     "more than one netlink reply"},
};

constexpr Distortion kOfAccept[] = {
    {"another command", [](Packets& said) { Overwrite(said, 16, uint8_t{1}); },
     kElse},
    {"only half a header of its own",
     [](Packets& said) {
       said.front().bytes.resize(18);
       Overwrite(said, 0, 18U);
     },
     kMalformed},
};

constexpr Distortion kOfDone[] = {
    {"about another message",
     [](Packets& said) {
       Overwrite(said, 20 + offsetof(nlmsghdr, nlmsg_seq), 99U);
     },
     kElse},
    {"about another family",
     [](Packets& said) {
       Overwrite(said, 20 + offsetof(nlmsghdr, nlmsg_type), uint16_t{38});
     },
     kElse},
    {"an error below none", [](Packets& said) { Overwrite(said, 16, 5); },
     kMalformed},
    {"not what it is about",
     [](Packets& said) {
       said.front().bytes.resize(24);
       Overwrite(said, 0, 24U);
     },
     kMalformed},
};

TEST_F(NetlinkKernelTest, TakesNoReplyToAcceptThatIsNotExactlyThat) {
  NetlinkKernel kernel = Kernel();
  const auto expect = [&](const Distortion& distortion) {
    SCOPED_TRACE(distortion.what);
    fake_.requests = {RequestOf(-1)};
    fake_.distort = distortion.change;
    EXPECT_EQ(WhyNot(kernel).first, distortion.reason);
    // The next one is not taken in by what was left behind.
    EXPECT_EQ(WhyNot(kernel).first, "nothing");
    EXPECT_EQ(fake_.unread, 0U);
  };
  for (const Distortion& distortion : kOfAnyReply) {
    expect(distortion);
  }
  for (const Distortion& distortion : kOfAccept) {
    expect(distortion);
  }
}

TEST_F(NetlinkKernelTest, TakesNoAcknowledgementThatIsNotExactlyThat) {
  NetlinkKernel kernel = Kernel();
  const OwnedFd socket(Open());
  const auto expect = [&](const Distortion& distortion) {
    SCOPED_TRACE(distortion.what);
    fake_.distort = distortion.change;
    const Status done = kernel.Done(socket.borrow(), {});
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().what, distortion.reason);
    EXPECT_TRUE(kernel.Done(socket.borrow(), {}).ok());
  };
  for (const Distortion& distortion : kOfAnyReply) {
    expect(distortion);
  }
  for (const Distortion& distortion : kOfDone) {
    expect(distortion);
  }
}

TEST_F(NetlinkKernelTest, ReadsOnPastWhatOthersSay) {
  NetlinkKernel kernel = Kernel();
  fake_.requests = {RequestOf(Open())};
  fake_.distort = [](Packets& said) {
    Packets::value_type foreign = said.front();
    foreign.sender = 99;
    said.push_front(foreign);
    said.push_front(FakeNetlink::Generic(37, 1000, 2, RequestOf(-1)));
  };
  EXPECT_EQ(WhyNot(kernel).first, "a request");
}

TEST_F(NetlinkKernelTest, GivesUpOnAFloodOfWhatIsNotForIt) {
  NetlinkKernel kernel = Kernel();
  fake_.distort = [](Packets& said) {
    for (int i = 0; i < 1000; ++i) {
      said.push_front(FakeNetlink::Generic(37, 1000, 2, {}));
    }
  };
  EXPECT_EQ(WhyNot(kernel).first, kLost);
}

TEST_F(NetlinkKernelTest, SaysThatRepliesWereLost) {
  NetlinkKernel kernel = Kernel();
  fake_.requests = {RequestOf(-1)};
  fake_.distort = [](Packets& said) {
    said.push_front({{}, 0, ENOBUFS});
    said.push_back({{}, 0, ENOBUFS});
  };
  EXPECT_EQ(WhyNot(kernel).second, ENOBUFS);
  EXPECT_EQ(WhyNot(kernel).first, "nothing");
  EXPECT_EQ(fake_.unread, 0U);
}

TEST_F(NetlinkKernelTest, AnswersARequestWhoseDescriptionWasCutOff) {
  NetlinkKernel kernel = Kernel();
  const int socket = Open();
  fake_.requests = {AttributeBytes()
                        .U32(1, static_cast<uint32_t>(socket))
                        .Put(99, Bytes(40'000))
                        .bytes()};
  EXPECT_EQ(WhyNot(kernel),
            std::pair(std::string("the kernel's reply to ACCEPT was cut off"),
                      EMSGSIZE));
  ASSERT_EQ(fake_.answers.size(), 1U);
  EXPECT_EQ(fake_.answers[0].socket, socket);
  EXPECT_EQ(fake_.answers[0].status, static_cast<uint32_t>(EIO));
  EXPECT_EQ(::fcntl(socket, F_GETFD), -1);
}

// Fault 17.
TEST_F(NetlinkKernelTest, SurvivesWhatNoKernelSaysOfARequest) {
  NetlinkKernel kernel = Kernel();
  const Bytes wrong[] = {
      {},
      RequestOf(-1),
      AttributeBytes().U32(3, 2).bytes(),
      AttributeBytes().Put(1, Bytes(3)).bytes(),
      Bytes(7),
      Bytes(64, 0xff),
  };
  for (const Bytes& attributes : wrong) {
    fake_.requests = {attributes};
    EXPECT_EQ(WhyNot(kernel).first, "ACCEPT gave no socket");
  }
  const Bytes unclear[] = {
      AttributeBytes().U32(1, 0xfffU).bytes(),
      AttributeBytes().U32(1, 0xfffU).Put(8, Bytes(5000, 'a')).bytes(),
      AttributeBytes()
          .U32(1, 0xfffU)
          .Put(4, Bytes(9))
          .Put(200, Bytes())
          .bytes(),
  };
  for (const Bytes& attributes : unclear) {
    fake_.requests = {attributes};
    const auto accepted = kernel.Accept();
    ASSERT_TRUE(accepted.ok() && accepted->has_value());
    EXPECT_FALSE((*accepted)->well_formed);
  }
}

// --- READY ---

// Fault 21.
TEST_F(NetlinkKernelTest, DrainsAnOverrunOfReady) {
  NetlinkKernel kernel = Kernel();
  fake_.ready.push_back({{}, 0, ENOBUFS});
  for (int i = 0; i < 10'000; ++i) {
    fake_.ready.push_back(
        FakeNetlink::Generic(37, 0, 1, AttributeBytes().U32(2, 1).bytes()));
  }
  fake_.requests = {RequestOf(Open()), RequestOf(Open())};
  EXPECT_EQ(kernel.DrainReady(), 1U);
  EXPECT_TRUE(fake_.ready.empty());
  EXPECT_EQ(WhyNot(kernel).first, "a request");
  EXPECT_EQ(WhyNot(kernel).first, "a request");
  EXPECT_EQ(WhyNot(kernel).first, "nothing");
}

// Fault 22.
TEST_F(NetlinkKernelTest, MakesNothingOfAFalseOrBrokenReady) {
  NetlinkKernel kernel = Kernel();
  const Packets::value_type ready =
      FakeNetlink::Generic(37, 0, 1, AttributeBytes().U32(2, 1).bytes());
  fake_.ready = {ready,
                 ready,                          // twice for nothing
                 FakeNetlink::Generic(37, 0, 1,  // another handler's
                                      AttributeBytes().U32(2, 2).bytes()),
                 FakeNetlink::Generic(37, 0, 77, {}),
                 {Bytes(3), 0, 0},
                 {{}, 0, 0},
                 {Bytes(5000, 0xff), 0, 0}};
  EXPECT_EQ(kernel.DrainReady(), 0U);
  EXPECT_TRUE(fake_.ready.empty());
  EXPECT_EQ(WhyNot(kernel).first, "nothing");
  EXPECT_EQ(kernel.DrainReady(), 0U);
}

// --- Want ---

// Fault 23.
TEST_F(NetlinkKernelTest, TriesNoAcceptWithoutAFreeDescriptor) {
  NetlinkKernel kernel = Kernel();
  fake_.requests = {RequestOf(Open())};
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{3, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto why = WhyNot(kernel);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(why, std::pair(std::string("no descriptor is free"), EMFILE));
  EXPECT_EQ(fake_.accepts, 0U);
  EXPECT_EQ(WhyNot(kernel).first, "a request");
}

TEST_F(NetlinkKernelTest, LeavesTheOnlyFreeDescriptorToTheRequest) {
  NetlinkKernel kernel = Kernel();
  fake_.requests = {RequestOf(Open())};
  bool found_one = false;
  fake_.distort = [&found_one](Packets&) {
    found_one = OwnedFd(Open()).valid();
  };
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const auto first_free = static_cast<rlim_t>(OwnedFd(Open()).borrow().raw());
  const rlimit one{first_free + 1, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one), 0);
  const auto why = WhyNot(kernel);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(why.first, "a request");
  EXPECT_TRUE(found_one);
}

TEST_F(NetlinkKernelTest, FindsTheFamilyAgainUnderItsNewNumbers) {
  NetlinkKernel kernel = Kernel();
  const OwnedFd socket(Open());
  fake_.has_family = false;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(WhyNot(kernel),
              std::pair(std::string("the kernel's handshake upcall is not "
                                    "there any more"),
                        ENOENT));
    const Status done = kernel.Done(socket.borrow(), {});
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().os_error, ENOENT);
  }
  fake_.has_family = true;
  fake_.family = 41;
  fake_.group = 9;
  fake_.requests = {RequestOf(Open())};
  EXPECT_EQ(WhyNot(kernel).first, "a request");
  EXPECT_EQ(fake_.joined, (std::vector<uint32_t>{5, 9}));
  EXPECT_EQ(kernel.ready_group(), 9U);
  EXPECT_TRUE(kernel.Done(socket.borrow(), {}).ok());
}

}  // namespace
}  // namespace ktlsd::agent
