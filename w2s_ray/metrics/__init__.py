"""Pure functions of predictions, on numpy: recovery (PGR), agreement, health (sick runs).

How sure: intervals (by formula), bootstrap (by draws), comparison (of methods), scaling (against compute).

Further analyses, each a file: calibration, stops, difficulty, misfit.
"""
