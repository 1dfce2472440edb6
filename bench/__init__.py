"""What is measured, and how: each file is a command that prints ratios or differences."""
