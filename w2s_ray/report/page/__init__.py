"""The tables of `report.html`: a module a subject, a function a section; the frame is `report/html.py`."""
