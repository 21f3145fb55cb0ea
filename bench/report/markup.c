/* Markdown and HTML from the same calls. See markup.h. */
#include "bench/report/markup.h"

#include "bench/report/inline_svg.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char style[] =
	":root{color-scheme:light dark;--ink:#1b1b1b;--pale:#5a5a5a;--paper:#fff;--line:#d9d9d9;"
	"--soft:#f5f5f3}"
	"@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--pale:#a8a8a8;--paper:#141414;"
	"--line:#3a3a3a;--soft:#1f1f1f}}"
	"*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
	"font:16px/1.55 system-ui,'DejaVu Sans',sans-serif;overflow-wrap:anywhere}"
	"main{max-width:62rem;margin:0 auto;padding:1.2rem}h1{font-size:1.6rem;line-height:1.25}"
	"h2{font-size:1.2rem;margin:2.2rem 0 .6rem}p,li{max-width:46rem}"
	".scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px}"
	"figure{margin:1.4rem 0}figure svg{display:block;width:100%;height:auto}"
	".large{position:absolute;opacity:0}.narrow{display:none}"
	"@media(max-width:700px){.narrow{display:block;margin:.2rem 0}"
	".large:checked+label svg{width:800px}.large:focus-visible+label svg{outline:2px solid}}"
	"figcaption{color:var(--pale);font-size:.9rem;padding:.4rem 0}"
	"table{border-collapse:collapse;font-size:.86rem;width:100%;"
	"font-variant-numeric:tabular-nums;overflow-wrap:normal}"
	"th,td{padding:.28rem .6rem;text-align:left;white-space:nowrap;"
	"border-bottom:1px solid var(--line)}"
	"th{background:var(--soft)}.n{text-align:right}"
	"details{margin:.6rem 0}summary{cursor:pointer;color:var(--pale)}"
	"code{background:var(--soft);padding:.1rem .3rem;border-radius:4px}";

static void html_escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

