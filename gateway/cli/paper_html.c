/* The HTML of a paper: one page without scripts and without anything from elsewhere, for the screen and for the printer. */
#include "gateway/cli/paper.h"

#include "gateway/cli/human.h"
#include "gateway/cli/width.h"

#include <stdio.h>
#include <string.h>

static const char style_sheet[] =
	"@page{size:A4;margin:14mm}\n"
	":root{--ink:#1c2430;--dim:#6b7686;--line:#dfe4ea;--fire:#c62828;--prealarm:#ef8f00;--supervisory:#1668b8;--fault:#8a6d00;--bad:#b3261e;--warn:#9a6700;--good:#1a7f37}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:#f3f5f8;color:var(--ink);font:14px/1.5 system-ui,\"Noto Sans\",\"Noto Sans CJK SC\",\"Source Han Sans SC\",\"Microsoft YaHei\",sans-serif}\n"
	"main{max-width:960px;margin:24px auto;padding:32px 40px;background:#fff;border:1px solid var(--line);border-radius:6px}\n"
	"h1{font-size:24px;line-height:1.25;margin:0 0 4px}\n"
	"header p{margin:0;color:var(--dim)}\n"
	"header{border-bottom:3px solid var(--fire);padding-bottom:14px;margin-bottom:18px}\n"
	"h2{font-size:17px;margin:30px 0 8px;padding-bottom:4px;border-bottom:1px solid var(--line);break-after:avoid}\n"
	".note{color:var(--dim);margin:4px 0 8px;font-size:12.5px}\n"
	"dl.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(195px,1fr));gap:10px;margin:10px 0 14px}\n"
	"dl.facts div{border:1px solid var(--line);border-left:4px solid #b8c2ce;border-radius:4px;padding:8px 12px;break-inside:avoid}\n"
	"dl.facts .bad{border-left-color:var(--bad)}dl.facts .warn{border-left-color:var(--prealarm)}dl.facts .good{border-left-color:var(--good)}\n"
	"dt{color:var(--dim);font-size:12.5px}dd{margin:0;font-size:18px;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}\n"
	"table{border-collapse:collapse;width:100%;margin:8px 0 12px;font-variant-numeric:tabular-nums}\n"
	"th{font-size:12px;font-weight:600;text-align:left;color:var(--dim);border-bottom:1.5px solid #b8c2ce;padding:4px 8px;vertical-align:bottom}\n"
	"td{border-bottom:1px solid var(--line);padding:4px 8px;vertical-align:middle;overflow-wrap:anywhere}\n"
	"tr{break-inside:avoid}thead{display:table-header-group}\n"
	".right{text-align:right;white-space:nowrap}.dim{color:var(--dim)}td.bad{color:var(--bad);font-weight:600}td.warn{color:var(--warn);font-weight:600}td.good{color:var(--good)}td.strong{font-weight:600}\n"
	"svg.bar{vertical-align:-1px;margin-right:8px}figure{margin:12px 0 18px;break-inside:avoid}figcaption{font-weight:600;font-size:13px;margin-bottom:4px}\n"
	"figure svg{width:100%;height:auto;display:block}figure text{font-size:11px;fill:#6b7686}\n"
	".key{display:inline-block;margin-left:12px;font-weight:400;color:var(--dim)}.key i{display:inline-block;width:10px;height:10px;margin-right:4px;border-radius:2px}\n"
	".s0{fill:var(--fire);background:var(--fire)}.s1{fill:var(--prealarm);background:var(--prealarm)}.s2{fill:var(--supervisory);background:var(--supervisory)}.s3{fill:#b99a2b;background:#b99a2b}\n"
	"footer{margin-top:28px;padding-top:10px;border-top:1px solid var(--line);color:var(--dim);font-size:12px}\n"
	"@media print{body{background:#fff;font-size:11pt}main{margin:0;padding:0;border:0;max-width:none}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}\n"
	"@media(max-width:640px){main{margin:0;padding:16px;border:0}table{display:block;overflow-x:auto}}\n";

void paper_html_text(struct strbuf *out, const char *text)
{
	while (*text) {
		const char *before = text;
		uint32_t ch = width_next(&text);
		bool is_bidi = (ch >= 0x202A && ch <= 0x202E) || (ch >= 0x2066 && ch <= 0x2069);
		if (ch == '&')
			strbuf_puts(out, "&amp;");
		else if (ch == '<')
			strbuf_puts(out, "&lt;");
		else if (ch == '>')
			strbuf_puts(out, "&gt;");
		else if (ch == '"')
			strbuf_puts(out, "&quot;");
		else if (ch == '\'')
			strbuf_puts(out, "&#39;");
		else if (ch < 0x20 || (ch >= 0x7F && ch < 0xA0) || ch == 0xFFFD || is_bidi)
			strbuf_puts(out, "\xEF\xBF\xBD");
		else
			strbuf_put(out, before, (size_t)(text - before));
	}
}

