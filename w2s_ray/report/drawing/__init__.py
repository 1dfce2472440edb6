"""Figures: a function each, from `Material` to an Altair chart, or None where there is nothing to draw."""
