/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The checks, in the order in which they report. A new one is its file, a line here, and one in the
 * Makefile.
 */
CHECK(scheduler)
CHECK(splat)
CHECK(completed)
CHECK(payload)
CHECK(not_starved)
CHECK(spread)
CHECK(gap)
CHECK(isolation)
CHECK(throughput_cv)
CHECK(min_work_rate)
CHECK(weights)
CHECK(quota)
CHECK(imbalance)
CHECK(local_dsq)
CHECK(stall)
CHECK(conservation)
CHECK(fallback)
CHECK(keep_last)
CHECK(scx_events)
CHECK(temporal)
