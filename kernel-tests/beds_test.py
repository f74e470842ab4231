#!/usr/bin/python3
"""Tests of the beds, of the table and of KTAP, without booting anything."""

import contextlib
import dataclasses
import io
import json
import lzma
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest.mock

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import cases  # noqa: E402
import matrix  # noqa: E402
from beds import bed, initramfs, kernels, made, qemu, rootdir, uml  # noqa: E402
from guest import features, tracing, wait  # noqa: E402
from report import Column, Outcome, Report  # noqa: E402


def outcome(bed_name: str, case: str, verdict: str = "passed",
            why: str = "", turn: int = 1) -> Outcome:
    return Outcome(bed_name, case, turn, verdict, why, [], 2.0,
                   pathlib.Path("/out"))


class Beds(unittest.TestCase):
    def test_every_bed_has_its_parts(self):
        for one in bed.BEDS.values():
            with self.subTest(one.name):
                self.assertIn(one.root, rootdir.ROOTS)
                self.assertTrue(one.kernel in kernels.PACKAGES or
                                one.arch == "um")
                self.assertIn(one.arch, ("um", *qemu.MACHINES))

    def test_titles_say_what_and_which(self):
        for name, release, title in (
                ("uml-forky", "7.2.7", "uml 7.2"),
                ("qemu-trixie", "6.12.117+deb13-cloud-amd64",
                 "qemu 6.12 amd64"),
                ("qemu-arm64", "my-own", "qemu ? arm64")):
            kernel = kernels.Kernel(release, HERE, HERE)
            ready = bed.Ready(bed.BEDS[name], HERE, kernel)
            self.assertEqual(ready.title, title)

    def test_a_machine_gets_kernel_memory_and_root(self):
        kernel = kernels.Kernel("7.0", pathlib.Path("/k/Image"), HERE)
        command = qemu._command(kernel, "aarch64", "3G")
        line = command[command.index("-append") + 1]
        self.assertEqual(command[0], "qemu-system-aarch64")
        self.assertEqual(command[command.index("-kernel") + 1], "/k/Image")
        self.assertEqual(command[command.index("-m") + 1], "3G")
        self.assertIn("size=3G", " ".join(command))
        self.assertIn("console=ttyAMA0 ", line)
        self.assertIn("rootfstype=virtiofs", line)
        self.assertIn(" nowatchdog ", line)
        self.assertNotIn("-initrd", command)
        kernel = dataclasses.replace(kernel, initramfs=pathlib.Path("/first"))
        command = qemu._command(kernel, "aarch64", "3G")
        self.assertEqual(command[command.index("-initrd") + 1], "/first")


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name: str, content: bytes) -> pathlib.Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


def _bz_image(release: bytes) -> bytes:
    image = bytearray(0x400)
    image[0x202:0x206] = b"HdrS"
    image[0x20E:0x210] = (0x100).to_bytes(2, "little")
    text = release + b" (who@where) #1 SMP\0"
    image[0x300:0x300 + len(text)] = text
    return bytes(image)


