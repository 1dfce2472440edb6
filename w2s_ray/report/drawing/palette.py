"""How figures look: the Okabe-Ito colours (safe for colour-blind readers), and shapes for grey print."""

from __future__ import annotations

from typing import Any

BLACK, GREY = "#000000", "#767676"
# darkest first, so that neighbouring series also differ in grey
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
BAR = {"weak": "#B3B3B3", "control": "#FFFFFF", "naive": "#56B4E9", "best": "#0072B2", "ceiling": "#1A1A1A"}
BAR_EDGE = BAR | {"control": GREY}
FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


def theme(chart: Any) -> Any:
    """The look of every figure: light grid, no frame, text that stays legible at column width."""
    return (
        chart.configure(background="white", font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            gridColor="#E6E6E6", domainColor=GREY, tickColor=GREY, labelFontSize=11, titleFontSize=12,
            titleFontWeight="normal", titlePadding=8, labelColor="#333333", titleColor="#111111",
        )
        .configure_legend(
            labelFontSize=11, titleFontSize=11, titleFontWeight="normal", labelLimit=280, symbolSize=70,
            symbolStrokeWidth=2,
        )
        .configure_title(
            fontSize=13, fontWeight=600, anchor="start", subtitleFontSize=11, subtitleColor="#555555",
            subtitlePadding=4, offset=12,
        )
        .configure_header(labelFontSize=12, labelFontWeight=600, title=None)
    )  # fmt: skip


def series(count: int) -> tuple[list[str], list[str]]:
    """`count` colours and shapes; together they tell 36 series apart, for a colour comes back with another shape."""
    places = [divmod(n, len(COLOURS)) for n in range(count)]
    return [COLOURS[n] for _, n in places], [SHAPES[(n + turn) % len(SHAPES)] for turn, n in places]
