#!/usr/bin/env python3
"""Draws figures with matplotlib: draw.py KIND NAME [KIND NAME ...] in the folder of NAME.dat and NAME.set.

Every number and word comes from those two files, which `soload report` made; gnuplot draws the same ones (KIND.gp). Here they
are only placed, so both engines show the same.
"""
import re
import sys
from math import log

import matplotlib

matplotlib.use("agg")
matplotlib.rcParams.update({
    "svg.hashsalt": "soload", "svg.fonttype": "none", "font.size": 10, "font.family": "DejaVu Sans", "text.parse_math": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888", "axes.axisbelow": True,
    "text.color": "#222222", "axes.labelcolor": "#222222", "grid.color": "#dddddd", "grid.linewidth": 0.6, "xtick.color": "#222222", "ytick.color": "#222222",
})
import matplotlib.pyplot as plt  # noqa: E402 (the backend first)
from matplotlib.ticker import EngFormatter, NullFormatter  # noqa: E402

INK, PALE, DPI = "#222222", "#666666", 100


def settings(name):
    """NAME = 'text', NAME = number, NAME[i] = 'text' (from 1) of NAME.set."""
    found = {}
    with open(name + ".set", encoding="utf-8") as lines:
        for line in lines:
            match = re.match(r"(\w+)(?:\[(\d+)\])? = (?:'(.*)'|(\S+))$", line.rstrip("\n"))
            if not match:
                continue
            key, place, text, number = match.groups()
            value = text.replace("''", "'") if text is not None else float(number)
            if place:
                found.setdefault(key, []).append(value)
            else:
                found[key] = value
    return found


def cell(text):
    try:
        return float(text)
    except ValueError:
        return text


def blocks(name):
    """The table as a list of blocks of rows; empty lines end a block."""
    found = [[]]
    with open(name + ".dat", encoding="utf-8") as lines:
        for line in lines:
            if line.strip("\n"):
                found[-1].append([cell(field) for field in line.rstrip("\n").split("\t")[:-1]])
            elif found[-1]:
                found.append([])
    return [block for block in found if block]


def page(say, height):
    """A figure of 800 pixels with title, subtitle, machine and noise, as style.gp dresses it."""
    figure = plt.figure(figsize=(8, height / DPI), dpi=DPI)
    for y, key, size, colour in ((height - 22, "title", 13, INK), (height - 44, "subtitle", 8.5, PALE),
                                 (28, "machine", 8.5, PALE), (11, "noise", 8.5, PALE)):
        figure.text(0.012, y / height, say[key], fontsize=size, color=colour, va="center")
    return figure


def panel(figure, height, left, right, above, below):
    return figure.add_axes([left, below / height, right - left, (height - above - below) / height])


def margin(say):
    return 0.03 + 0.0108 * max(say["label_width"], 6)


def rows_axis(axes, labels):
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", length=0)


def log_x(axes, formatter):
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(formatter)
    axes.xaxis.set_minor_formatter(NullFormatter())


def log_y(axes):
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def legend(figure, handles, labels, y, columns):
    figure.legend(handles, labels, loc="upper right", bbox_to_anchor=(0.99, y), ncol=columns, frameon=False, fontsize=9,
                  handlelength=1, handleheight=0.8, columnspacing=1.2)


def bars(axes, say, rows, longest):
    for at, row in enumerate(rows):
        start = 0.0
        for value, colour in zip(row[5:], say.get("key_colour", []) + ["#000000"]):
            axes.barh(at, value, 0.68, start, color=colour, edgecolor="white", linewidth=0.4)
            start += value
        low, high = (min(row[i], longest) for i in (3, 4))
        axes.plot([low, high], [at + 0.43] * 2, color=INK, linewidth=1.2, marker="|", markersize=5)
        axes.text(max(start, high) + longest * 0.012, at, row[2], va="center", fontsize=9, color=INK)
    axes.set_xlim(0, longest * 1.3)
    rows_axis(axes, [row[1] for row in rows])
    axes.grid(axis="x")


def curve(at, colour):
    """Curves may lie on one another: each has a mark and a dash of its own."""
    return {"color": colour, "linestyle": ("-", "--", ":", "-.")[at % 4], "marker": "os^vDphP*X"[at % 10], "markersize": 5,
            "markerfacecolor": "none" if at > 4 else colour}