class OwnKernels(Folder):
    def setUp(self):
        super().setUp()
        patch = unittest.mock.patch.object(made, "cache_dir",
                                           lambda: self.folder / "cache")
        patch.start()
        self.addCleanup(patch.stop)

    def test_a_kernel_is_known_by_its_first_bytes(self):
        arm = bytearray(0x400)
        arm[0x38:0x3C] = b"ARMd"
        uml = b"\x7fELF" + bytes(12) + b"\3\0" + bytes(0x300) + \
            b"User Mode Linux"
        for arch, content in (("x86_64", _bz_image(b"6.19.0-rc1")),
                              ("aarch64", bytes(arm) +
                               b"Linux version 6.19.0-rc1 (who@where)"),
                              ("um", uml + b"Linux version 6.19.0-rc1 (w)")):
            with self.subTest(arch):
                image = self.file(arch, content)
                found, kernel = kernels.given(image, None, HERE)
                self.assertEqual((found, kernel.release, kernel.image),
                                 (arch, "6.19.0-rc1", image))
                self.assertEqual(list(kernel.modules.iterdir()), [])

    def test_a_packed_kernel_is_unpacked_where_that_is_known(self):
        payload = bytes.fromhex("28b52ffd") + b"the rest"
        image = bytearray(_bz_image(b"6.19.1"))
        image[0x1F1] = 1                            # one sector of set-up
        image[0x248:0x24C] = (8).to_bytes(4, "little")
        image[0x24C:0x250] = (len(payload) + 4).to_bytes(4, "little")
        image += bytes(8) + payload + b"size" + b"more"
        file = self.file("image", bytes(image))
        with unittest.mock.patch("subprocess.run") as run:
            kernels._unpack(file, self.folder)
        self.assertEqual(run.call_args.kwargs["input"], payload)
        image[0x408:0x40C] = b"\x1f\x8b\x08\x00"    # gzip
        kernels._unpack(self.file("image", bytes(image)), self.folder)
        self.assertEqual((self.folder / "vmlinuz").read_bytes(), bytes(image))

    def test_anything_else_is_no_kernel(self):
        for content in (b"", b"\x7fELF" + bytes(0x300), b"#!/bin/sh\n"):
            with self.assertRaises(kernels.KernelError):
                kernels.given(self.file("x", content), None, HERE)
        with self.assertRaises(kernels.KernelError):
            kernels.given(self.folder / "nothing", None, HERE)

    def test_modules_are_found_from_either_folder(self):
        image = self.file("bzImage", _bz_image(b"6.19.0"))
        listing = self.file("mods/lib/modules/6.19.0/modules.dep", b"")
        for given in (self.folder / "mods", listing.parent,
                      listing.parent.parent):
            kernel = kernels.given(image, given, HERE)[1]
            self.assertEqual(kernel.modules, listing.parent.parent)

    def test_a_root_that_is_seen_through_modules_needs_them_in_order(self):
        modules = self.file("6.19.0/modules.dep", b"""\
kernel/fs/fuse/virtiofs.ko.xz: kernel/fs/fuse/fuse.ko.xz k/virtio.ko k/ring.ko
kernel/fs/fuse/fuse.ko.xz:
k/virtio-pci.ko: k/virtio.ko k/ring.ko
k/virtio.ko: k/ring.ko
k/ring.ko:
""").parent
        self.assertTrue(initramfs.needed(modules))
        self.assertEqual(initramfs.load_order(modules),
                         ["k/ring.ko", "k/virtio.ko", "k/virtio-pci.ko",
                          "kernel/fs/fuse/fuse.ko.xz",
                          "kernel/fs/fuse/virtiofs.ko.xz"])

    def test_its_bus_may_be_the_only_one(self):
        modules = self.file("6.19.0/modules.dep", b"k/virtio_pci.ko:\n").parent
        self.assertTrue(initramfs.needed(modules))

    def test_an_initramfs_has_them_unpacked(self):
        modules = self.file("6.19.0/modules.dep", b"""\
k/virtiofs.ko.xz: k/fuse.ko
k/fuse.ko:
""").parent
        self.file("6.19.0/k/virtiofs.ko.xz", lzma.compress(b"the last"))
        self.file("6.19.0/k/fuse.ko", b"the first")
        packed = self.folder / "initramfs"
        initramfs.make(modules, "x86_64", packed)
        listed = subprocess.run(["cpio", "--extract", "--quiet"],
                                cwd=self.folder, input=packed.read_bytes(),
                                check=False)
        self.assertEqual(listed.returncode, 0)
        self.assertEqual((self.folder / "modules/000-fuse").read_bytes(),
                         b"the first")
        self.assertEqual((self.folder / "modules/001-virtiofs").read_bytes(),
                         b"the last")
        self.assertTrue(os.access(self.folder / "init", os.X_OK))

    def test_a_module_that_is_not_there_is_named(self):
        modules = self.file("6.19.0/modules.dep", b"k/virtiofs.ko:\n").parent
        image = self.file("bzImage", _bz_image(b"6.19.0"))
        with self.assertRaisesRegex(kernels.KernelError, "k/virtiofs.ko: .*No "
                                    "such file"):
            kernels.given(image, modules, self.folder)

    def test_no_initramfs_where_it_is_built_in(self):
        modules = self.file("6.19.0/modules.dep", b"k/tls.ko:\n").parent
        self.assertFalse(initramfs.needed(modules))
        image = self.file("bzImage", _bz_image(b"6.19.0"))
        self.assertIsNone(kernels.given(image, modules, HERE)[1].initramfs)

    def test_modules_of_another_kernel_are_refused(self):
        image = self.file("bzImage", _bz_image(b"6.19.1"))
        self.file("mods/lib/modules/6.19.0/modules.dep", b"")
        with self.assertRaisesRegex(kernels.KernelError, "6.19.1"):
            kernels.given(image, self.folder / "mods", HERE)


