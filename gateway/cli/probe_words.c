#include "gateway/cli/probe_words.h"

#include "drivers/modbus/codec.h"
#include "gateway/cli/probe_read.h"

#include <string.h>

enum { ILLEGAL_FUNCTION = 1, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE, ACKNOWLEDGE, BUSY, NO_PATH = 10, NO_TARGET };

bool probe_is_alive(const struct probe_result *r)
{
	return r->answer == PROBE_VALUES || (r->answer == PROBE_EXCEPTION && r->exception != NO_PATH && r->exception != NO_TARGET);
}

const char *probe_exception_name(int exception)
{
	return codec_exception_text(exception);
}

static void cure_exception(int exception, const struct bus_request *rq, struct strbuf *out)
{
	switch (exception) {
	case ILLEGAL_FUNCTION:
		strbuf_printf(out, "it does not know function %u (%s): try another --fc, or --scan to try all four", rq->fc, probe_fc_name(rq->fc));
		return;
	case ILLEGAL_ADDRESS:
		strbuf_puts(out, "a register of these is not there: try the address one lower (manuals that count from 1), fewer of them, "
		                 "another --fc, or --scan to see which there are");
		return;
	case ILLEGAL_VALUE:
		strbuf_puts(out, "it does not give so many at once, or not these: try --count 1");
		return;
	case DEVICE_FAILURE:
		strbuf_puts(out, "the device itself has failed at it: look at its display and its manual");
		return;
	case ACKNOWLEDGE:
	case BUSY:
		strbuf_puts(out, "it stayed busy: try again in a moment");
		return;
	case NO_PATH:
		strbuf_puts(out, "the gateway has no way to this unit: look at its serial port's settings and its table of units");
		return;
	case NO_TARGET:
		strbuf_puts(out, "the gateway got no answer from it: wrong unit (--scan tries all), no power, A and B swapped, or another baud rate or parity");
		return;
	default:
		strbuf_puts(out, "the device's manual says what it means");
	}
}

static void put_timeout(const struct probe_ask *ask, bool by_daemon, struct strbuf *out)
{
	char span[CLOCK_TEXT_MAX];

	if (by_daemon)
		strbuf_puts(out, " within the line's timeout");
	else
		strbuf_printf(out, " within %s", clock_format_duration(ask->timeout_ms, span));
	if (ask->retries)
		strbuf_printf(out, ", asked %u times", ask->retries + 1);
}

void probe_explain(const struct bus_request *rq, const struct probe_result *r, const struct probe_ask *ask, bool by_daemon, struct strbuf *out)
{
	switch (r->answer) {
	case PROBE_EXCEPTION:
		strbuf_printf(out, "unit %u answers with exception %d, %s: ", rq->unit, r->exception, codec_exception_text(r->exception));
		cure_exception(r->exception, rq, out);
		return;
	case PROBE_SILENT:
		strbuf_printf(out, "no answer from unit %u", rq->unit);
		put_timeout(ask, by_daemon, out);
		strbuf_printf(out, ": wrong unit (--scan tries all), a device that needs longer (%s), or not connected",
		              by_daemon ? "the bus's timeout" : "--timeout 3s");
		return;
	case PROBE_CLOSED:
		strbuf_printf(out, "%s: it takes no such request or no such unit, or serves another master and no second one", r->error.text);
		return;
	case PROBE_NO_LINE:
		/* Of a serial port the driver says itself what to do. */
		if (strstr(r->error.text, "open /")) {
			strbuf_puts(out, r->error.text);
			return;
		}
		strbuf_printf(out, "%s: is address and port (mostly 502) right, and is it on? Many devices take one connection only: end the other program's", r->error.text);
		return;
	case PROBE_REFUSED:
	case PROBE_LOST:
		strbuf_puts(out, r->error.text);
		return;
	case PROBE_STOPPED:
	case PROBE_VALUES:
		return;
	}
}
