#include "agent/config/key_file.h"

#include <glib.h>

#include <algorithm>
#include <cstddef>
#include <set>

#include "base/fn_deleter.h"

namespace ktlsd::agent {
namespace {

using GKeyFilePtr = std::unique_ptr<GKeyFile, FnDeleter<::g_key_file_free>>;
using GString = std::unique_ptr<gchar, FnDeleter<::g_free>>;
using GStrings = std::unique_ptr<gchar*, FnDeleter<::g_strfreev>>;

// A GError to be filled in.
class GlibError {
 public:
  ~GlibError() { ::g_clear_error(&error_); }
  GlibError() = default;
  GlibError(const GlibError&) = delete;
  GlibError& operator=(const GlibError&) = delete;
  GError** out() { return &error_; }
  bool set() const { return error_ != nullptr; }
  bool absent() const {
    return ::g_error_matches(error_, G_KEY_FILE_ERROR,
                             G_KEY_FILE_ERROR_KEY_NOT_FOUND) ||
           ::g_error_matches(error_, G_KEY_FILE_ERROR,
                             G_KEY_FILE_ERROR_GROUP_NOT_FOUND);
  }
  std::string words() const { return error_ == nullptr ? "" : error_->message; }

 private:
  GError* error_ = nullptr;
};

bool LoadInto(GKeyFile* file, std::string_view text, GlibError& error) {
  return text.empty() ||  // which GLib does not take
         ::g_key_file_load_from_data(file, text.data(), text.size(),
                                     G_KEY_FILE_NONE, error.out()) != FALSE;
}

// Where each line ends, its newline included.
std::vector<std::size_t> LineEnds(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t newline = text.find('\n', at);
    at = newline == std::string_view::npos ? text.size() : newline + 1;
    ends.push_back(at);
  }
  return ends;
}

// The line, from 1, at which GLib gives `text` up: it stops at the first one
// that it does not take, so the lines before that alone are fine.
std::size_t BadLine(std::string_view text) {
  const std::vector<std::size_t> ends = LineEnds(text);
  const auto bad = std::ranges::partition_point(ends, [text](std::size_t end) {
    const GKeyFilePtr file(::g_key_file_new());
    GlibError error;
    return LoadInto(file.get(), text.substr(0, end), error);
  });
  return static_cast<std::size_t>(bad - ends.begin()) + 1;
}

std::string_view WithoutBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const std::size_t begin =
      std::min(text.find_first_not_of(kBlanks), text.size());
  const std::size_t end = text.find_last_not_of(kBlanks) + 1;
  return text.substr(begin, std::max(begin, end) - begin);
}

std::string AtLine(std::size_t line) {
  return " (line " + std::to_string(line) + ")";
}

std::vector<std::string> TakeAll(const GStrings& strings, gsize count) {
  return strings == nullptr
             ? std::vector<std::string>()
             : std::vector<std::string>(strings.get(), strings.get() + count);
}

}  // namespace

struct KeyFile::Parsed {
  GKeyFilePtr file;
};

KeyFile::KeyFile(std::unique_ptr<Parsed> parsed, Lines lines)
    : parsed_(std::move(parsed)), lines_(std::move(lines)) {}
KeyFile::KeyFile(KeyFile&&) noexcept = default;
KeyFile& KeyFile::operator=(KeyFile&&) noexcept = default;
KeyFile::~KeyFile() = default;

std::variant<KeyFile, Problem> KeyFile::Parse(std::string_view text) {
  auto parsed = std::make_unique<Parsed>();
  parsed->file.reset(::g_key_file_new());
  GlibError error;
  if (!LoadInto(parsed->file.get(), text, error)) {
    return Problem{Code::kConfigUnusable, "",
                   error.words() + AtLine(BadLine(text))};
  }
  return KeyFile(std::move(parsed), LinesOf(text));
}