class Made(Folder):
    def setUp(self):
        super().setUp()
        patch = unittest.mock.patch.object(made, "cache_dir",
                                           lambda: self.folder)
        patch.start()
        self.addCleanup(patch.stop)
        root = unittest.mock.patch("os.geteuid", lambda: 0)
        root.start()
        self.addCleanup(root.stop)
        self.times = 0

    def make(self, work: pathlib.Path) -> None:
        self.times += 1
        (work / "thing").write_text(str(self.times))

    def ensure(self, *recipe: str) -> str:
        place = made.ensure("things", "one", list(recipe), self.make)
        return (place / "thing").read_text()

    def test_made_once_and_again_when_the_recipe_changes(self):
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(self.ensure("a"), "1")
            self.assertEqual(self.ensure("a"), "1")
            self.assertEqual(self.ensure("a", "b"), "2")

    def test_what_fails_leaves_nothing_half_made(self):
        def fail(work: pathlib.Path) -> None:
            (work / "half").touch()
            raise made.MakeError("no")
        with self.assertRaises(made.MakeError):
            made.ensure("things", "one", [], fail)
        left = [p.name for p in (self.folder / "things").iterdir()]
        self.assertEqual(left, [".one.lock"])


# Sets a tracee's registers from less than the whole state; says how it went.
_SET_PART = """
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p,
                        ctypes.c_void_p)
TRACEME, GETREGSET, SETREGSET, XSTATE = 0, 0x4204, 0x4205, 0x202
child = os.fork()
if child == 0:
    libc.ptrace(TRACEME, 0, None, None)
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(1)
os.waitpid(child, 0)
class Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))
part = ctypes.create_string_buffer(576)
for request in (GETREGSET, SETREGSET):
    vector = Vector(ctypes.addressof(part), len(part))
    done = libc.ptrace(request, child, XSTATE, ctypes.byref(vector))
print(done, os.strerror(ctypes.get_errno()))
os.kill(child, signal.SIGKILL)
"""


@unittest.skipUnless(os.uname().machine == "x86_64", "User-Mode Linux is x86")
class LargeState(Folder):
    def said(self, **environment: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", _SET_PART], env={**os.environ, **environment},
            capture_output=True, text=True, check=True).stdout.strip()

    def test_part_of_the_registers_is_filled_up(self):
        self.assertEqual(self.said(), "-1 Bad address")
        with unittest.mock.patch.dict(os.environ,
                                      KTLSD_CACHE=str(self.folder)), \
                unittest.mock.patch("os.geteuid", lambda: 0):
            library = uml._fp_state()
        self.assertEqual(self.said(LD_PRELOAD=str(library)), "0 Success")

    def test_only_kernels_that_know_ptrace_alone_need_it(self):
        old = self.file("old", b"a help text")
        new = self.file("new", b"seccomp=<on/off/auto>")
        with unittest.mock.patch.object(pathlib.Path, "read_text",
                                        return_value="flags: amx_tile"):
            self.assertTrue(uml._state_is_too_large_for(old))
            self.assertFalse(uml._state_is_too_large_for(new))
        with unittest.mock.patch.object(pathlib.Path, "read_text",
                                        return_value="flags: avx2"):
            self.assertFalse(uml._state_is_too_large_for(old))


