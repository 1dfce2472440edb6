"""Pure functions of predictions, on numpy: recovery (PGR), intervals, agreement, health (sick runs).

Further analyses, each a file: calibration, stops, difficulty, misfit.
"""
