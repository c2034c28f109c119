"""Malformed requests and misbehaving connections."""
