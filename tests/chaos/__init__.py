"""Faults inflicted on a cluster of real processes under load, and what must hold all the while."""
