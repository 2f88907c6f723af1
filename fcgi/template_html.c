/*
 * Where in the HTML a template stands.
 *
 * A tokenizer after the HTML standard (13.2.5), stricter where the standard
 * repairs: what a browser would have to guess is refused at compile time, so
 * that page and browser agree on every place where a variable stands.
 */
#include <string.h>
#include <strings.h>

#include "poison.h"
#include "template_html.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
letter(char c)
{
	c = lower(c);
	return c >= 'a' && c <= 'z';
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool
among(const char *word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

static bool
url_attr(const struct html *h)
{
	static const char *const names[] = {"href", "src", "action",
		"formaction", "poster", "cite", "data", "ping", "background",
		"manifest", "longdesc", "xlink:href", NULL};
	return among(h->attr, names);
}

/* Appends to a name; false when it is full. */
static bool
grow(char *name, size_t room, char c)
{
	size_t n = strlen(name);
	if (n + 1 >= room)
		return false;
	name[n] = lower(c);
	name[n + 1] = '\0';
	return true;
}

static void
to_text(struct html *h)
{
	*h = (struct html){.state = HTML_TEXT};
}

static const char *
finish_tag(struct html *h)
{
	static const char *const raw[] = {"script", "style", NULL};
	static const char *const rcdata[] = {"textarea", "title", NULL};
	static const char *const odd[] = {
		"iframe", "noembed", "noframes", "xmp", "plaintext", NULL};
	if (!h->closing && among(h->tag, odd))
		return "this element has no place in a template";
	bool inside =
		!h->closing && (among(h->tag, raw) || among(h->tag, rcdata));
	if (!inside) {
		to_text(h);
		return NULL;
	}
	struct html next = {.json = h->json,
		.state = among(h->tag, raw) ? HTML_RAW : HTML_RCDATA};
	memcpy(next.tag, h->tag, sizeof(next.tag));
	*h = next;
	return NULL;
}

static const char *
end_value(struct html *h)
{
	bool whole = !h->value_cut;
	if (strcmp(h->tag, "script") == 0 && strcmp(h->attr, "type") == 0)
		h->json = whole && strcmp(h->value, "application/json") == 0;
	if (strcmp(h->attr, "http-equiv") == 0) {
		if (h->variable)
			return "http-equiv must stand before a content that "
			       "holds a variable";
		h->refresh = 1;
	}
	memset(h->value, 0, sizeof(h->value));
	memset(h->attr, 0, sizeof(h->attr));
	h->value_len = 0;
	h->value_cut = 0;
	h->url = HTML_URL_START;
	return NULL;
}

static const char *
value_char(struct html *h, char c)
{
	if (h->value_len + 1u < sizeof(h->value))
		h->value[h->value_len++] = lower(c);
	else
		h->value_cut = 1;
	if (!url_attr(h))
		return NULL;
	if (h->url == HTML_URL_START)
		h->url = HTML_URL_PREFIX;
	if (h->url == HTML_URL_DYNAMIC) {
		if (c == ':')
			return "':' here could make a scheme of a variable";
		if (c == '/' || c == '?' || c == '#')
			h->url = HTML_URL_SAFE;
	}
	return NULL;
}

static const char *
in_tag(struct html *h, char c)
{
	if (c == '>')
		return finish_tag(h);
	if (blank(c)) {
		if (h->state == HTML_ATTR_NAME)
			h->state = HTML_AFTER_NAME;
		else if (h->state != HTML_AFTER_NAME)
			h->state = HTML_BEFORE_ATTR;
		return NULL;
	}
	if (c == '/') {
		memset(h->attr, 0, sizeof(h->attr));
		h->state = HTML_BEFORE_ATTR;
		return NULL;
	}
	if (h->state == HTML_AFTER_VALUE)
		return "a blank or '>' is due here";
	if (h->state == HTML_TAG_NAME)
		return grow(h->tag, sizeof(h->tag), c)
			? NULL
			: "a tag's name is too long";
	if (c == '=' && h->state != HTML_BEFORE_ATTR) {
		h->state = HTML_BEFORE_VALUE;
		return NULL;
	}
	if (strchr("\"'<=`", c) != NULL)
		return "this character has no place in a tag";
	if (h->state != HTML_ATTR_NAME)
		memset(h->attr, 0, sizeof(h->attr));
	h->state = HTML_ATTR_NAME;
	return grow(h->attr, sizeof(h->attr), c)
		? NULL
		: "an attribute's name is too long";
}

static const char *
in_value(struct html *h, char c)
{
	const char *why = NULL;
	if (h->state == HTML_BEFORE_VALUE) {
		if (blank(c))
			return NULL;
		if (c == '"' || c == '\'') {
			h->state = c == '"' ? HTML_VALUE_DOUBLE
					    : HTML_VALUE_SINGLE;
			return NULL;
		}
		h->state = HTML_VALUE_BARE;
	}
	if (h->state == HTML_VALUE_BARE) {
		if (blank(c) || c == '>') {
			if (h->value_len == 0)
				return "an attribute without its value";
			why = end_value(h);
			h->state = HTML_BEFORE_ATTR;
			return why == NULL && c == '>' ? finish_tag(h) : why;
		}
		if (strchr("\"'<=`", c) != NULL)
			return "this character needs a quoted value";
		return value_char(h, c);
	}
	if (c == (h->state == HTML_VALUE_DOUBLE ? '"' : '\'')) {
		h->state = HTML_AFTER_VALUE;
		return end_value(h);
	}
	return value_char(h, c);
}

static void
in_json(struct html *h, char c)
{
	if (h->escape)
		h->escape = 0;
	else if (h->quoted && c == '\\')
		h->escape = 1;
	else if (c == '"')
		h->quoted = !h->quoted;
}

/* Script, style, textarea, title: to "</name". */
static const char *
in_raw(struct html *h, char c)
{
	static const char bang[] = "<!--";
	size_t name = strlen(h->tag);
	if (h->match == name + 2) {
		h->match = 0;
		if (blank(c) || c == '/' || c == '>') {
			h->state = HTML_BEFORE_ATTR;
			h->closing = 1;
			h->json = h->quoted = h->escape = h->bang = 0;
			return c == '>' ? finish_tag(h) : NULL;
		}
	}
	const char want = h->match == 0 ? '<'
		: h->match == 1		? '/'
					: h->tag[h->match - 2];
	h->match = lower(c) == want ? h->match + 1 : c == '<';
	if (h->state == HTML_RAW) {
		h->bang = c == bang[h->bang] ? h->bang + 1 : c == '<';
		if (h->bang == 4)
			return "'<!--' within a script or style";
	}
	if (h->json)
		in_json(h, c);
	return NULL;
}

static const char *
in_markup(struct html *h, char c)
{
	if (h->state == HTML_COMMENT) {
		if (c == '>' && h->match == 2)
			to_text(h);
		else
			h->match = c != '-'    ? 0
				: h->match < 2 ? h->match + 1
					       : 2;
		return NULL;
	}
	if (c == '>') {
		to_text(h);
	} else if (h->state == HTML_MARKUP && c == '-' && h->match < 2) {
		/* "<!-->" is a whole comment to a browser. */
		if (++h->match == 2)
			h->state = HTML_COMMENT;
	} else {
		h->state = HTML_BOGUS;
	}
	return NULL;
}

static const char *
in_open(struct html *h, char c)
{
	if (letter(c)) {
		bool closing = h->state == HTML_END_OPEN;
		*h = (struct html){.state = HTML_TAG_NAME, .closing = closing};
		h->tag[0] = lower(c);
		return NULL;
	}
	if (h->state == HTML_END_OPEN)
		return "'</' without a name";
	if (c == '/')
		h->state = HTML_END_OPEN;
	else if (c == '!')
		h->state = HTML_MARKUP;
	else if (c == '?')
		return "'<?' has no place in HTML";
	else if (c != '<')
		to_text(h);
	return NULL;
}

static const char *
follow(struct html *h, char c)
{
	switch ((enum html_state)h->state) {
	case HTML_TEXT:
		if (c == '<')
			h->state = HTML_TAG_OPEN;
		return NULL;
	case HTML_TAG_OPEN:
	case HTML_END_OPEN:
		return in_open(h, c);
	case HTML_MARKUP:
	case HTML_COMMENT:
	case HTML_BOGUS:
		return in_markup(h, c);
	case HTML_TAG_NAME:
	case HTML_BEFORE_ATTR:
	case HTML_ATTR_NAME:
	case HTML_AFTER_NAME:
	case HTML_AFTER_VALUE:
		return in_tag(h, c);
	case HTML_BEFORE_VALUE:
	case HTML_VALUE_DOUBLE:
	case HTML_VALUE_SINGLE:
	case HTML_VALUE_BARE:
		return in_value(h, c);
	case HTML_RAW:
	case HTML_RCDATA:
		return in_raw(h, c);
	}
	return NULL;
}

size_t
html_follow(struct html *h, const char *p, size_t n, const char **ret_why)
{
	for (size_t i = 0; i < n; i++) {
		const char *why = p[i] == '\0' ? "a NUL byte" : follow(h, p[i]);
		if (why != NULL) {
			*ret_why = why;
			return i;
		}
	}
	return n;
}

/* A static beginning of a URL before a variable. */
static const char *
judge_prefix(struct html *h)
{
	static const char *const good[] = {"http://", "https://", "mailto:"};
	size_t n = strcspn(h->value, ":/?#");
	if (h->value[n] == '\0') {
		if (h->value_cut)
			return "a URL whose beginning is too long to judge";
		h->url = HTML_URL_DYNAMIC;
		return NULL;
	}
	h->url = HTML_URL_SAFE;
	if (h->value[n] != ':')
		return NULL;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (strncmp(h->value, good[i], strlen(good[i])) == 0)
			return NULL;
	return "a variable in a URL that is not http, https or mailto";
}

static const char *
url_variable(struct html *h, enum html_escape *ret)
{
	*ret = HTML_ESCAPE_URL_PART;
	switch ((enum html_url)h->url) {
	case HTML_URL_START:
		*ret = HTML_ESCAPE_URL;
		h->url = HTML_URL_DYNAMIC;
		return NULL;
	case HTML_URL_PREFIX:
		return judge_prefix(h);
	case HTML_URL_DYNAMIC:
	case HTML_URL_SAFE:
		return NULL;
	case HTML_URL_UNSURE:
		break;
	}
	return "a section leaves open how this URL begins; write the whole "
	       "attribute in each section";
}

static const char *
value_variable(struct html *h, enum html_escape *ret)
{
	static const char *const attrs[] = {"style", "srcdoc", "srcset",
		"imagesrcset", "http-equiv", "attributename", NULL};
	static const char *const tags[] = {"base", "object", "embed", "animate",
		"animatemotion", "animatetransform", "set", NULL};
	if (among(h->attr, attrs) || strncmp(h->attr, "on", 2) == 0)
		return "a variable in an attribute that cannot be escaped";
	if (among(h->tag, tags) ||
		(strcmp(h->tag, "script") == 0 &&
			strcmp(h->attr, "nonce") != 0))
		return "a variable in an attribute of an element that loads or "
		       "runs things";
	if (strcmp(h->tag, "meta") == 0 && strcmp(h->attr, "content") == 0) {
		if (h->refresh)
			return "a variable in the content of an http-equiv";
		h->variable = 1;
	}
	h->value_cut = url_attr(h) ? h->value_cut : 1;
	if (url_attr(h))
		return url_variable(h, ret);
	*ret = HTML_ESCAPE_TEXT;
	return NULL;
}

static const char *
variable(struct html *h, enum html_escape *ret)
{
	switch ((enum html_state)h->state) {
	case HTML_TEXT:
	case HTML_RCDATA:
		h->match = 0;
		*ret = HTML_ESCAPE_TEXT;
		return NULL;
	case HTML_VALUE_DOUBLE:
	case HTML_VALUE_SINGLE:
		return value_variable(h, ret);
	case HTML_RAW:
		if (!h->json)
			return "a variable in a script or style; use <script "
			       "type=\"application/json\"> or an attribute";
		if (h->quoted)
			return "a variable within a JSON string; it brings its "
			       "own quotes";
		h->match = h->bang = 0;
		*ret = HTML_ESCAPE_JSON;
		return NULL;
	case HTML_MARKUP:
	case HTML_COMMENT:
	case HTML_BOGUS:
		return "a variable in a comment";
	case HTML_BEFORE_VALUE:
	case HTML_VALUE_BARE:
		return "a variable in an unquoted attribute; quote it";
	case HTML_TAG_OPEN:
	case HTML_END_OPEN:
	case HTML_TAG_NAME:
	case HTML_BEFORE_ATTR:
	case HTML_ATTR_NAME:
	case HTML_AFTER_NAME:
	case HTML_AFTER_VALUE:
		break;
	}
	return "a variable in the name of a tag or attribute";
}

int
html_variable(struct html *h, enum html_escape *ret, const char **ret_why)
{
	*ret_why = variable(h, ret);
	return *ret_why == NULL ? 0 : -1;
}

static bool
between_attrs(const struct html *h)
{
	return h->state == HTML_TAG_NAME || h->state == HTML_BEFORE_ATTR ||
		h->state == HTML_ATTR_NAME || h->state == HTML_AFTER_NAME ||
		h->state == HTML_AFTER_VALUE;
}

/* Both within one attribute's quotes. */
static const char *
join_value(struct html *h, const struct html *before)
{
	h->variable |= before->variable;
	h->value_cut = 1;
	if (!url_attr(h) ||
		(h->url == before->url && h->url != HTML_URL_PREFIX))
		return NULL;
	if (h->url == HTML_URL_START || before->url == HTML_URL_START ||
		h->url == HTML_URL_PREFIX || before->url == HTML_URL_PREFIX ||
		h->url == HTML_URL_UNSURE || before->url == HTML_URL_UNSURE)
		h->url = HTML_URL_UNSURE;
	else
		h->url = HTML_URL_DYNAMIC;
	return NULL;
}

static const char *
join(struct html *h, const struct html *before, bool repeats)
{
	if (memcmp(h, before, sizeof(*h)) == 0)
		return NULL;
	bool same_tag = strcmp(h->tag, before->tag) == 0 &&
		h->closing == before->closing && h->json == before->json;
	if (same_tag && h->state == before->state &&
		(h->state == HTML_VALUE_DOUBLE ||
			h->state == HTML_VALUE_SINGLE) &&
		strcmp(h->attr, before->attr) == 0)
		return join_value(h, before);
	if (!same_tag || !between_attrs(h) || !between_attrs(before))
		return "this section ends in other HTML than it began";
	if (repeats)
		return "a list within a tag must end as it began; put a blank "
		       "behind each attribute";
	struct html both = {.state = HTML_AFTER_VALUE,
		.closing = h->closing,
		.json = h->json,
		.refresh = h->refresh | before->refresh,
		.variable = h->variable | before->variable};
	memcpy(both.tag, h->tag, sizeof(both.tag));
	*h = both;
	return NULL;
}

int
html_join(struct html *h, const struct html *before, bool repeats,
	const char **ret_why)
{
	*ret_why = join(h, before, repeats);
	return *ret_why == NULL ? 0 : -1;
}
