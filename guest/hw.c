// SPDX-License-Identifier: GPL-2.0-only
/* Port I/O to the host: see hw.h. */
#include "guest/hw.h"
#include <fcntl.h>
#include <sys/io.h>
#include <sys/mman.h>

enum {
	PORT_DEBUGCON = 0xe9,
	PORT_WATCHDOG_OFF = 0x441, PORT_WATCHDOG_ON = 0x443, WATCHDOG_MAX_S = 30, WATCHDOG_STEP_S = 2,
	PORT_PVPANIC = 0x505, PVPANIC_PANICKED = 1,
	PORT_FW_CFG_SELECT = 0x510, PORT_FW_CFG_DATA = 0x511, PORT_FW_CFG_DMA_HIGH = 0x514, PORT_FW_CFG_DMA_LOW = 0x518,
	FW_CFG_ID = 1, FW_CFG_ID_DMA = 2, FW_CFG_FILE_DIR = 0x19, FW_CFG_DMA_ERROR = 1, FW_CFG_DMA_READ = 2,
	PAGE = 4096,
};

/* What fw_cfg's DMA is told, all big-endian; control is 0 when it is done. */
struct fw_cfg_dma {
	volatile uint32_t control;
	uint32_t length;
	uint64_t address;
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

static ssize_t write_debugcon(void *cookie, const char *buf, size_t n)
{
	(void)cookie;
	hw_say(buf, n);
	return (ssize_t)n;
}

FILE *hw_stream(void)
{
	static char buf[65536];
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = write_debugcon });

	if (!f)
		BUG("no memory");
	memset(buf, '\n', sizeof(buf)); /* or its pages come when the first workers are to run */
	setvbuf(f, buf, _IOFBF, sizeof(buf));
	return f;
}

static void fw_cfg_read(void *buf, size_t n)
{
	asm volatile("rep insb" : "+D"(buf), "+c"(n) : "d"(PORT_FW_CFG_DATA) : "memory");
}

/* The file that is open: what is left of it, and one piece of it in locked pages, with one more for the DMA's orders. */
enum { PIECE_PAGES = 64, PIECE = PIECE_PAGES * PAGE };
static struct {
	size_t left;
	char *piece;
	bool dma;
	int pagemap;
	uint64_t at[PIECE_PAGES + 1]; /* physical addresses of the pages */
} file;

/* Where the pages are now. False: this kernel does not tell. */
static bool find_pages(void)
{
	const uint64_t present = UINT64_C(1) << 63, frame = (UINT64_C(1) << 55) - 1;

	if (file.pagemap < 0 || pread(file.pagemap, file.at, sizeof(file.at), (off_t)((uintptr_t)file.piece / PAGE * sizeof(*file.at))) !=
	    (ssize_t)sizeof(file.at))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(file.at); i++) {
		if (!(file.at[i] & present) || !(file.at[i] & frame))
			return false;
		file.at[i] = (file.at[i] & frame) * PAGE;
	}
	return true;
}

static bool dma_read(uint64_t to, size_t n)
{
	struct fw_cfg_dma *dma = (struct fw_cfg_dma *)(file.piece + PIECE);

	dma->length = __builtin_bswap32((uint32_t)n);
	dma->address = __builtin_bswap64(to);
	dma->control = __builtin_bswap32(FW_CFG_DMA_READ);
	outl(__builtin_bswap32((uint32_t)(file.at[PIECE_PAGES] >> 32)), PORT_FW_CFG_DMA_HIGH);
	outl(__builtin_bswap32((uint32_t)file.at[PIECE_PAGES]), PORT_FW_CFG_DMA_LOW);
	while (dma->control & ~__builtin_bswap32(FW_CFG_DMA_ERROR))
		;
	return !dma->control;
}

/*
 * One piece, run by run of neighbouring pages. Locked pages are in memory, but not always in the same place: the kernel may move
 * them when it compacts memory. So they are looked up for each piece.
 */
static bool dma_piece(size_t size)
{
	if (!find_pages())
		return false;
	for (size_t i = 0, n; i * PAGE < size; i += n) {
		for (n = 1; (i + n) * PAGE < size && file.at[i + n] == file.at[i] + n * PAGE;)
			n++;
		if (!dma_read(file.at[i], MIN(n * PAGE, size - i * PAGE)))
			return false;
	}
	return true;
}

int hw_fw_cfg_prepare(struct kt_err *err)
{
	uint32_t id;

	file.piece = mmap(NULL, PIECE + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (file.piece == MAP_FAILED)
		return kt_fail(err, "cannot lock %d bytes for the payload: %s", PIECE + PAGE, strerror(errno));
	outw(FW_CFG_ID, PORT_FW_CFG_SELECT);
	fw_cfg_read(&id, sizeof(id));
	file.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	file.dma = (id & FW_CFG_ID_DMA) && find_pages();
	return 0;
}

bool hw_fw_cfg_open(const char *name, size_t *size)
{
	struct { uint32_t size; uint16_t select, reserved; char name[56]; } entry; /* big-endian */
	uint32_t n;

	outw(FW_CFG_FILE_DIR, PORT_FW_CFG_SELECT);
	fw_cfg_read(&n, sizeof(n));
	for (n = __builtin_bswap32(n); n; n--) {
		fw_cfg_read(&entry, sizeof(entry));
		if (strncmp(entry.name, name, sizeof(entry.name)))
			continue;
		*size = file.left = __builtin_bswap32(entry.size);
		outw(__builtin_bswap16(entry.select), PORT_FW_CFG_SELECT);
		return true;
	}
	return false;
}

ssize_t hw_fw_cfg_next(const char **data)
{
	size_t n = MIN(file.left, (size_t)PIECE);

	if (!n)
		return 0;
	if (!file.dma)
		fw_cfg_read(file.piece, n);
	else if (!dma_piece(n))
		return -1;
	file.left -= n;
	*data = file.piece;
	return (ssize_t)n;
}

int hw_fw_cfg_number(const char *name, int64_t *ret, struct kt_err *err)
{
	char text[32] = "";
	size_t size;

	if (!hw_fw_cfg_open(name, &size) || size >= sizeof(text))
		return kt_fail(err, "no %s in fw_cfg", name);
	fw_cfg_read(text, size);
	return kt_parse_i64(text, name, 0, INT64_MAX, ret, err);
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
