// Text of groups, keys and values, as GLib's GKeyFile has it, and the lines on
// which its keys stand.
//
// Scope:     text in, values out; what is wrong is named with its line. GLib
//            knows no lines: they are looked for in a second pass over the
//            text, which costs no more than the first one.
// Layer:     agent/config; GLib.
// Threads:   move-only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/config/problem.h"

namespace ktlsd::agent {

class KeyFile {
 public:
  // Errors: kConfigUnusable with GLib's words and the line.
  static std::variant<KeyFile, Problem> Parse(std::string_view text);
  KeyFile(KeyFile&&) noexcept;
  KeyFile& operator=(KeyFile&&) noexcept;
  ~KeyFile();

  // In the order of the text, each once.
  std::vector<std::string> Groups() const;
  std::vector<std::string> Keys(const std::string& group) const;

  // Nothing where there is no such key, and where its value is malformed:
  // then the problem is kept.
  std::optional<int> Number(const std::string& group, const std::string& key);
  std::optional<std::string> Text(const std::string& group,
                                  const std::string& key);
  // Separated by ';'.
  std::optional<std::vector<std::string>> List(const std::string& group,
                                               const std::string& key);

  // "[group] key (line 3)", of the key's last place, which is the one that
  // counts; "[group] (line 2)" of the group's first.
  std::string Place(const std::string& group, const std::string& key) const;
  std::string Place(const std::string& group) const;
  // How often the text has it.
  std::size_t Times(const std::string& group, const std::string& key) const;
  std::size_t Times(const std::string& group) const;

  // Notes what is wrong with a value. The first one is kept.
  void Complain(const std::string& group, const std::string& key,
                std::string_view words);
  void Complain(const std::string& group, std::string_view words);
  const std::optional<Problem>& problem() const { return problem_; }

 private:
  struct Parsed;
  // Of a key in its group; of a group alone under the key "".
  using Lines = std::map<std::pair<std::string, std::string>,
                         std::vector<std::size_t>, std::less<>>;

  KeyFile(std::unique_ptr<Parsed> parsed, Lines lines);
  static Lines LinesOf(std::string_view text);
  const std::vector<std::size_t>* Find(const std::string& group,
                                       const std::string& key) const;

  std::unique_ptr<Parsed> parsed_;
  Lines lines_;
  std::optional<Problem> problem_;
};

}  // namespace ktlsd::agent