void paper_html_begin(struct paper *p, const char *title, const char *subtitle)
{
	strbuf_printf(p->out, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	              "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>", paper_word(p, "en", "zh-CN"));
	paper_html_text(p->out, title);
	strbuf_puts(p->out, "</title>\n<style>\n");
	strbuf_puts(p->out, style_sheet);
	strbuf_puts(p->out, "</style>\n</head>\n<body>\n<main>\n<header><h1>");
	paper_html_text(p->out, title);
	strbuf_puts(p->out, "</h1><p>");
	paper_html_text(p->out, subtitle);
	strbuf_puts(p->out, "</p></header>\n");
}

void paper_html_bar(struct strbuf *out, double part, double whole)
{
	double w = whole > 0 && part > 0 ? part / whole * 90 : 0;

	if (w > 0 && w < 1)
		w = 1;
	strbuf_printf(out, "<svg class=\"bar\" width=\"90\" height=\"10\" aria-hidden=\"true\"><rect width=\"90\" height=\"10\" rx=\"2\" fill=\"#eef1f5\"/>"
	              "<rect width=\"%d\" height=\"10\" rx=\"2\" class=\"s2\"/></svg>", (int)(w + 0.5) > 90 ? 90 : (int)(w + 0.5));
}

/* ---- charts ---- */

enum { CHART_W = 880, CHART_H = 130, CHART_LEFT = 40, CHART_TOP = 8, CHART_BASE = 108 };

/* A round number not below n, so that the grid's numbers are round too. */
static int64_t round_up(int64_t n)
{
	static const int64_t steps[] = { 1, 2, 4, 6, 8, 10 };
	int64_t unit = 1;
	size_t i = 0;

	while (n > unit * 10)
		unit *= 10;
	while (steps[i] * unit < n)
		i++;
	return steps[i] * unit;
}

static void put_caption(struct paper *p, const struct paper_chart *c)
{
	strbuf_puts(p->out, "<figure><figcaption>");
	paper_html_text(p->out, c->title);
	for (size_t s = 0; c->n_series > 1 && s < c->n_series; s++) {
		strbuf_printf(p->out, "<span class=\"key\"><i class=\"s%zu\"></i>", s);
		paper_html_text(p->out, c->series[s]);
		strbuf_puts(p->out, "</span>");
	}
	strbuf_puts(p->out, "</figcaption>\n");
}

static void put_grid(struct paper *p, int64_t top)
{
	char n[HUMAN_MAX];

	for (int k = 0; k <= 2; k++) {
		int y = CHART_BASE - (CHART_BASE - CHART_TOP) * k / 2;
		if (k == 1 && top % 2)
			continue;
		strbuf_printf(p->out, "<path d=\"M%d %d.5H%d\" stroke=\"%s\"/><text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", CHART_LEFT, y, CHART_W, k ? "#e8ecf1" : "#b8c2ce",
		              CHART_LEFT - 6, y + 4, human_count(top * k / 2, n));
	}
}

/* With one decimal; the locale does not matter. */
static void put_length(struct strbuf *out, const char *name, double v)
{
	int tenths = (int)(v * 10 + 0.5);

	strbuf_printf(out, " %s=\"%d.%d\"", name, tenths / 10, tenths % 10);
}

static void put_column(struct paper *p, const struct paper_chart *c, size_t i, int64_t top)
{
	double step = (double)(CHART_W - CHART_LEFT) / (double)c->n, x = CHART_LEFT + step * (double)i + step * 0.15, y = CHART_BASE;

	for (size_t s = c->n_series; s-- > 0;) { /* what is most urgent on top */
		double h = (double)c->values[i][s] / (double)top * (CHART_BASE - CHART_TOP);
		if (h <= 0)
			continue;
		y -= h;
		strbuf_printf(p->out, "<rect class=\"s%zu\"", c->n_series == 1 ? 2 : s);
		put_length(p->out, "x", x);
		put_length(p->out, "y", y);
		put_length(p->out, "width", step * 0.7);
		put_length(p->out, "height", h);
		strbuf_puts(p->out, "/>");
	}
	if (c->labels && c->labels[i]) {
		strbuf_printf(p->out, "<text x=\"%.0f\" y=\"%d\" text-anchor=\"middle\">", x + step * 0.35, CHART_BASE + 16);
		paper_html_text(p->out, c->labels[i]);
		strbuf_puts(p->out, "</text>");
	}
}

void paper_html_chart(struct paper *p, const struct paper_chart *c)
{
	int64_t most = 1;

	for (size_t i = 0; i < c->n; i++) {
		int64_t sum = 0;
		for (size_t s = 0; s < c->n_series; s++)
			sum += c->values[i][s];
		most = sum > most ? sum : most;
	}
	most = round_up(most);
	put_caption(p, c);
	strbuf_printf(p->out, "<svg viewBox=\"0 0 %d %d\" role=\"img\">", CHART_W, CHART_H);
	put_grid(p, most);
	for (size_t i = 0; i < c->n; i++)
		put_column(p, c, i, most);
	strbuf_puts(p->out, "</svg></figure>\n");
}