def draw_stack(say, table):
    rows = table[0] if table else []
    keys, zoomed = say.get("key", []), int(say["zoomed"])
    lines = (len(keys) + 5) // 5
    below = 24 * zoomed + 62 if zoomed else 0
    height = int(118 + 26 * lines + (24 if len(rows) > 12 else 34) * len(rows) + 46 + below)
    figure = page(say, height)
    axes = panel(figure, height, margin(say), 0.97, 62 + 24 * lines, 92 + below)
    bars(axes, say, rows, say["longest"])
    if zoomed:
        axes = panel(figure, height, margin(say), 0.97, height - 92 - 24 * zoomed, 92)
        bars(axes, say, rows[:zoomed], say["zoom_longest"])
        axes.set_title(say["zoom_text"], loc="left", fontsize=9, color=PALE)
    figure.text(0.5, 52 / height, say["x_label"], ha="center", va="center")
    patches = [plt.Rectangle((0, 0), 1, 1, color=c) for c in say.get("key_colour", []) + ["#000000"]]
    legend(figure, patches, keys + [say["rest"]], (height - 50) / height, 5)
    return figure


def draw_tail(say, table):
    count = len(table)
    height = 400 + 15 * count
    figure = page(say, height)
    below = 112 + 15 * count
    body = panel(figure, height, 0.075, 0.49, 76, below)
    rest = panel(figure, height, 0.575, 0.975, 76, below)
    handles = []
    for at, (rows, colour) in enumerate(zip(table, say["key_colour"])):
        x, dress = [row[0] for row in rows], {**curve(at, colour), "linewidth": 1.6, "markevery": (3 * (at + 1) % 14, 14)}
        handles += body.step(x, [row[1] for row in rows], where="post", **dress)
        rest.step(x, [row[2] for row in rows], where="pre", **dress)
    for axes, text in ((body, "percent of loads done"), (rest, "percent of loads that take at least so long")):
        log_x(axes, "{x:g}")
        axes.set_xlim(say["x_low"] / 1.1, say["x_high"] * 1.1)
        axes.grid(True)
        axes.set_title(text, loc="left", fontsize=9, color=INK)
    body.set_ylim(0, 100)
    log_y(rest)
    rest.set_ylim(say["y_low"] * 0.8, 100)
    figure.text(0.5, (72 + 15 * count) / height, say["x_label"], ha="center", color=INK)
    figure.legend(handles, [f"{k}:  {t}" for k, t in zip(say["key"], say["key_text"])], loc="upper left", frameon=False,
                  bbox_to_anchor=(0.03, (64 + 15 * count) / height), fontsize=8.5, labelspacing=0.15)
    return figure


def draw_scaling(say, table):
    height = 520
    figure = page(say, height)
    axes = panel(figure, height, 0.09, 0.70, 88, 96)
    handles = []
    for at, (rows, colour) in enumerate(zip(table, say["key_colour"])):
        x = [row[0] for row in rows]
        axes.fill_between(x, [row[2] for row in rows], [row[3] for row in rows], color=colour, alpha=0.13, linewidth=0)
        handles += axes.plot(x, [row[1] for row in rows], linewidth=1.8, **curve(at, colour))
    log_x(axes, EngFormatter(sep=""))
    log_y(axes)
    axes.set_xlim(say["x_low"] / 1.3, say["x_high"] * 1.3)
    axes.set_ylim((say["y_low"] or 0.001) / 1.5, say["y_high"] * 1.5)
    axes.grid(True)
    axes.set_xlabel(say["x_label"])
    axes.set_title(say["y_label"], loc="left", fontsize=9, color=INK)
    figure.legend(handles, [f"{k}  {t}" for k, t in zip(say["key"], say["key_text"])], loc="upper left", frameon=False,
                  bbox_to_anchor=(0.71, (height - 84) / height), fontsize=8.5)
    return figure


