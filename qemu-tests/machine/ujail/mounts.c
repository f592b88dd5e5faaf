// The jail's file system: an empty tmpfs, and in it only what was staged.
//
// Mounts are made in the order of their places, as strcmp() has it, so what lies in another comes after it. The first that
// is staged for a place stays.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ujail.h"

// Bound over files that nobody shall read.
#define NOTHING "/tmp/.ujailnoafile"

struct staged {
    const char *place, *source, *type, *data;
    unsigned long flags;
    bool must, masked;
};
static struct staged all[256];
static int count;

static void add(struct staged new) {
    int i = 0;
    while (i < count && strcmp(all[i].place, new.place) < 0)
        i++;
    if (i < count && !strcmp(all[i].place, new.place))
        return;
    if (count == sizeof all / sizeof *all)
        exit(wrong("more mounts than this stand-in has places for", new.place));
    memmove(all + i + 1, all + i, (count++ - i) * sizeof *all);
    new.place = strdup(new.place);
    if (new.source)
        new.source = strdup(new.source);
    all[i] = new;
}

static void add_bind(const char *path, bool writable, bool must) {
    add((struct staged){path, path, .flags = MS_BIND | (writable ? 0 : MS_RDONLY), .must = must});
}

void stage_must(const char *path, bool writable) { add_bind(path, writable, true); }

void stage_usual(bool proc, bool sys) {
    static const char *const masks[] = {"/proc/kcore",      "/proc/sysrq-trigger", "/proc/latency_stats", "/proc/timer_list",
                                        "/proc/timer_stats", "/proc/sched_debug",  "/proc/scsi",          "/sys/firmware"};
    const unsigned long quiet = MS_NOEXEC | MS_NOSUID;
    add_bind("/etc/resolv.conf", false, false);
    add((struct staged){"/dev", NULL, "tmpfs", "size=1M", MS_NOATIME | quiet, true});
    add((struct staged){"/dev/shm", NULL, "tmpfs", "mode=1777", MS_NODEV | quiet, true});
    add((struct staged){"/dev/pts", NULL, "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5", MS_NOATIME | quiet});
    if (proc) {
        add((struct staged){"/proc", NULL, "proc", NULL, MS_NOATIME | MS_NODEV | quiet, true});
        add((struct staged){"/proc/sys", NULL, NULL, NULL, MS_BIND | MS_RDONLY, true});
    }
    if (sys)
        add((struct staged){"/sys", NULL, "sysfs", NULL, MS_RELATIME | MS_NODEV | quiet | MS_RDONLY, true});
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        if (masks[i][1] == 'p' ? proc : sys)
            add((struct staged){masks[i], .must = true, .masked = true});
}

static int stage_needed(const char *path);

// What an ELF program names: its loader, by path, and its libraries, by name. A static one names none.
static int stage_libraries(const char *path, const char *map, size_t size) {
    const ElfW(Ehdr) *head = (const void *)map;
    if (size < sizeof *head || head->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return wrong("unknown elf format", path);
    const ElfW(Phdr) *part = (const void *)(map + head->e_phoff), *load = NULL, *dynamic = NULL;
    if (head->e_phoff > size || size - head->e_phoff < head->e_phnum * sizeof *part)
        return wrong("no whole program", path);
    for (int i = head->e_phnum; i-- > 0;) {
        if (part[i].p_type == PT_LOAD)
            load = part + i;
        if (part[i].p_type == PT_DYNAMIC)
            dynamic = part + i;
        if (part[i].p_type == PT_INTERP && part[i].p_offset < size && stage_needed(map + part[i].p_offset))
            return -1;
    }
    if (!load || !dynamic)
        return 0;
    if (dynamic->p_offset > size || dynamic->p_filesz > size - dynamic->p_offset)
        return wrong("no whole program", path);
    const ElfW(Dyn) *entry = (const void *)(map + dynamic->p_offset), *end = entry + dynamic->p_filesz / sizeof *entry;
    size_t strings = 0;
    for (const ElfW(Dyn) *e = entry; e < end; e++)
        if (e->d_tag == DT_STRTAB)
            strings = e->d_un.d_ptr - (load->p_vaddr - load->p_offset);
    for (const ElfW(Dyn) *e = entry; e < end; e++)
        if (e->d_tag == DT_NEEDED && (strings + e->d_un.d_val >= size || stage_needed(map + strings + e->d_un.d_val)))
            return -1;
    return 0;
}

static int stage_script(const char *path, const char *map, size_t size) {
    char shell[PATH_MAX];
    size_t start = 2, end;
    while (start < size && map[start] != '/')
        start++;
    for (end = start; end < size && map[end] > ' ' && map[end] <= '~'; end++)
        ;
    if (end >= size || end - start >= sizeof shell)
        return wrong("bad script interp", path);
    memcpy(shell, map + start, end - start);
    shell[end - start] = 0;
    return stage_needed(shell);
}

static int stage_file(const char *path, bool writable, bool must) {
    for (int i = 0; i < count; i++)
        if (!strcmp(all[i].place, path))
            return 0;
    int file = open(path, O_RDONLY | O_CLOEXEC), result = 0;
    struct stat s;
    if (file < 0)
        return must ? wrong("cannot be read", path) : 0;
    add_bind(path, writable, must);
    if (!fstat(file, &s) && S_ISREG(s.st_mode) && s.st_size >= 4) {
        const char *map = mmap(NULL, s.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (map == MAP_FAILED)
            result = wrong("failed to mmap", path);
        else if (!memcmp(map, "#!", 2))
            result = stage_script(path, map, s.st_size);
        else if (!memcmp(map, ELFMAG, SELFMAG))
            result = stage_libraries(path, map, s.st_size);
    }
    close(file);
    return result;
}

void stage(const char *path, bool writable) {
    if (*path == '/')
        stage_file(path, writable, false);
    else
        wrong("no absolute path:", path);
}

int stage_program(const char *path) { return *path == '/' ? stage_needed(path) : wrong("no absolute path:", path); }

// By path, or by name where the loader looks for libraries.
static int stage_needed(const char *path) {
    static const char *const folders[] = {"/lib", "/lib64", "/usr/lib"};
    char found[PATH_MAX];
    if (*path == '/')
        return stage_file(path, false, true);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(found, sizeof found, "%s/%s", folders[i], path);
        if (!access(found, R_OK))
            return stage_file(found, false, true);
    }
    return wrong("no such library", path);
}

static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0755);
        *slash = '/';
    }
}

