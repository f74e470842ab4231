#!/usr/bin/python3
"""Tests of the harness itself: what it must notice, it notices."""

import contextlib
import io
import pathlib
import struct
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import cases  # noqa: E402
import demo_summary  # noqa: E402
import session  # noqa: E402
import staging  # noqa: E402
import storm_table  # noqa: E402
from beds import bed, console, guests, kernels  # noqa: E402
from guest import agents, genl, upcalls, usage  # noqa: E402


class Folder(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.out = pathlib.Path(self._folder.name)

    def write(self, name: str, text: str) -> None:
        (self.out / name).write_text(text)


class Console(Folder):
    def trouble(self, name: str, text: str) -> list[str]:
        self.write(name, text)
        return console.find_trouble(self.out, "6.12.1")[0]

    def test_kernel_trouble_is_found(self):
        for line in ("BUG: kernel NULL pointer dereference",
                     "WARNING: CPU: 0 PID: 1 at net/handshake/request.c:1",
                     "Oops: 0000 [#1]",
                     "Kernel panic - not syncing: Attempted to kill init!",
                     "WARNING: possible recursive locking detected",
                     "INFO: task mount.nfs4:12 blocked for more than 120 s",
                     "UBSAN: array-index-out-of-bounds in net/tls/x.c:7:3",
                     "kmemleak: 3 new suspected memory leaks (see /sys/k)",
                     "refcount_t: underflow; use-after-free."):
            with self.subTest(line):
                self.assertTrue(self.trouble("console.log", line))

    def test_sanitizer_reports_are_found_in_logs_and_files(self):
        self.assertTrue(self.trouble(
            "agent-1.log", "==7==ERROR: AddressSanitizer: heap-use-after-free"))
        self.write("agent-1.log", "")
        (report,) = self.trouble(
            "sanitizer-1.77", "chatter\n==77==ERROR: LeakSanitizer: detected\n")
        self.assertIn("LeakSanitizer", report)
        self.assertTrue(self.trouble("sanitizer-1.78", ""))

    def test_a_leak_check_that_went_on_is_no_trouble(self):
        missed = "==885==Unable to get registers from thread 855.\n"
        self.assertFalse(self.trouble("sanitizer-2.855", missed))
        self.assertTrue(self.trouble(
            "sanitizer-2.855",
            missed + "==885==ERROR: LeakSanitizer: detected\n"))

    def test_ordinary_lines_are_not_trouble(self):
        for line in ("NFSD: Using nfsdcld client tracking operations.",
                     "random: crng init done",
                     "tlshd[1]: Handshake with x failed"):
            with self.subTest(line):
                self.assertFalse(self.trouble("console.log", line))


class Judging(Folder):
    READY = bed.Ready(bed.BEDS["uml-trixie"], pathlib.Path("/root"),
                      kernels.Kernel("6.12.1", pathlib.Path("/k"),
                                     pathlib.Path("/m")))

    def judge(self, **boot):
        return session._judge(self.READY, "g/c", 1, self.out,
                              guests.Boot(seconds=3, **boot))

    def test_a_guest_without_a_result_fails(self):
        self.write("console.log", "the last words\n")
        outcome = self.judge(timed_out=True, exit_code=-9)
        self.assertEqual(outcome.verdict, "failed")
        self.assertIn("deadline", outcome.why)
        self.assertIn("the last words", outcome.why)

    def test_trouble_on_the_console_overrules_a_pass(self):
        self.write("console.log", "BUG: something\n")
        self.write("result.json",
                   '{"verdict": "passed", "why": "", "notes": []}')
        outcome = self.judge(timed_out=False, exit_code=0)
        self.assertEqual(outcome.verdict, "failed")

    def test_the_name_is_that_of_bed_and_case(self):
        self.write("console.log", "")
        self.write("result.json", '{"verdict": "skipped", "why": "no X",'
                   ' "notes": [], "facts": {"a": 1}}')
        outcome = self.judge(timed_out=False, exit_code=0)
        self.assertEqual((outcome.bed, outcome.case, outcome.verdict,
                          outcome.why, outcome.facts),
                         ("uml-trixie", "g/c", "skipped", "no X", {"a": 1}))


def _elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little")


class Staging(Folder):
    def built(self, name: str, place: str, machine: int = 0x3E):
        path = self.out / name / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_elf(machine))
        return path

    def test_what_is_built_beside_the_agent_is_taken_along(self):
        places = ("agent/ktlsd", "agent/ktlsd_broken_readback",
                  "agent/ktlsd_hostile_worker",
                  "ktls/kernel_test", "agent/sandbox/lock_down_test",
                  "tools/examples/serve_file", "tools/examples/fetch_file",
                  "kernel-tests/load/storm_load")
        for place in places:
            self.built("bin", place)
        staging.stage_ktlsd(self.out / "bin/agent/ktlsd", self.out / "to")
        self.assertEqual({p.name for p in (self.out / "to").iterdir()},
                         {pathlib.Path(p).name for p in places})

    def test_an_agent_for_each_machine(self):
        agents_given = [self.built("x", "agent/ktlsd"),
                        self.built("y", "agent/ktlsd", 0xB7)]
        this = session.prepare(self.out / "run", list(map(str, agents_given)),
                               "2G", sanitizer=False)
        self.assertEqual(set(this.machines), {"x86_64", "aarch64"})
        for machine, agent in zip(("x86_64", "aarch64"), agents_given):
            self.assertEqual(
                (this.agent_dir(machine) / "ktlsd").read_bytes(),
                agent.read_bytes())

    def test_a_bed_without_an_agent_is_an_error(self):
        this = session.Session(self.out, "ktlsd", "2G", {}, 1, ("aarch64",))
        with self.assertRaisesRegex(session.SetupError, "x86_64.*uml-trixie"):
            session.fit(this, Judging.READY)

    def test_an_agent_is_known_by_its_name(self):
        self.assertEqual(session.profile_of("/usr/sbin/tlshd"), "tlshd")
        self.assertEqual(session.profile_of("/x/ktlsd"), "ktlsd")

    def test_no_agent_is_an_error(self):
        with self.assertRaises(session.SetupError):
            staging.machine_of(self.out / "nothing")
        self.write("text", "#!/bin/sh\n" + 20 * "#")
        with self.assertRaises(session.SetupError):
            staging.machine_of(self.out / "text")


