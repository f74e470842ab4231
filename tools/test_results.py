"""Counts single tests in what Bazel and the kernel tests leave behind."""

import dataclasses
import json
import pathlib
import re
import urllib.parse
import xml.etree.ElementTree


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    # What a person should look at: "//ktls:installer_test Installer.Foo".
    failures: list[str] = dataclasses.field(default_factory=list)

    def add(self, other: "Count") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures

    def fail(self, what: str) -> None:
        self.failed += 1
        self.failures.append(what)

    def line(self) -> str:
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def count_checks(output: str) -> Count:
    """`ok NAME` and `not ok NAME` lines; of nested KTAP those of the innermost
    tests, since the others only sum these up."""
    count = Count()
    blocks: dict[str, list[int]] = {}  # by indent: planned, seen
    inner = ""
    for line in output.splitlines():
        plan = re.match(r"( *)1\.\.(\d+)", line)
        result = re.match(r"( *)(not ok|ok) (?:\d+ )?(\S.*)", line)
        if plan:
            inner = plan.group(1)
            blocks[inner] = [int(plan.group(2)), 0]
        elif result:
            indent = result.group(1)
            sums_up = len(indent) < len(inner)
            if sums_up:
                _expect_plan(count, *blocks.pop(inner))
            blocks.setdefault(indent, [0, 0])[1] += 1
            inner = indent
            if not sums_up:
                _count_result(count, result.group(2), result.group(3))
    for block in blocks.values():
        _expect_plan(count, *block)
    return count


def _count_result(count: Count, word: str, name: str) -> None:
    if word == "not ok":
        count.fail(name)
    elif re.search(r"# SKIP\b", name, re.IGNORECASE):
        count.skipped += 1
    else:
        count.passed += 1


def _expect_plan(count: Count, planned: int, seen: int) -> None:
    for _ in range(planned - seen):
        count.fail("a planned case did not run")


def unexcused_skips(output: str) -> list[str]:
    """Kernel cases that were skipped, and not because the kernel has no such
    thing."""
    skips = re.findall(r"^ +ok \d+ (.* # SKIP .*)$", output, re.MULTILINE)
    return [skip for skip in skips if "# SKIP the kernel has no " not in skip]


def with_reasons(failures: list[str], output: str) -> list[str]:
    """Those of kernel cases by bed, and with the reason that the run gives."""
    said = re.findall(r"^# failed: (.+)$", output, re.MULTILINE)
    cases = {line.partition(": ")[0].partition("/")[2] for line in said}
    return said + [what for what in failures if what not in cases]


def count_left_out(output: str) -> int:
    """Cases that a run of the kernel tests has not even begun, as it says."""
    return sum(int(found) for found in
               re.findall(r"^ *# left out: (\d+) cases ", output, re.MULTILINE))


def count_bazel(events: pathlib.Path) -> Count:
    """Every test case of a build event file (--build_event_json_file)."""
    count = Count()
    results: dict[tuple[str, int, int], dict] = {}
    finished = False
    for line in events.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        ident = event.get("id", {})
        if "testResult" in ident:
            run = ident["testResult"]
            key = (run["label"], run.get("run", 1), run.get("shard", 1))
            results[key] = event.get("testResult", {})
        elif "targetCompleted" in ident:
            done = ident["targetCompleted"]
            if not event.get("completed", {}).get("success"):
                what = done.get("aspect", "build").rpartition("%")[2]
                count.fail(f"{done['label']} ({what})")
        elif "buildFinished" in ident:
            finished = "finished" in event
    for (label, _, _), result in sorted(results.items()):
        count.add(_count_target(label, result))
    if not finished:
        count.fail("the build did not finish")
    return count


def _count_target(label: str, result: dict) -> Count:
    cases = Count()
    for output in result.get("testActionOutput", []):
        path = pathlib.Path(urllib.parse.unquote(
            urllib.parse.urlparse(output.get("uri", "")).path))
        if output.get("name") == "test.xml" and path.exists():
            cases.add(count_xml(label, path.read_bytes()))
    status = result.get("status", "NO_STATUS")
    if status not in ("PASSED", "FLAKY") and not cases.failed:
        cases.fail(f"{label} ({status.lower()})")
    elif status in ("PASSED", "FLAKY") and not (cases.passed + cases.skipped):
        cases.passed += 1
    return cases


def count_xml(label: str, text: bytes) -> Count:
    """The cases of one test.xml: GoogleTest's own or Bazel's for a script."""
    count = Count()
    try:
        root = xml.etree.ElementTree.fromstring(text)
    except xml.etree.ElementTree.ParseError:
        return count  # the target's status is what is left
    for case in root.iter("testcase"):
        if case.get("status") == "notrun":
            continue  # disabled, or not in this shard
        if case.find("failure") is not None or case.find("error") is not None:
            suite = case.get("classname")
            name = case.get("name", "")
            if suite:
                name = f"{label} {suite}.{name}"
            count.fail(name)
        elif case.find("skipped") is not None or \
                case.get("result") == "skipped":
            count.skipped += 1
        else:
            count.passed += 1
    return count
