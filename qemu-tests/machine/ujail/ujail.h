// What the parts of this stand-in for OpenWrt's ujail know of each other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Says what is wrong, as the real one does on stderr and in the log. The value is for who returns it.
int wrong(const char *what, const char *whom);

// --- mounts.c: what the jail's file system will have

// A path of the router's, with the libraries and the interpreter that it wants. One that is not there is left out, and so
// are libraries of it that are not.
void stage(const char *path, bool writable);

// The program, likewise. -1: something that it needs cannot be had.
int stage_program(const char *path);

// The same for a path that must be there, without looking into it.
void stage_must(const char *path, bool writable);

// What every jail has; /proc and /sys if asked for.
void stage_usual(bool proc, bool sys);

// Makes a root of all that and goes in. -1: it cannot be made, and the jail shall not start.
int enter(bool read_only);

// --- caps.c: what root may there

struct caps {
    uint64_t bounding, effective, inheritable, permitted, ambient;
};

// Reads the five sets of an OCI file. -1: it cannot be read, or names what is no capability.
int caps_read(const char *path, struct caps *caps);

// Gives all others up, for good.
int caps_apply(const struct caps *caps);