def _attribute(kind: int, value: bytes) -> bytes:
    pad = b"\0" * (-len(value) % 4)
    return struct.pack("=HH", 4 + len(value), kind) + value + pad


def _message(command: int, port: int, *attributes: bytes) -> genl.Message:
    body = struct.pack("=BBH", command, 1, 0) + b"".join(attributes)
    header = struct.pack("=IHHII", 16 + len(body), 30, 0, 1, port)
    (message,) = genl.parse_messages(header + body)
    return message


def _accept(fd: int, side: int, port: int) -> genl.Message:
    return _message(genl.CMD_ACCEPT, port,
                    _attribute(genl.ACCEPT_SOCKFD, struct.pack("=i", fd)),
                    _attribute(genl.ACCEPT_MESSAGE_TYPE,
                               struct.pack("=I", side)))


def _done(fd: int, status: int, port: int) -> genl.Message:
    return _message(genl.CMD_DONE, port,
                    _attribute(genl.DONE_STATUS, struct.pack("=I", status)),
                    _attribute(genl.DONE_SOCKFD, struct.pack("=i", fd)))


class Upcalls(unittest.TestCase):
    def observed(self, *messages: genl.Message) -> upcalls.Record:
        record = upcalls.Record()
        for at, message in enumerate(messages):
            record.note(message, float(at))
        return record

    def test_one_done_for_each_accept_is_sound(self):
        record = self.observed(_accept(5, 1, 100), _accept(5, 2, 101),
                               _done(5, 13, 101), _done(5, 0, 100))
        self.assertEqual(record.faults(probes_allowed=False), [])
        self.assertEqual(record.statuses("client"), [0])
        self.assertEqual(record.statuses("server"), [13])

    def test_descriptor_numbers_may_be_used_again(self):
        record = self.observed(_accept(5, 1, 100), _done(5, 0, 100),
                               _accept(5, 2, 100), _done(5, 13, 100))
        self.assertEqual(record.statuses("client"), [0])
        self.assertEqual(record.statuses("server"), [13])

    def test_faults(self):
        twice = self.observed(_accept(5, 1, 9), _done(5, 0, 9), _done(5, 0, 9))
        never = self.observed(_accept(5, 1, 9))
        stray = self.observed(_done(7, 0, 9))
        for record in (twice, never, stray):
            self.assertEqual(len(record.faults(probes_allowed=True)), 1)
        probe = self.observed(_done(-1, 0, 9))
        self.assertEqual(len(probe.faults(probes_allowed=False)), 1)
        self.assertEqual(probe.faults(probes_allowed=True), [])

    def test_what_the_dead_left_is_no_fault_and_its_numbers_are_free(self):
        record = self.observed(_accept(5, 1, 9), _accept(6, 1, 9),
                               _done(6, 0, 9))
        self.assertEqual([u.sockfd for u in record.abandon()], [5])
        record.note(_accept(5, 2, 10), 4.0)
        record.note(_done(5, 13, 10), 5.0)
        self.assertEqual(record.faults(probes_allowed=False), [])
        self.assertEqual(record.statuses("server"), [13])
        self.assertEqual(record.answers(), 2)

    def test_children_of_the_dead_may_answer_once(self):
        record = self.observed(_accept(5, 1, 9), _accept(5, 1, 9))
        record.abandon()
        record.note(_done(5, 110, 9), 2.0)
        record.note(_done(5, 110, 9), 2.5)
        self.assertEqual(record.faults(probes_allowed=False), [])
        record.note(_done(5, 110, 9), 3.0)
        self.assertEqual(len(record.faults(probes_allowed=False)), 1)