/* What Markdown would read as its own is preceded by a backslash, and no tag begins. */
static void markdown_escape(FILE *out, const char *text)
{
	for (const char *start = text; *text; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '@' && (text == start || !isalnum((unsigned char)text[-1])))
			fputs("@\u200b", out); /* mentions nobody */
		else if (strchr("\\`*_[]|~", *text))
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static void text_write(struct markup *markup, const char *text)
{
	if (markup->html)
		html_escape(markup->out, text);
	else
		markdown_escape(markup->out, text);
}

void markup_begin(struct markup *markup, const char *title)
{
	if (!markup->html) {
		fprintf(markup->out, "# %s\n\n", title);
		return;
	}
	fprintf(markup->out,
		"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		"<link rel=\"icon\" "
		"href=\"data:,\">\n<title>%s</title>\n<style>%s",
		title, style);
	inline_svg_style(markup->out);
	fprintf(markup->out, "</style>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n", title);
}

void markup_heading(struct markup *markup, const char *text)
{
	fputs(markup->html ? "<h2>" : "## ", markup->out);
	text_write(markup, text);
	fputs(markup->html ? "</h2>\n" : "\n\n", markup->out);
}

__attribute__((format(printf, 2, 0))) static void formatted_write(struct markup *markup,
								  const char *format, va_list list)
{
	char *text;

	if (vasprintf(&text, format, list) < 0)
		return;
	text_write(markup, text);
	free(text);
}

void markup_paragraph(struct markup *markup, const char *format, ...)
{
	va_list list;

	fputs(markup->html ? "<p>" : "", markup->out);
	va_start(list, format);
	formatted_write(markup, format, list);
	va_end(list);
	fputs(markup->html ? "</p>\n" : "\n\n", markup->out);
}

void markup_item_begin(struct markup *markup)
{
	fputs(markup->html ? "<ul>\n" : "", markup->out);
}

void markup_item(struct markup *markup, const char *text)
{
	fputs(markup->html ? "<li>" : "- ", markup->out);
	text_write(markup, text);
	fputs(markup->html ? "</li>\n" : "\n", markup->out);
}

void markup_item_end(struct markup *markup)
{
	fputs(markup->html ? "</ul>\n" : "\n", markup->out);
}

void markup_table_begin(struct markup *markup, const char *const *columns, const char *folded)
{
	if (folded)
		fprintf(markup->out, "<details><summary>%s</summary>\n\n", folded);
	markup->columns = 0;
	fputs(markup->html ? "<div class=\"scroll\"><table>\n<thead><tr>" : "", markup->out);
	for (const char *const *column = columns; *column; column++) {
		bool number = **column == '#';

		if (markup->html)
			fprintf(markup->out, "<th%s>", number ? " class=\"n\"" : "");
		else
			fputs(column == columns ? "| " : " | ", markup->out);
		text_write(markup, *column + number);
		fputs(markup->html ? "</th>" : "", markup->out);
	}
	fputs(markup->html ? "</tr></thead>\n<tbody>\n" : " |\n", markup->out);
	for (const char *const *column = columns; !markup->html && *column; column++)
		fputs(**column == '#' ? "|--:" : "|---", markup->out);
	fputs(markup->html ? "" : "|\n", markup->out);
}

/* A cell whose text begins like a number is one. */
void markup_cell(struct markup *markup, const char *format, ...)
{
	va_list list;
	char *text;
	int r;

	va_start(list, format);
	r = vasprintf(&text, format, list);
	va_end(list);
	if (r < 0)
		return;
	if (markup->html) {
		bool number = *text && strspn(text, "+-0123456789.") > 0;

		fputs(markup->columns == 0 ? "<tr>" : "", markup->out);
		fputs(number ? "<td class=\"n\">" : "<td>", markup->out);
		html_escape(markup->out, text);
		fputs("</td>", markup->out);
	} else {
		fputs(markup->columns == 0 ? "| " : " | ", markup->out);
		markdown_escape(markup->out, text);
	}
	markup->columns++;
	free(text);
}

void markup_row_end(struct markup *markup)
{
	fputs(markup->html ? "</tr>\n" : " |\n", markup->out);
	markup->columns = 0;
}

void markup_table_end(struct markup *markup, bool folded)
{
	fputs(markup->html ? "</tbody></table></div>\n" : "\n", markup->out);
	if (folded)
		fputs(markup->html ? "</details>\n" : "</details>\n\n", markup->out);
}

/* On a phone the figure is an overview: its words stand below it, and a touch makes it as large as
 * it was drawn. */
static void narrow_write(struct markup *markup, const struct plot *plot)
{
	const char *const words[] = { plot->title, plot->subtitle, plot->machine, plot->noise,
				      "Touch the figure to enlarge it." };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		fputs("<span class=\"narrow\">", markup->out);
		html_escape(markup->out, words[i]);
		fputs("</span>", markup->out);
	}
}

void markup_figure(struct markup *markup, const struct plots *plots, const struct plot *plot)
{
	if (!plot->drawn) {
		markup_paragraph(markup, "%s %s Its numbers: figures/%s.dat.", plot->title,
				 plot->alt, plot->name);
		return;
	}
	if (!markup->html) {
		fprintf(markup->out, "![%s](%s/%s.png)\n\n", plot->title, markup->figures,
			plot->name);
		markup_paragraph(markup, "%s", plot->alt);
		return;
	}
	fprintf(markup->out,
		"<figure><div class=\"scroll\"><input type=\"checkbox\" class=\"large\" "
		"id=\"%s-large\" aria-label=\"enlarge the figure\"><label for=\"%s-large\">",
		plot->name, plot->name);
	if (inline_svg(markup->out, plots, plot) < 0)
		fputs("<p>(the picture could not be read)</p>", markup->out);
	fputs("</label></div><figcaption>", markup->out);
	html_escape(markup->out, plot->alt);
	narrow_write(markup, plot);
	fputs("</figcaption></figure>\n", markup->out);
}

void markup_end(struct markup *markup)
{
	fputs(markup->html ? "</main>\n</body>\n</html>\n" : "", markup->out);
}
