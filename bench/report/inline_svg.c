/* An SVG file as an element of a page: ids made unique, the size left to the page. */
#include "bench/report/inline_svg.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>

/* What an id stands behind; the figure's name is put between. */
static const char *const id_places[] = { "id=\"", "id='", "url(#", "href=\"#", "href='#", NULL };

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