// What GLib took for a group or a key.
KeyFile::Lines KeyFile::LinesOf(std::string_view text) {
  Lines lines;
  std::string group;
  std::size_t number = 0;
  std::size_t begin = 0;
  for (const std::size_t end : LineEnds(text)) {
    ++number;
    const std::string_view line =
        WithoutBlanks(text.substr(begin, end - begin));
    begin = end;
    if (line.starts_with('[') && line.find(']') == line.size() - 1) {
      group = line.substr(1, line.size() - 2);
      lines[{group, ""}].push_back(number);
    } else if (!line.empty() && !line.starts_with('#')) {
      const std::string_view key = line.substr(0, line.find('='));
      lines[{group, std::string(WithoutBlanks(key))}].push_back(number);
    }
  }
  return lines;
}

std::vector<std::string> KeyFile::Groups() const {
  gsize count = 0;
  const GStrings groups(::g_key_file_get_groups(parsed_->file.get(), &count));
  return TakeAll(groups, count);
}

std::vector<std::string> KeyFile::Keys(const std::string& group) const {
  gsize count = 0;
  const GStrings keys(::g_key_file_get_keys(parsed_->file.get(), group.c_str(),
                                            &count, nullptr));
  std::vector<std::string> once = TakeAll(keys, count);
  std::set<std::string> seen;
  std::erase_if(once, [&seen](const std::string& key) {
    return !seen.insert(key).second;
  });
  return once;
}

std::optional<int> KeyFile::Number(const std::string& group,
                                   const std::string& key) {
  GlibError error;
  const int value = ::g_key_file_get_integer(parsed_->file.get(), group.c_str(),
                                             key.c_str(), error.out());
  if (!error.set()) {
    return value;
  }
  if (!error.absent()) {
    Complain(group, key, error.words());
  }
  return std::nullopt;
}

std::optional<std::string> KeyFile::Text(const std::string& group,
                                         const std::string& key) {
  GlibError error;
  const GString value(::g_key_file_get_string(
      parsed_->file.get(), group.c_str(), key.c_str(), error.out()));
  if (error.set() && !error.absent()) {
    Complain(group, key, error.words());
  }
  return value == nullptr ? std::nullopt
                          : std::optional<std::string>(value.get());
}

std::optional<std::vector<std::string>> KeyFile::List(const std::string& group,
                                                      const std::string& key) {
  GlibError error;
  gsize count = 0;
  const GStrings values(::g_key_file_get_string_list(
      parsed_->file.get(), group.c_str(), key.c_str(), &count, error.out()));
  if (!error.set()) {
    return TakeAll(values, count);
  }
  if (!error.absent()) {
    Complain(group, key, error.words());
  }
  return std::nullopt;
}

const std::vector<std::size_t>* KeyFile::Find(const std::string& group,
                                              const std::string& key) const {
  const auto found = lines_.find(std::pair(group, key));
  return found == lines_.end() ? nullptr : &found->second;
}

std::string KeyFile::Place(const std::string& group,
                           const std::string& key) const {
  const std::vector<std::size_t>* const lines = Find(group, key);
  return "[" + group + "] " + key +
         (lines == nullptr ? "" : AtLine(lines->back()));
}

std::string KeyFile::Place(const std::string& group) const {
  const std::vector<std::size_t>* const lines = Find(group, "");
  return "[" + group + "]" + (lines == nullptr ? "" : AtLine(lines->front()));
}

std::size_t KeyFile::Times(const std::string& group,
                           const std::string& key) const {
  const std::vector<std::size_t>* const lines = Find(group, key);
  return lines == nullptr ? 0 : lines->size();
}

std::size_t KeyFile::Times(const std::string& group) const {
  return Times(group, "");
}

void KeyFile::Complain(const std::string& group, const std::string& key,
                       std::string_view words) {
  if (!problem_.has_value()) {
    problem_ = {Code::kConfigUnusable, "",
                Place(group, key) + ": " + std::string(words)};
  }
}

void KeyFile::Complain(const std::string& group, std::string_view words) {
  if (!problem_.has_value()) {
    problem_ = {Code::kConfigUnusable, "",
                Place(group) + ": " + std::string(words)};
  }
}

}  // namespace ktlsd::agent
