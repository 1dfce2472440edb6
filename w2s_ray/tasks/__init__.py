"""Tasks: one file, one task. A file that exists here is registered; others are described in YAML."""

from w2s_ray.tasks.base import TASKS, Example, Task
from w2s_ray.tasks.definition import normalised
from w2s_ray.tasks.described import describe, task_of

__all__ = ["TASKS", "Example", "Task", "describe", "normalised", "task_of"]