def draw_pairs(say, table):
    rows = table[0] if table else []
    height = 160 + 28 * len(rows)
    figure = page(say, height)
    axes = panel(figure, height, margin(say), 0.715, 62, 92)
    for at, row in enumerate(rows):
        axes.plot(row[4:6], [at, at], color="#c4c4c4", linewidth=2, zorder=1)
        axes.plot(row[4], at, "o", color=row[3], markerfacecolor="white", markersize=7, markeredgewidth=1.6)
        axes.plot(row[5], at, "o", color=row[3], markersize=7)
        axes.text(1.03, at, row[2], transform=axes.get_yaxis_transform(), va="center", fontsize=9, color=INK)
    log_x(axes, "{x:g}")
    axes.set_xlim(say["x_low"] / 1.6, say["x_high"] * 1.6)
    rows_axis(axes, [row[1] for row in rows])
    axes.grid(axis="x")
    axes.set_xlabel(say["x_label"])
    return figure


def draw_kernel(say, table):
    rows = table[0] if table else []
    height = 150 + 28 * len(rows)
    figure = page(say, height)
    left = margin(say)
    middle = left + (0.98 - left) * 0.52 if say["syscalls_known"] else 0.98
    panels = [(panel(figure, height, left, middle - 0.03, 86, 66), 3, "faults_most", "page faults per load")]
    if say["syscalls_known"]:
        panels.append((panel(figure, height, middle, 0.98, 86, 66), 5, "syscalls_most", "system calls per load"))
    for axes, column, most, text in panels:
        axes.barh(range(len(rows)), [row[column] for row in rows], 0.64, color=[row[2] for row in rows])
        for at, row in enumerate(rows):
            shown = row[column + 1]
            axes.text(row[column] + say[most] * 0.02, at, f"{shown:g}" if isinstance(shown, float) else shown, va="center",
                      fontsize=9, color=INK)
        rows_axis(axes, [row[1] for row in rows] if column == 3 else [""] * len(rows))
        axes.set_xlim(0, say[most] * 1.3)
        axes.grid(axis="x")
        axes.set_title(text, loc="left", fontsize=9, color=INK)
    return figure


def draw_calm(say, table):
    rows, looks = (table + [[], []])[:2]
    height = 680
    figure = page(say, height)
    ratio = panel(figure, height, 0.085, 0.975, 80, height - 300)
    broken = panel(figure, height, 0.085, 0.975, 340, height - 396)
    load = panel(figure, height, 0.085, 0.975, 436, height - 492)
    steal = panel(figure, height, 0.085, 0.975, 532, height - 588)
    x = [row[0] for row in rows]
    ratio.fill_between(x, [row[1] for row in rows], [row[3] for row in rows], color="#0072b2", alpha=0.25, linewidth=0)
    ratio.plot(x, [row[2] for row in rows], color="#0072b2", marker="o", markersize=3)
    ratio.set_yscale("log")
    ratio.set_ylim(say["y_low"] * 0.9, say["y_high"] * 1.1)
    more = (0.8, 0.9, 1.1, 1.2, 1.35) if say["y_high"] / say["y_low"] < 2.5 else ()
    shown = [y for y in more + (0.1, 0.2, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000) if say["y_low"] * 0.9 <= y <= say["y_high"] * 1.1]
    ratio.set_yticks(shown, [f"{y:g}" for y in shown])
    ratio.minorticks_off()
    broken.vlines(x, 0, [row[4] if isinstance(row[4], float) else 0 for row in rows], color="#d55e00", linewidth=2.4)
    known = [row for row in looks if isinstance(row[1], float)] if say["load_known"] else []
    load.plot([row[0] for row in known], [row[1] for row in known], color="#555555", linewidth=1.8)
    known = [row for row in looks if isinstance(row[2], float)] if say["steal_known"] else []
    steal.step([row[0] for row in known], [row[2] for row in known], color="#8a4a6d", linewidth=1.8, where="pre")
    for axes, top, step in ((broken, say["interrupted_most"] * 1.1, say["interrupted_step"]), (load, say["load_top"], say["load_step"]),
                            (steal, say["steal_top"], say["steal_step"])):
        axes.set_ylim(0, top)
        axes.set_yticks([step * i for i in range(int(top / step) + 1)])
        axes.yaxis.set_major_formatter("{x:g}")
    for axes, text in ((ratio, "time of a load / its median"), (broken, "percent of loads interrupted"), (load, say["load_text"]),
                       (steal, say["steal_text"])):
        axes.set_xlim(say["x_low"], max(say["x_high"], say["x_low"] + 1e-3))
        axes.grid(True)
        axes.set_title(text, loc="left", fontsize=9, color=INK)
        if axes is not steal:
            axes.set_xticklabels([])
    steal.xaxis.set_major_formatter("{x:g}")
    steal.set_xlabel(say["x_label"])
    return figure