class Storm(unittest.TestCase):
    def round(self, agent: str, **fields) -> dict:
        return {"agent": agent, "number": 0, "memory": "8G", "slots": 20,
                "at_once": 8, "clients": 300, "sessions": 300, "wall_ms": 3000.0,
                "agent_cpu_ms": 600.0, "guest_busy_ms": 3000.0,
                "host_cpu_ms": 1500.0, "p50_ms": 60.0, "p99_ms": 110.0,
                "switches": {"ktlsd": 900, "ktlsd-worker": 1350}, **fields}

    def table(self, *rounds: dict, **more) -> list[str]:
        return storm_table.table({
            "kernel": "7.2.7", "clients": 300, "authorities": 1,
            "rounds": rounds, **more}).splitlines()

    def test_agents_are_compared_in_the_same_storm(self):
        lines = self.table(
            self.round("ktlsd"), self.round("ktlsd", at_once=16),
            self.round("other", sessions=150, agent_cpu_ms=3000.0))
        self.assertEqual(lines[6].split(), ["8G", "20", "8", "ktlsd",
                                            "300/300", "100", "200", "1.00",
                                            "7.5", "60", "110"])
        self.assertIn("ktlsd to other: rate 2.0x, agent's CPU 0.10x", lines[8])
        self.assertEqual(len(lines), 10)

    def test_an_agent_without_a_session_has_no_figures(self):
        lines = self.table(self.round("ktlsd"), self.round("other", sessions=0))
        self.assertIn("0/300", lines[7])
        self.assertIn("nothing to compare", lines[8])

    def test_a_clock_that_jumped_gives_no_figures_of_cpu(self):
        lines = self.table(self.round("ktlsd"),
                           self.round("other", host_cpu_ms=-600.0))
        self.assertEqual(lines[7].split()[6:8], ["-", "-"])
        self.assertIn("ktlsd to other: rate 1.0x", lines[8])
        self.assertNotIn("CPU", lines[8])

    def test_the_first_agent_has_to_serve_everybody(self):
        rounds = [self.round("ktlsd"), self.round("ktlsd", sessions=299),
                  self.round("other", sessions=70, number=1)]
        self.assertEqual(storm_table.lost({"rounds": rounds}),
                         ["8G, 8 at once: ktlsd served 299 of 300"])

    def test_system_calls_are_summed_by_role(self):
        lines = self.table(self.round("ktlsd"), calls=[
            {"agent": "ktlsd", "memory": "8G",
             "calls": {"ktlsd": {"poll": 2.5, "read": 1.04, "brk": 0.01},
                       "ktlsd-keeper": {"poll": 1.0}, "ktlsd-idle": {}}}])
        self.assertEqual(lines[-3].split(), [
            "ktlsd", "3.5:", "poll", "2.5,", "read", "1.0"])
        self.assertEqual(lines[-2].split(), ["ktlsd-keeper", "1.0:", "poll",
                                             "1.0"])
        self.assertEqual(lines[-1].split(), ["all", "4.5"])

    def test_growth_between_samples(self):
        samples = [(0.0, 1.0), (2.0, 3.0), (4.0, 11.0)]
        self.assertEqual(storm_table.grown(samples, 1.0, 3.0), 5.0)
        self.assertEqual(storm_table.grown(samples, -1.0, 9.0), 10.0)


class Logs(unittest.TestCase):
    LINE = ('event=handshake_done outcome=refused code=certificate_expired '
            'fault=peer side=client reason="it is \\"old\\""\n')

    def test_fields_of_a_line(self):
        (record,) = agents.handshake_records("noise\n" + self.LINE)
        self.assertEqual(record["code"], "certificate_expired")
        self.assertEqual(record["reason"], 'it is "old"')

    def test_lines_that_are_no_fields_are_faults(self):
        self.assertEqual(agents.log_faults(self.LINE), [])
        for line in ("a stray line\n", 'event=x reason="two\n',
                     "event=handshake_done outcome=failed code=peer_closed\n"):
            with self.subTest(line):
                self.assertEqual(len(agents.log_faults(self.LINE + line)), 1)

    def test_the_event_loop_that_was_asked_for_is_used(self):
        for loop in ("epoll", "io_uring"):
            options = {"event_loop": loop}
            self.assertEqual(agents.environment_of(options),
                             {"KTLSD_EVENT_LOOP": loop})
            line = f"event=started role=worker event_loop={loop}\n"
            other = "event=started role=worker event_loop=other\n"
            self.assertEqual(agents.other_loops(line + other, options),
                             ["other"])
            self.assertEqual(agents.other_loops(line + other, {}), [])
        self.assertEqual(agents.environment_of({"event_loop": None}), {})

    def test_a_reason_counts_only_for_its_side(self):
        finds = agents.PROFILES["ktlsd"].finds
        self.assertTrue(finds(self.LINE, "certificate_expired", "client"))
        self.assertFalse(finds(self.LINE, "certificate_expired", "server"))


