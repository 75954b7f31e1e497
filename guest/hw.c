// SPDX-License-Identifier: GPL-2.0-only
/* Port I/O to the host: see hw.h. */
#include "hw.h"
#include <sys/io.h>

enum {
	PORT_DEBUGCON = 0xe9,
	PORT_WATCHDOG_OFF = 0x441, PORT_WATCHDOG_ON = 0x443, WATCHDOG_MAX_S = 30, WATCHDOG_STEP_S = 2,
	PORT_PVPANIC = 0x505, PVPANIC_PANICKED = 1,
	PORT_FW_CFG_SELECT = 0x510, PORT_FW_CFG_DATA = 0x511, FW_CFG_FILE_DIR = 0x19,
};

int hw_init(struct kt_err *err)
{
	if (iopl(3) < 0)
		return kt_fail(err, "iopl: %s (the kernel needs CONFIG_X86_IOPL_IOPERM)", strerror(errno));
	return 0;
}

void hw_say(const void *buf, size_t n)
{
	asm volatile("rep outsb" : "+S"(buf), "+c"(n) : "d"(PORT_DEBUGCON) : "memory");
}

static void fw_cfg_read(void *buf, size_t n)
{
	asm volatile("rep insb" : "+D"(buf), "+c"(n) : "d"(PORT_FW_CFG_DATA) : "memory");
}

char *hw_fw_cfg(const char *name, size_t *size)
{
	struct { uint32_t size; uint16_t select, reserved; char name[56]; } file; /* big-endian */
	uint32_t n;

	outw(FW_CFG_FILE_DIR, PORT_FW_CFG_SELECT);
	fw_cfg_read(&n, sizeof(n));
	for (n = __builtin_bswap32(n); n; n--) {
		fw_cfg_read(&file, sizeof(file));
		if (strncmp(file.name, name, sizeof(file.name)))
			continue;
		*size = __builtin_bswap32(file.size);
		char *buf = xcalloc(*size + 1, 1);
		outw(__builtin_bswap16(file.select), PORT_FW_CFG_SELECT);
		fw_cfg_read(buf, *size);
		return buf;
	}
	return NULL;
}

void hw_watchdog(int seconds)
{
	/* The device takes the number of steps below its maximum. */
	if (seconds)
		outb((unsigned char)((WATCHDOG_MAX_S - seconds) / WATCHDOG_STEP_S), PORT_WATCHDOG_ON);
	else
		outb(0, PORT_WATCHDOG_OFF);
}

void hw_ready(void)
{
	outb(PVPANIC_PANICKED, PORT_PVPANIC);
}