class Needs(unittest.TestCase):
    def test_a_need_has_a_feature(self):
        for case in cases.all_cases().values():
            for need in case.needs:
                self.assertIn(need, features.FEATURES, case.name)

    def test_what_is_missing_is_named_with_its_option(self):
        there = features.Feature("thing", "THING", lambda: True)
        gone = features.Feature("other thing", "OTHER", lambda: False)
        with unittest.mock.patch.object(features, "FEATURES",
                                        {"a": there, "b": gone}):
            self.assertEqual(features.missing(("a",)), "")
            self.assertEqual(features.missing(("a", "b")),
                             "the kernel has no other thing (CONFIG_OTHER)")

    def test_all_deadlines_follow_one_factor(self):
        self.addCleanup(wait.allow, 1.0)
        wait.allow(4.0)
        self.assertEqual(wait.scaled(10), 40)
        with self.assertRaisesRegex(wait.DeadlineExceeded, "0.004 s for it"):
            wait.until(lambda: False, "it", 0.001)


class Tracing(unittest.TestCase):
    TEXT = """# tracer: nop
 nfsd-7 [001] ..... 5.0: handshake_submit: req=01 sk=02
 ktlsd-9 [001] ..... 5.1: handshake_cmd_accept: req=01 sk=02 fd=13
 ktlsd-9 [001] ..... 5.2: handshake_cmd_accept_err: req=0 sk=0 err=-11
 ktlsd-9 [000] ..... 6.5: handshake_cmd_done: req=01 sk=02 fd=13
"""

    def test_as_often_as_said_is_sound(self):
        self.assertEqual(tracing.faults(self.TEXT, 1, 1), [])

    def test_anything_else_is_a_fault(self):
        self.assertEqual(len(tracing.faults(self.TEXT, 2, 1)), 1)
        self.assertEqual(len(tracing.faults(self.TEXT, 1, 0)), 1)
        self.assertEqual(len(tracing.faults("", 1, 1)), 2)

    def test_once_for_each_request(self):
        (fault,) = [f for f in tracing.faults(2 * self.TEXT, 2, 2)
                    if "accept" in f]
        self.assertIn("request 01", fault)
        # Of another request at the place of one that is gone.
        end = " nfsd-7 [001] ..... 7.0: handshake_destruct: req=01 sk=02\n"
        self.assertEqual(tracing.faults(self.TEXT + end + self.TEXT, 2, 2), [])

    def test_a_done_for_nothing_was_said_too(self):
        stray = self.TEXT + " k-9 [0] .. 7.1: handshake_cmd_done_err: err=-16"
        self.assertEqual(tracing.faults(stray, 1, 2), [])