def draw_lanes(say, table):
    rows = table[0]
    keys = say.get("key", [])
    lines = (len(keys) + 3) // 4
    lanes, zooms = int(say["lanes"]), int(say["zooms"])
    height = 160 + 24 * lines + 52 * lanes + (76 if zooms else 0)
    figure = page(say, height)
    axes = panel(figure, height, 0.09, 0.975, 66 + 24 * lines, 168 if zooms else 92)
    for row in rows:
        axes.barh(row[0], row[2] - row[1], 0.76, row[1], color=row[3])
        if isinstance(row[4], str) and row[4].strip():
            axes.text((row[1] + row[2]) / 2, row[0], row[4], ha="center", va="center", fontsize=8.5, color=row[5])
    axes.set_xlim(0, say["longest"])
    rows_axis(axes, say["lane"])
    axes.grid(axis="x")
    axes.set_xlabel(say["x_label"])
    patches = [plt.Rectangle((0, 0), 1, 1, color=c) for c in say.get("key_colour", [])]
    legend(figure, patches, [f"{k} {t}" for k, t in zip(keys, say.get("key_text", []))], (height - 52) / height, 4)
    # Below, to one scale: the parts of one lane in which the load happens.
    spans = list(zip(say.get("zoom_from", []), say.get("zoom_to", [])))
    left, free = 0.09, 0.885 - 0.05 * (zooms - 1)
    for at, (start, end) in enumerate(spans):
        axes.add_patch(plt.Rectangle((start, say["zoom_row"] - 0.42), end - start, 0.84, fill=False, edgecolor=INK, linestyle=":"))
        wide = free * (end - start) / sum(b - a for a, b in spans)
        part = panel(figure, height, left, left + wide, height - 102, 56)
        left += wide + 0.05
        for row in table[at + 1]:
            part.barh(0, row[1] - row[0], 0.9, row[0], color=row[2])
            if isinstance(row[3], str) and row[3].strip():
                part.text((row[0] + row[1]) / 2, 0, row[3], ha="center", va="center", fontsize=8.5, color=row[4])
        part.set_xlim(0, end - start)
        part.set_xticks([])
        rows_axis(part, [say["zoom_lane"] if at == 0 else ""])
        side = "right" if 0 < at == len(spans) - 1 else "left"  # a narrow last part must not leave the picture
        part.set_title(f"from {start:.0f} us on, {end - start:.0f} us:", loc=side, fontsize=8.5, color=INK, pad=3)
    return figure


def draw_forest(say, table):
    rows = table[0] if table else []
    below = 110 if say["note"] else 92
    height = 58 + below + 28 * len(rows)
    figure = page(say, height)
    axes = panel(figure, height, margin(say), 0.70, 62, below)
    axes.axvline(1, color=INK, linewidth=1.4)
    if say["cut"]:
        axes.axvline(say["cut"], color="#d55e00", linewidth=1.1, linestyle="--")
    for at, row in enumerate(rows):
        axes.plot(row[5:7], [at, at], color=row[3], linewidth=1.8, marker="|", markersize=8)
        axes.plot(row[4], at, "o", color=row[3], markersize=6)
        axes.text(1.03, at, row[2], transform=axes.get_yaxis_transform(), va="center", fontsize=9, color=INK)
    axes.set_xscale("log")
    axes.set_xlim(say["x_low"] / 1.03, say["x_high"] * 1.03)
    axes.set_xticks([t for t in (0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4) if say["x_low"] <= t <= say["x_high"]])
    axes.minorticks_off()
    axes.xaxis.set_major_formatter("{x:g}")
    rows_axis(axes, [row[1] for row in rows])
    axes.grid(axis="x")
    figure.text(0.5, (below - 40) / height, say["x_label"], ha="center", va="center")
    figure.text(0.012, 49 / height, say["note"], fontsize=8.5, color=PALE, va="center")
    return figure


