#!/usr/bin/env python3
"""Draws the results of run.py: `plot.py RESULTS.json loading.svg`."""

import html
import json
import pathlib
import sys

BAR, GAP, LEFT, WIDTH = 16, 6, 330, 900
OURS, THEIRS, FLOOR = "#2f6f4f", "#8a8f98", "#c9b26b"


def bars(rows, title, unit, top):
    """One chart: one bar per row, followed by its number."""
    largest = max(value for _, value, _ in rows)
    parts = [f'<text x="10" y="{top + 14}" font-weight="bold">{html.escape(title)}</text>']
    for i, (label, value, color) in enumerate(rows):
        y = top + 28 + i * (BAR + GAP)
        width = max(value / largest * (WIDTH - LEFT - 90), 1)
        parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{html.escape(label)}</text>'
                     f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}"/>'
                     f'<text x="{LEFT + width + 6:.1f}" y="{y + 12}">{value:,.2f}{unit}</text>')
    return parts, top + 28 + len(rows) * (BAR + GAP) + 14


def main():
    results = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["load"]
    size = results["bytes"]

    def rows(key, scale):
        return [(row["title"].replace("*", ""), row[key] / scale,
                 OURS if row["name"].startswith("ours") else FLOOR if row["name"].startswith("preadv") else THEIRS)
                for row in results["rows"]]

    parts, bottom = bars(rows("ratio", 1), f"Loading {size / 1e9:.2f} GB: time, as a multiple of one preadv", "", 8)
    more, bottom = bars(rows("peak", size), "Peak memory, mapped pages of the file counted, as a multiple of the file", "", bottom)
    text = "\n".join(parts + more)
    pathlib.Path(sys.argv[2]).write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>\n{text}\n</svg>\n', encoding="utf-8")


if __name__ == "__main__":
    main()
