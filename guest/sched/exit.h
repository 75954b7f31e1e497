/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exit.h - why the kernel let go of a scheduler, whoever loaded it: from the kernel's log (reason, message, backtrace), from
 * the tracepoint sched_ext_dump (its debug dump of an error, and with it the exit kind), and from the object's own record
 * where there is one (the exit code, which the kernel shows nobody else).
 */
#ifndef SCHED_EXIT_H
#define SCHED_EXIT_H

#include "libexec/lib/json.h"

struct exit_watch;

/* Readable when the kernel logs something; -1 where its log cannot be read. */
int exit_watch_fd(const struct exit_watch *w);
/* Take in what the kernel logged; true once it has said that a scheduler is gone. */
bool exit_seen(struct exit_watch *w);
/* The scheduler is there again: what was logged so far does not say that it is gone. */
void exit_begin_again(struct exit_watch *w);
/* Begin to watch. Never fails: what cannot be watched is missing in the end. */
struct exit_watch *exit_watch_create(void);
/* {"kind","kind_number","code","reason","message"}, of what happened since; own is the object's record, or NULL. */
json_t *exit_describe(struct exit_watch *w, const json_t *own);
/* What the kernel logged about sched_ext meanwhile, and its dump: arrays of lines. */
json_t *exit_kernel_log(struct exit_watch *w);
json_t *exit_dump(struct exit_watch *w);

#endif
