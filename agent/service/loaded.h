// What the monitor had loaded under an id, or why that failed, kept for as
// long as a job may ask for it.
//
// Layer:     agent/service.
// Threads:   thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "base/result.h"

namespace ktlsd::agent {

// Failures are kept as well: a job that was announced before its load failed
// is told the reason.
template <typename T>
class LoadedTable {
 public:
  explicit LoadedTable(std::size_t most) : most_(most) {}

  // False when `id` is known already or the table is full.
  bool Add(uint64_t id, Result<T> loaded) {
    return entries_.size() < most_ &&
           entries_.try_emplace(id, Entry{std::move(loaded)}).second;
  }
  bool Full() const { return entries_.size() >= most_; }
  bool Knows(uint64_t id) const { return entries_.count(id) != 0; }

  // A job keeps what it was announced with, also when it is forgotten. False
  // when `id` is not known: then nothing is to be released either.
  bool Use(uint64_t id) {
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) {
      return false;
    }
    ++entry->second.users;
    return true;
  }
  void Release(uint64_t id) {
    const auto entry = entries_.find(id);
    if (entry != entries_.end() && entry->second.users > 0) {
      --entry->second.users;
      EraseUnused(entry);
    }
  }
  void Forget(uint64_t id) {
    if (const auto entry = entries_.find(id); entry != entries_.end()) {
      entry->second.wanted = Wanted::kByJobsOnly;
      EraseUnused(entry);
    }
  }

  // Null when `id` is not known.
  const Result<T>* Find(uint64_t id) const {
    const auto entry = entries_.find(id);
    return entry == entries_.end() ? nullptr : &entry->second.loaded;
  }

  std::size_t size() const { return entries_.size(); }

 private:
  enum class Wanted : uint8_t { kByMonitor, kByJobsOnly };
  struct Entry {
    Result<T> loaded;
    std::size_t users = 0;
    Wanted wanted = Wanted::kByMonitor;
  };
  using Entries = std::unordered_map<uint64_t, Entry>;

  void EraseUnused(typename Entries::iterator entry) {
    if (entry->second.users == 0 &&
        entry->second.wanted == Wanted::kByJobsOnly) {
      entries_.erase(entry);
    }
  }

  std::size_t most_;
  Entries entries_;
};

}  // namespace ktlsd::agent