class Growth(unittest.TestCase):
    def samples(self, grows_by: int) -> list[usage.Sample]:
        """A worker that starts high and grows, and another from the middle."""
        made = []
        for number in range(20):
            # The first two samples of a life are those of tables that fill.
            age = number if number < 10 else number - 10
            made.append(usage.Sample(number * 100, {
                1: usage.ProcessUsage("monitor", 7, 500),
                2 + number // 10: usage.ProcessUsage(
                    "worker", 5, (1000 if age < 2 else 4000 + grows_by * age)
                    - number // 10 * 900)}))
        return made

    def growth(self, samples: list[usage.Sample]) -> dict[str, usage.Growth]:
        return usage.growth(samples, 200, lambda used: used.anonymous_kib)

    def test_growth_within_a_life_is_found(self):
        found = self.growth(self.samples(3))
        self.assertAlmostEqual(found["worker"].slope, 3 / 100)
        self.assertEqual(found["worker"].rise, 3 * 7)
        self.assertEqual(found["monitor"], usage.Growth(0, 0))

    def test_growth_by_pages_is_found(self):
        """32 bytes of every tenth handshake, seen as whole pages."""
        found = self.growth([
            usage.Sample(number * 300, {1: usage.ProcessUsage(
                "monitor", 1, number * 300 * 32 // 10 // 4096 * 4)})
            for number in range(330)])
        self.assertAlmostEqual(found["monitor"].slope * 1024, 3.2, delta=0.4)

    def test_what_differs_between_processes_is_no_growth(self):
        self.assertEqual(self.growth(self.samples(0)),
                         {"monitor": usage.Growth(0, 0),
                          "worker": usage.Growth(0, 0)})

    def test_a_step_is_no_slope(self):
        found = self.growth([
            usage.Sample(number * 300, {1: usage.ProcessUsage(
                "monitor", 1, 1000 if number < 100 else 1076)})
            for number in range(150)])
        self.assertEqual(found["monitor"], usage.Growth(0, 76))

    def test_processes_of_a_role_are_added_up(self):
        found = usage.sum_by_role({1: usage.ProcessUsage("a", 2, 3),
                                   2: usage.ProcessUsage("a", 20, 30)})
        self.assertEqual(found, {"a": usage.Usage(2, 22, 33)})


class Demo(unittest.TestCase):
    FACTS = {
        **{f"data_equal_{m}": True for m in ("tls", "mtls")},
        **{f"counters_{m}": {"before": {"TlsTxSw": 0, "TlsRxSw": 0},
                             "after": {"TlsTxSw": 2, "TlsRxSw": 2}}
           for m in ("tls", "mtls")},
        "kernel": "6.12.1",
        **{f"session_{m}_{s}": {"suite": "a", "group": "b", "scheme": "c",
                                "peer": "d"}
           for m in ("tls", "mtls") for s in ("client", "server")},
        **{f"marker_{m}": {"seen": m == "none", "captured_bytes": 1}
           for m in ("none", "tls", "mtls")},
    }

    def complete(self, facts: dict) -> bool:
        summary = demo_summary.Summary(facts)
        with contextlib.redirect_stdout(io.StringIO()):
            summary.print()
        return summary.complete

    def test_everything_shown(self):
        self.assertTrue(self.complete(self.FACTS))

    def test_anything_missing_is_noticed(self):
        for fact in self.FACTS:
            if fact != "kernel" and not fact.startswith("session_"):
                facts = {k: v for k, v in self.FACTS.items() if k != fact}
                with self.subTest(fact):
                    self.assertFalse(self.complete(facts))

    def test_a_marker_on_the_wire_is_noticed(self):
        seen = {"marker_tls": {"seen": True, "captured_bytes": 1}}
        self.assertFalse(self.complete({**self.FACTS, **seen}))


class Cases(unittest.TestCase):
    def test_names_are_grouped(self):
        names = list(cases.all_cases())
        self.assertTrue(names)
        for name in names:
            self.assertRegex(name, r"^[a-z]+/[a-z0-9-]+$")


if __name__ == "__main__":
    unittest.main()
