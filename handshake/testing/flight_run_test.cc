// The fuzz targets of the flights: what an input says is what the peer gets.

#include "handshake/testing/flight_run.h"

#include <tuple>
#include <utility>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

Bytes Input(uint8_t bits, std::size_t from, std::size_t left_out,
            const Bytes& rest = {}) {
  ByteWriter writer;
  writer.U8(bits);
  writer.U16(static_cast<uint16_t>(from));
  writer.U16(static_cast<uint16_t>(left_out));
  writer.Append(rest);
  return std::move(writer).Finish();
}

// RunFlight() itself stops the process when a changed flight is accepted.
class Flight : public testing::TestWithParam<std::tuple<Role, uint8_t>> {
 protected:
  const Role sender_ = std::get<0>(GetParam());
  const uint8_t bits_ = std::get<1>(GetParam());
  const Bytes flight_ = RunFlight(sender_, Bytes{bits_}).flight;

  bool Accepts(std::size_t from, std::size_t left_out,
               const Bytes& rest = {}) const {
    return RunFlight(sender_, Input(bits_, from, left_out, rest)).accepted;
  }
};

TEST_P(Flight, IsAcceptedAsItIs) {
  EXPECT_TRUE(RunFlight(sender_, Bytes{bits_}).accepted);
  EXPECT_TRUE(Accepts(0, 0));
  EXPECT_TRUE(Accepts(0, flight_.size(), flight_));  // replaced by the same
  EXPECT_TRUE(Accepts(5, 1, {flight_[5]}));
}

TEST_P(Flight, IsRefusedWithAChange) {
  EXPECT_FALSE(Accepts(0, flight_.size()));
  EXPECT_FALSE(Accepts(0, 1));
  EXPECT_FALSE(Accepts(0, 0, {0}));
  EXPECT_FALSE(Accepts(5, 1, {static_cast<uint8_t>(flight_[5] ^ 1)}));
  EXPECT_FALSE(Accepts(flight_.size(), 0, {24, 0, 0, 1, 0}));  // KeyUpdate
}

INSTANTIATE_TEST_SUITE_P(FlightRun, Flight,
                         testing::Combine(testing::Values(Role::kClient,
                                                          Role::kServer),
                                          testing::Values(0, 1, 2, 3)));

}  // namespace
}  // namespace ktlsd::handshake
