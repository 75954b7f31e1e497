// SPDX-License-Identifier: GPL-2.0-only
/* Untrusted text for people: see printable.h. */
#include "libexec/lib/printable.h"

/* Bytes of the well-formed UTF-8 character at s (RFC 3629), or 0. */
static size_t utf8_len(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 :
		   s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;

	if (!n || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

char *printable(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	char *out = xcalloc(len + 1, 4), *o = out;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_len(s + i, len - i);
		bool control = n == 1 ? s[i] < 0x20 || s[i] == 0x7f :
			       n == 2 && s[i] == 0xc2 && s[i + 1] < 0xa0;

		if (n && !control) {
			o = mempcpy(o, s + i, n);
			i += n;
		} else {
			o += snprintf(o, 5, "\\x%02x", s[i++]);
		}
	}
	return out;
}
