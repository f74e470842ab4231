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
namespace {

void LogProblem(const std::string& file, std::string_view reason,
                LogSink& log) {
  LogEvent event{EventKind::kConfigProblem, LogLevel::kError, {}};
  log.Write(event.Add("file", file)
                .Add("reason", reason)
                .Add("consequence", "the old tags stay in use"));
}

}  // namespace

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

void SendTags(const std::vector<std::string>& files, Link& verifier,
              LogSink& log) {
  if (files.size() > kMaxTagFiles) {
    return LogProblem(files[kMaxTagFiles], "too many files", log);
  }
  std::vector<std::string> texts;
  for (const std::string& file : files) {
    auto text = ReadText(file, Code::kConfigUnusable);
    if (const Problem* const problem = std::get_if<Problem>(&text)) {
      return LogProblem(file, problem->reason, log);
    }
    texts.push_back(std::move(std::get<std::string>(text)));
    if (texts.back().size() > LoadTags::kCarries.payload) {
      return LogProblem(file, "too large", log);
    }
  }
  LoadTags load;
  load.files = static_cast<uint32_t>(texts.size());
  // A link that fails has nobody at its other end, who will be replaced.
  if (texts.empty()) {
    return static_cast<void>(verifier.Send(load));
  }
  for (const std::string& text : texts) {
    const Status sent = verifier.Send(
        load, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    if (!sent.ok()) {
      return LogProblem(files[load.file], sent.error().what, log);
    }
    ++load.file;
  }
}

void LogTags(const std::vector<std::string>& files, const TagsLoaded& loaded,
             LogSink& log) {
  if (!loaded.outcome.ok()) {
    LogProblem(loaded.file < files.size() ? files[loaded.file] : "",
               loaded.text.view(), log);
  }
}

}  // namespace ktlsd::agent
