#include "drivers/modbus/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <modbus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#define SILENCE_FAST_NS INT64_C(1750000)
#define FAST_BAUD       19200

/* The library's context also keeps the port's former settings and puts them back. */
struct serial {
	const struct bus_config *config;
	modbus_t                *ctx;
	bool                     open;
};

bool serial_knows_baud(uint32_t baud)
{
	static const uint32_t known[] = { 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 576000, 921600 };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i] == baud)
			return true;
	return false;
}

int64_t serial_character_ns(const struct bus_config *c)
{
	unsigned bits = 1u + c->bits + (c->parity != 'N') + c->stop;

	return bits * CLOCK_NS_PER_S / c->baud;
}

int64_t serial_silence_ns(const struct bus_config *c)
{
	return c->baud > FAST_BAUD ? SILENCE_FAST_NS : serial_character_ns(c) * 7 / 2;
}

struct serial *serial_new(const struct bus_config *c, struct err *reterr)
{
	struct serial *s = calloc(1, sizeof *s);

	if (s)
		s->ctx = modbus_new_rtu(c->path, (int)c->baud, c->parity, c->bits, c->stop);
	if (!s || !s->ctx) {
		(void)err_set(reterr, ERR_NO_MEMORY, "%s: no memory", c->path);
		free(s);
		return NULL;
	}
	s->config = c;
	return s;
}

void serial_free(struct serial *s)
{
	if (!s)
		return;
	serial_close(s);
	modbus_free(s->ctx);
	free(s);
}

static const char *open_hint(int error)
{
	switch (error) {
	case EPERM: return ": the service may not open this kind of port: see DeviceAllow= in docs/installing.md";
	case EACCES: return ": the user of this program must be in the port's group (mostly dialout)";
	case EBUSY: return ": another program has it";
	case ENOENT: case ENODEV: case ENXIO: return ": is the adapter plugged in?";
	case ENOTTY: return ": this is no serial port";
	default: return "";
	}
}

/* The library leaves a read without data to look like the end of the line. */
static int tune(int fd, const struct bus_config *c, struct err *reterr)
{
	struct termios t;

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || tcgetattr(fd, &t) < 0)
		return err_set(reterr, ERR_IO, "open %s: %s%s", c->path, strerror(errno), open_hint(errno));
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	if (tcsetattr(fd, TCSANOW, &t) < 0 || ioctl(fd, TIOCEXCL) < 0)
		return err_set(reterr, ERR_IO, "open %s: %s", c->path, strerror(errno));
	/* Nothing that came before is for us. */
	(void)tcflush(fd, TCIOFLUSH);
	return 0;
}

int serial_open(struct serial *s, struct err *reterr)
{
	const struct bus_config *c = s->config;

	errno = 0;
	if (modbus_connect(s->ctx) < 0)
		return err_set(reterr, ERR_IO, "open %s: %s%s", c->path, strerror(errno), open_hint(errno));
	s->open = true;
	int fd = modbus_get_socket(s->ctx);
	if (tune(fd, c, reterr) < 0) {
		serial_close(s);
		return -1;
	}
	if (c->rs485 && modbus_rtu_set_serial_mode(s->ctx, MODBUS_RTU_RS485) < 0) {
		(void)err_set(reterr, ERR_IO, "open %s: its driver has no RS-485 mode (%s): leave rs485=on away if the adapter turns the line around by itself", c->path, strerror(errno));
		serial_close(s);
		return -1;
	}
	return fd;
}

void serial_close(struct serial *s)
{
	if (!s->open)
		return;
	(void)tcflush(modbus_get_socket(s->ctx), TCIOFLUSH);
	/* While another program has the port open too, the lock would outlive us and keep us out. */
	(void)ioctl(modbus_get_socket(s->ctx), TIOCNXCL);
	modbus_close(s->ctx);
	s->open = false;
}