class Ktap(unittest.TestCase):
    def lines(self, columns, outcomes, turns=1) -> tuple[int, list[str]]:
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            report = Report(columns, ["about"], turns)
            for one in outcomes:
                report.add(one)
            status = report.finish(pathlib.Path("/out"), 3, "it is slow")
        return status, text.getvalue().splitlines()

    def test_a_bed_is_a_test_and_its_cases_are_subtests(self):
        status, lines = self.lines(
            [Column("one", "One", ["its kernel"], 2),
             Column("none", "None", [], 0), Column("two", "Two", [], 1)],
            [outcome("one", "g/a"), outcome("one", "g/b", "failed", "why"),
             outcome("two", "g/a", "skipped", "no X")])
        self.assertEqual(status, 1)
        wanted = ["KTAP version 1", "1..3", "  KTAP version 1", "  1..2",
                  "  ok 1 g/a", "  not ok 2 g/b", "not ok 1 one",
                  "  KTAP version 1", "  1..0", "ok 2 none # SKIP no case "
                  "for it", "  KTAP version 1", "  1..1",
                  "  ok 1 g/a # SKIP no X", "ok 3 two # SKIP every case",
                  "1 passed, 1 failed, 1 skipped"]
        self.assertEqual([line for line in lines
                          if not line.lstrip().startswith("#")], wanted)

    def test_exit_statuses(self):
        column = [Column("one", "One", [], 1)]
        for verdict, wanted in (("passed", 0), ("failed", 1), ("skipped", 4)):
            status, _ = self.lines(column, [outcome("one", "g/a", verdict)])
            self.assertEqual(status, wanted, verdict)

    def test_a_repeated_case_says_which_turn_it_is(self):
        _, lines = self.lines(
            [Column("one", "One", [], 2)],
            [outcome("one", "g/a"), outcome("one", "g/a", turn=2)], turns=2)
        self.assertIn("  ok 2 g/a (2 of 2)", lines)

    def test_what_failed_is_said_behind_the_table_with_its_end(self):
        _, lines = self.lines(
            [Column("one", "One", [], 1)],
            [dataclasses.replace(
                outcome("one", "g/a", "failed", "file\nline 3\nline 4\nraised"),
                first_try="stood still")])
        table = lines.index(next(l for l in lines if l.startswith("# g/a")))
        self.assertEqual(lines[table:].count(
            "# failed: one/g/a: line 3 | line 4 | raised"), 1)
        self.assertIn("# run again: one/g/a: stood still", lines[table:])
        self.assertEqual(lines[-4:-1], ["# it is slow",
                                        "# consoles and logs: /out",
                                        "# 1 cases in 3 s"])


class Table(Folder):
    COLUMNS = [Column("one", "uml 6.12", [], 3),
               Column("two", "qemu 7.3 amd64", [], 2, {"g/c": "too slow"})]
    OUTCOMES = [outcome("one", "g/a"), outcome("one", "g/b", "skipped", "no X"),
                outcome("one", "g/c"), outcome("two", "g/a", "failed", "x"),
                outcome("two", "g/b")]

    def test_cells_and_reasons(self):
        lines = matrix.table(self.COLUMNS, self.OUTCOMES)
        self.assertEqual([line.split() for line in lines[2:5]],
                         [["g/a", "pass", "FAIL"],
                          ["g/b", "skip", "a", "pass"],
                          ["g/c", "pass", "-", "b"]])
        self.assertEqual(lines[6].split(), ["time", "6", "s", "4", "s"])
        self.assertEqual(lines[7:], ["a: no X", "b: too slow"])

    def test_repeats_are_counted(self):
        column = [Column("one", "One", [], 2)]
        twice = [outcome("one", "g/a"), outcome("one", "g/a", turn=2)]
        self.assertIn("pass 2", matrix.table(column, twice)[2])
        twice[1] = dataclasses.replace(twice[1], first_try="stood still")
        self.assertIn("pass 2 (2nd)", matrix.table(column, twice)[2])
        twice[1] = outcome("one", "g/a", "failed", turn=2)
        self.assertIn("FAIL 1/2", matrix.table(column, twice)[2])

    def test_the_same_as_json(self):
        path = self.folder / "results.json"
        matrix.save(path, ["agent"], self.COLUMNS, self.OUTCOMES, 3)
        saved = json.loads(path.read_text())
        self.assertEqual([r["verdict"] for r in saved["results"]],
                         [o.verdict for o in self.OUTCOMES])
        self.assertEqual(saved["beds"][1]["left_out"], {"g/c": "too slow"})


if __name__ == "__main__":
    unittest.main()
