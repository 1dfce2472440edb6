"""Models: one file a family, and `build.py`, the only place that knows heads, pooling and padding."""
