"""Spaces, plans, tables, statistics and reports of studies: plain Python; no torch, no Ray."""
