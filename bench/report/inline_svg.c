/* An SVG file as an element of a page: ids made unique, the size left to the page, and colours that
 * change when the page is dark. */
#include "bench/report/inline_svg.h"

#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* What an id stands behind; the figure's name is put between. */
static const char *const id_places[] = { "id=\"", "id='", "url(#", "href=\"#", "href='#", NULL };

/* What is drawn for paper, and what stands for it on a dark page: surfaces and words swap, fills
 * become dark enough for light words, lines light enough for a dark ground. The others suit both.
 */
static const struct {
	const char *light, *dark;
} colours[] = {
	/* paper, words, grid, and the pale rest of an invocation */
	{ "ffffff", "141414" },
	{ "222222", "e6e6e6" },
	{ "666666", "a8a8a8" },
	{ "dddddd", "3a3a3a" },
	{ "c4c4c4", "6a6a6a" },
	{ "cfcfcf", "5a5a5a" },
	{ "f0f0f0", "2b2b2b" },
	{ "e4e4e4", "333333" },
	{ "dcdcdc", "3a3a3a" },
	{ "c8dfc0", "2f4a2a" },
	{ "f2d9b8", "5a4326" },
	{ "c9c3e6", "3f3a66" },
	{ "cfe0f2", "2a4560" },
	{ "a9c8ea", "2b5580" },
	/* phases */
	{ "88ccee", "2e7d9c" },
	{ "332288", "6a5acd" },
	{ "ddcc77", "8a7a1f" },
	{ "117733", "2f8f55" },
	{ "cc6677", "a8475a" },
	{ "882255", "b04a80" },
	{ "44aa99", "1f7a6c" },
	{ "999933", "73731f" },
	{ "aa4499", "8f3a80" },
	{ "bbbbbb", "707070" },
	{ "661100", "a8432d" },
	{ "000000", "9a9a9a" },
	/* loaders, plain and with options */
	{ "111111", "e8e8e8" },
	{ "8a3d00", "f0a070" },
	{ "9a6a00", "f5cf80" },
	{ "8a4a6d", "eab8d2" },
	{ "2f7aa3", "a5d8f5" },
	{ "00405f", "66b5e5" },
	{ "005a42", "5fd6b4" },
	{ "444444", "bdbdbd" },
	{ "555555", "909090" },
	{ "7a5c3a", "b5936b" },
	/* cells of a grid */
	{ "f4f4f4", "262626" },
	{ "f6c59f", "7a4315" },
	{ "a9d3ee", "1f5273" },
};

void inline_svg_style(FILE *out)
{
	fputs("@media(prefers-color-scheme:dark){:root{", out);
	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
		fprintf(out, "--d%s:#%s;", colours[i].light, colours[i].dark);
	fputs("}}", out);
}

/* "#rrggbb" or "rgb(r, g, b)" at `at`: its length, and its digits. 0 when there is none. */
static size_t colour_read(const char *at, const char *end, char *digits)
{
	char text[32];
	unsigned int red, green, blue;
	int n = 0;

	snprintf(text, sizeof(text), "%.*s", (int)(end - at < 31 ? end - at : 31), at);
	if (*text == '#' && strspn(text + 1, "0123456789abcdefABCDEF") == 6) {
		for (size_t i = 0; i < 7; i++)
			digits[i] = (char)(i < 6 ? tolower((unsigned char)text[i + 1]) : '\0');
		return 7;
	}
	if (sscanf(text, "rgb(%3u,%3u,%3u)%n", &red, &green, &blue, &n) == 3 && n > 0) {
		snprintf(digits, 7, "%02x%02x%02x", red & 255, green & 255, blue & 255);
		return (size_t)n;
	}
	return 0;
}

/* Writes a colour that changes as a variable with the colour itself behind it; its length in the
 * file, or 0. */
static size_t colour_write(FILE *out, const char *at, const char *end)
{
	char digits[8];
	size_t n = *at == '#' || *at == 'r' ? colour_read(at, end, digits) : 0;

	for (size_t i = 0; n && i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strcmp(colours[i].light, digits) != 0)
			continue;
		fprintf(out, "var(--d%s,#%s)", digits, digits);
		return n;
	}
	return 0;
}

static size_t id_place_length(const char *at, const char *end)
{
	for (const char *const *place = id_places; *place; place++) {
		size_t n = strlen(*place);

		if ((size_t)(end - at) >= n && memcmp(at, *place, n) == 0)
			return n;
	}
	return 0;
}

static const char *find(const char *at, const char *end, const char *what)
{
	return at < end ? memmem(at, (size_t)(end - at), what, strlen(what)) : NULL;
}

/* The opening tag without width and height: its viewBox says the shape. */
static void opening_write(FILE *out, const char *at, const char *end, const struct plot *plot)
{
	const char *box = find(at, end, "viewBox=");
	const char *close = box ? memchr(box + 9, box[8], (size_t)(end - box - 9)) : NULL;

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" "
		"xmlns:xlink=\"http://www.w3.org/1999/xlink\" role=\"img\" "
		"aria-labelledby=\"%s-title\" ",
		plot->name);
	if (close)
		fwrite(box, 1, (size_t)(close + 1 - box), out);
	fprintf(out, "><title id=\"%s-title\">", plot->name);
	for (const char *c = plot->title; *c; c++)
		fputs(*c == '&' ? "&amp;" : *c == '<' ? "&lt;" : (char[]){ *c, '\0' }, out);
	fputs("</title>", out);
}

static void body_write(FILE *out, const char *at, const char *end, const struct plot *plot)
{
	while (at < end) {
		size_t n = *at == 'i' || *at == 'u' || *at == 'h' ? id_place_length(at, end) : 0;

		if (n) {
			fwrite(at, 1, n, out);
			fprintf(out, "%s-", plot->name);
			at += n;
			continue;
		}
		n = colour_write(out, at, end);
		at += n;
		if (n == 0)
			fputc(*at++, out);
	}
}

int inline_svg(FILE *out, const struct plots *plots, const struct plot *plot)
{
	char path[4200];
	struct file_bytes file;
	const char *at, *end, *open;
	int r;

	snprintf(path, sizeof(path), "%s/%s.svg", plots->folder, plot->name);
	r = file_load(path, &file, NULL);
	if (r < 0)
		return r;
	end = (const char *)file.bytes + file.size;
	at = find(file.bytes, end, "<svg");
	open = at ? memchr(at, '>', (size_t)(end - at)) : NULL;
	if (open) {
		opening_write(out, at, open, plot);
		body_write(out, open + 1, end, plot);
	}
	file_unload(&file);
	return open ? 0 : -EINVAL;
}
