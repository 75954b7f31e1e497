// SPDX-License-Identifier: GPL-2.0-only
/* Outcomes and verdicts by name and exit code: see outcome.h. */
#include "libexec/lib/outcome.h"

static const struct { const char *name; enum kt_exit code; enum verdict verdict; } outcomes[] = {
	[OUTCOME_DONE] = { "done", KT_OK },
	[OUTCOME_UNSUPPORTED] = { "unsupported", KT_CANNOT_TELL, VERDICT_UNSUPPORTED },
	[OUTCOME_ERROR] = { "error", KT_TROUBLE, VERDICT_ERROR },
	[OUTCOME_LOST] = { "lost", KT_TROUBLE, VERDICT_LOST },
	[OUTCOME_TRUNCATED] = { "truncated", KT_TROUBLE, VERDICT_LOST },
};

static const struct { const char *name; enum kt_exit code; } verdicts[] = {
	[VERDICT_SKIP] = { "skip", KT_CANNOT_TELL },
	[VERDICT_PASS] = { "pass", KT_OK },
	[VERDICT_INCONCLUSIVE] = { "inconclusive", KT_CANNOT_TELL },
	[VERDICT_FAIL] = { "fail", KT_NO },
	[VERDICT_UNSUPPORTED] = { "unsupported", KT_CANNOT_TELL },
	[VERDICT_ERROR] = { "error", KT_TROUBLE },
	[VERDICT_LOST] = { "lost", KT_TROUBLE },
};

const char *outcome_name(enum outcome o)
{
	return outcomes[o].name;
}

enum kt_exit outcome_exit(enum outcome o)
{
	return outcomes[o].code;
}

bool outcome_parse(const char *name, enum outcome *ret)
{
	for (enum outcome o = 0; name && o < OUTCOME_TRUNCATED; o++) {
		if (!streq(name, outcomes[o].name))
			continue;
		*ret = o;
		return true;
	}
	return false;
}

const char *verdict_name(enum verdict v)
{
	return verdicts[v].name;
}

bool verdict_exit_code(const char *name, enum kt_exit *ret)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(verdicts); i++) {
		if (!streq(name, verdicts[i].name))
			continue;
		*ret = verdicts[i].code;
		return true;
	}
	return false;
}

enum verdict outcome_verdict(enum outcome o)
{
	if (o == OUTCOME_DONE)
		BUG("what is done is judged");
	return outcomes[o].verdict;
}
