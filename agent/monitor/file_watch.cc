#include "agent/monitor/file_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

// A certificate and its key are renewed one after the other.
constexpr milliseconds kSettle{300};
constexpr milliseconds kLookEvery{30'000};

}  // namespace

void FileWatch::Set(std::vector<std::string> paths) {
  stamps_ = FileStamps(std::move(paths));
  watches_.clear();
  for (const std::string& directory : stamps_.Directories()) {
    Result<MonitorLoop::WatchPtr> watch =
        loop_.OnDirectoryChange(directory, [this] {
          look_at_ = std::min(look_at_.value_or(MonotonicTime::max()),
                              clock_.Now() + kSettle);
        });
    if (watch.ok()) {
      watches_.push_back(std::move(watch).value());
    }
  }
  look_at_ = clock_.Now() + kLookEvery;
}

bool FileWatch::Changed() {
  if (!look_at_.has_value() || clock_.Now() < *look_at_) {
    return false;
  }
  look_at_ = clock_.Now() + kLookEvery;
  return stamps_.Changed();
}

}  // namespace ktlsd::agent
