// What a worker's event loop waits with; each has system calls of its own.
//
// Layer:     agent/sandbox.
#pragma once

#include <cstdint>
#include <string_view>

namespace ktlsd::agent {

// Roles without an event loop count as kEpoll: they have no ring.
enum class LoopKind : uint8_t { kEpoll = 0, kIoUring = 1 };

constexpr bool Valid(LoopKind kind) {
  return kind == LoopKind::kEpoll || kind == LoopKind::kIoUring;
}
constexpr std::string_view LoopName(LoopKind kind) {
  return kind == LoopKind::kIoUring ? "io_uring" : "epoll";
}

}  // namespace ktlsd::agent
