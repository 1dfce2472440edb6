"""The command line: `w2s-sweep FILE`, and `w2s plan|report|status|list|show|gc`."""

from w2s_ray.cli.commands import main, sweep_main

__all__ = ["main", "sweep_main"]
