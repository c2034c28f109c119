"""Whether acknowledged records survive: a workload, a reader and a checker."""
