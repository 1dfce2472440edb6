"""One loop for every engine, role and method. No Ray, no MLflow, no names of methods or tasks."""
