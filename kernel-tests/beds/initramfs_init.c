// Pid 1 of an emulated machine until its root is there: loads what the kernel
// needs to see that, and becomes the root's own init.
//
// The only program of its initramfs, hence static. Modules are in /modules, in
// the order of their names; beds/initramfs.py puts them there.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char kModules[] = "/modules";
static const char kRoot[] = "/newroot";

// The harness finds it in the console's log.
static void Fail(const char* what, const char* name) {
  printf("initramfs: cannot %s %s: %s\n", what, name, strerror(errno));
  fflush(stdout);
  sync();
  reboot(RB_POWER_OFF);
  _exit(1);
}

static void Load(const char* name) {
  const int file = open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0 ||
      (syscall(SYS_finit_module, file, "", 0) != 0 && errno != EEXIST)) {
    Fail("load", name);
  }
  close(file);
}

static void LoadAll(void) {
  struct dirent** names;
  const int count = scandir(kModules, &names, NULL, alphasort);
  if (count < 0 || chdir(kModules) != 0) {
    Fail("read", kModules);
  }
  for (int i = 0; i < count; ++i) {
    if (names[i]->d_name[0] != '.') {
      Load(names[i]->d_name);
    }
  }
}

// The tag is that of the machine's one file system (beds/qemu.py).
static void EnterRoot(void) {
  if (mount("root", kRoot, "virtiofs", 0, NULL) != 0) {
    Fail("mount", "root by virtiofs");
  }
  if (chdir(kRoot) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 ||
      chroot(".") != 0 || chdir("/") != 0) {
    Fail("enter", kRoot);
  }
}

int main(void) {
  LoadAll();
  EnterRoot();
  char* const arguments[] = {NEXT_INIT, NULL};
  execv(NEXT_INIT, arguments);
  Fail("run", NEXT_INIT);
}
