"""The scenarios, a family of them in each file."""