def draw_history(say, table):
    each, keys = 84, say["key"]
    height = 66 + each * len(keys) + 106
    figure = page(say, height)
    ticks = say["tick"]
    for at, (rows, loader) in enumerate(zip(table, keys)):
        axes = panel(figure, height, 0.165, 0.815, 66 + each * at, height - (66 + each * (at + 1) - 16))
        low, high = say["y_low"][at], say["y_high"][at]
        axes.axhline(1, color="#999999", linewidth=0.8)
        for row in rows:
            if isinstance(row[4], float):
                axes.plot([row[0] - 0.5, row[0] + 0.5], [row[4]] * 2, color="#cfcfcf", linewidth=3.5, solid_capstyle="butt")
            if isinstance(row[1], float):
                axes.plot([row[0]] * 2, row[2:4], color=say["key_colour"][at], linewidth=1.6)
                axes.plot(row[0], row[1], "o", color=say["key_colour"][at], markersize=4)
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        axes.set_yticks([y for y in (low, 1, high) if y == 1 or abs(log(y)) > 0.2 * log(high / low)])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.tick_params(labelsize=8.5)
        axes.set_xlim(0.4, len(ticks) + 0.6)
        axes.set_xticks(range(1, len(ticks) + 1), ticks if at == len(keys) - 1 else [""] * len(ticks), rotation=45, ha="right",
                        rotation_mode="anchor", fontsize=8.5)
        axes.tick_params(axis="x", length=0)
        middle = 1 - (66 + each * at + (each - 16) / 2) / height
        figure.text(0.012, middle, loader, va="center", color=INK)
        figure.text(0.825, middle, say["key_text"][at], va="center", fontsize=8.5, color=INK)
        for place, x, text, colour in zip(say.get("change_panel", []), say.get("change_x", []), say.get("change_text", []),
                                          say.get("change_colour", [])):
            if place == at + 1:
                axes.axvline(x, color=colour, linewidth=1.3, linestyle="--")
                axes.text(x, 1.03, text, transform=axes.get_xaxis_transform(), ha="center", fontsize=8.5, color=colour)
    axes.set_xlabel(say["x_label"])
    return figure


def draw_grid(say, table):
    keys, ticks = say["key"], say["tick"]
    each = 42 + 21 * len(keys)
    height = int(60 + each * say["panels"] + 96)
    figure = page(say, height)
    for at, rows in enumerate(table):
        axes = panel(figure, height, 0.115, 0.985, 60 + each * at + 26, height - (60 + each * (at + 1) - 16))
        for row in rows:
            axes.add_patch(plt.Rectangle((row[0] - 0.5, row[1] - 0.5), 1, 1, facecolor=row[3], edgecolor="white"))
            shown = f"{row[2]:g}" if isinstance(row[2], float) else row[2]
            axes.text(row[0], row[1], shown, ha="center", va="center", fontsize=8.5, color=INK)
        axes.set_xlim(0.5, len(ticks) + 0.5)
        axes.set_ylim(len(keys) - 0.5, -0.5)
        axes.set_yticks(range(len(keys)), keys, fontsize=8.5)
        last = at == len(table) - 1
        axes.set_xticks(range(1, len(ticks) + 1), ticks if last else [""] * len(ticks), rotation=45, ha="right",
                        rotation_mode="anchor", fontsize=8.5)
        axes.tick_params(length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        figure.text(0.115, 1 - (60 + each * at + 14) / height, say["panel"][at], va="center", color=INK)
    axes.set_xlabel(say["x_label"])
    return figure


DRAWINGS = {name[5:]: function for name, function in list(globals().items()) if name.startswith("draw_")}


def main(arguments):
    for kind, name in zip(arguments[::2], arguments[1::2]):
        figure = DRAWINGS[kind](settings(name), blocks(name))
        figure.savefig(name + ".svg", metadata={"Date": None})
        figure.savefig(name + ".png", dpi=DPI)
        plt.close(figure)


if __name__ == "__main__":
    main(sys.argv[1:])
