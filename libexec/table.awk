# SPDX-License-Identifier: GPL-2.0-only
# Lines of cells with tabs between them, as a table: columns as wide as their widest cell.
BEGIN { FS = "\t" }
{ for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } }
END { for (r = 1; r <= NR; r++) for (i = 1; i <= NF; i++) printf i < NF ? "%-" width[i] + 2 "s" : "%s\n", cell[r, i] }
