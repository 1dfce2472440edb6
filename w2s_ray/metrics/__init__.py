"""Pure functions of predictions, on numpy: recovery (PGR), intervals, agreement, health (sick runs)."""
