#include "agent/monitor/tag_files.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "agent/config/files.h"
#include "agent/ipc/messages.h"

namespace ktlsd::agent {
std::vector<std::string> TagFilesIn(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string extension = entry->path().extension();
    if (extension == ".yml" || extension == ".yaml") {
      files.push_back(entry->path());
    }
  }
  std::ranges::sort(files);
  return files;
}

std::optional<Problem> SendTags(const std::vector<std::string>& files,
                                Link& verifier, LoadQueue& queue) {
  const auto problem = [](const std::string& file, std::string_view reason) {
    return Problem{Code::kConfigUnusable, file, std::string(reason)};
  };
  if (files.size() > kMaxTagFiles) {
    return problem(files[kMaxTagFiles], "too many files");
  }
  std::vector<Bytes> texts;
  for (const std::string& file : files) {
    auto text = ReadText(file, Code::kConfigUnusable);
    if (Problem* const unreadable = std::get_if<Problem>(&text)) {
      return std::move(*unreadable);
    }
    const std::string& found = std::get<std::string>(text);
    texts.emplace_back(found.begin(), found.end());
    if (texts.back().size() > LoadTags::kCarries.payload) {
      return problem(file, "too large");
    }
  }
  LoadTags load;
  load.files = static_cast<uint32_t>(texts.size());
  // A link that fails has nobody at its other end, who will be replaced.
  if (texts.empty()) {
    static_cast<void>(queue.Send(verifier, load));
    return std::nullopt;
  }
  for (Bytes& text : texts) {
    const Status sent = queue.Send(verifier, load, std::move(text));
    if (!sent.ok()) {
      return problem(files[load.file], sent.error().what);
    }
    ++load.file;
  }
  return std::nullopt;
}

std::optional<Problem> ProblemOf(const std::vector<std::string>& files,
                                 const TagsLoaded& loaded) {
  if (loaded.outcome.ok()) {
    return std::nullopt;
  }
  return Problem{Code::kConfigUnusable,
                 loaded.file < files.size() ? files[loaded.file] : "",
                 std::string(loaded.text.view())};
}

void LogProblem(const Problem& problem, LogSink& log) {
  LogEvent event{EventKind::kConfigProblem, LogLevel::kError, {}};
  log.Write(event.Add("file", problem.file)
                .Add("reason", problem.reason)
                .Add("consequence", "the old tags stay in use"));
}

}  // namespace ktlsd::agent