// Nothing can be read there, and nothing is there.
static int hide(const char *at) {
    struct stat s;
    if (stat(at, &s))
        return 0;
    if (S_ISDIR(s.st_mode))
        return mount("none", at, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, "size=0,mode=000");
    return mount(NOTHING, at, NULL, MS_BIND, NULL) || mount(NULL, at, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
}

static int mount_one(const char *root, const struct staged *m) {
    char at[PATH_MAX];
    struct stat s;
    snprintf(at, sizeof at, "%s%s", root, m->place);
    if (m->masked)
        return hide(at);
    if (m->source && stat(m->source, &s))
        return -1;
    make_folders(at);
    if (!m->source || S_ISDIR(s.st_mode))
        mkdir(at, 0755);
    else
        close(open(at, O_CREAT | O_WRONLY | O_EXCL | O_CLOEXEC, 0644));
    if (!(m->flags & MS_BIND))
        return mount(m->type, at, m->type, m->flags, m->data);
    return mount(m->source ? m->source : at, at, NULL, MS_BIND, NULL) || mount(NULL, at, NULL, MS_REMOUNT | m->flags, NULL);
}

static void make_devices(void) {
    static const struct {
        const char *path;
        int minor;
    } memory[] = {{"/dev/null", 3}, {"/dev/zero", 5}, {"/dev/full", 7}, {"/dev/random", 8}, {"/dev/urandom", 9}};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        mknod(memory[i].path, S_IFCHR | 0666, makedev(1, memory[i].minor));
    mknod("/dev/tty", S_IFCHR | 0660, makedev(5, 0));
    if (symlink("/dev/pts/ptmx", "/dev/ptmx") | symlink("/proc/self/fd", "/dev/fd") | symlink("/proc/self/fd/0", "/dev/stdin") |
        symlink("/proc/self/fd/1", "/dev/stdout") | symlink("/proc/self/fd/2", "/dev/stderr"))
        wrong("some links", "in /dev are not ours");
}

int enter(bool read_only) {
    char root[] = "/tmp/ujail-XXXXXX", old[32];
    mode_t mask = umask(0);
    if (!mkdtemp(root) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("tmpfs", root, "tmpfs", MS_NOATIME, "mode=0755"))
        return wrong("no root for the jail:", strerror(errno));
    close(open(NOTHING, O_CREAT | O_WRONLY | O_CLOEXEC, 0));
    for (int i = 0; i < count; i++)
        if (mount_one(root, all + i) && all[i].must)
            return wrong("failed to mount", all[i].place);
    snprintf(old, sizeof old, "%s/old", root);
    mkdir(old, 0755);
    if (syscall(SYS_pivot_root, root, old) || chdir("/"))
        return wrong("pivot_root:", strerror(errno));
    // The folder itself, in the router's /tmp: nothing is mounted there any more.
    snprintf(old, sizeof old, "/old%s", root);
    umount2(old, MNT_DETACH);
    rmdir(old);
    if (umount2("/old", MNT_DETACH) || rmdir("/old"))
        return wrong("the router's root stays:", strerror(errno));
    make_devices();
    if (read_only && mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL))
        return wrong("the jail's root stays writable:", strerror(errno));
    umask(mask);
    return 0;
}
