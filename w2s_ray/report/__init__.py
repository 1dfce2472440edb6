"""What a sweep found, for people and programs: tables, figures and one page, from MLflow queries alone."""

from w2s_ray.report.build import build_report
from w2s_ray.report.summary import arm_table

__all__ = ["arm_table", "build_report"]
