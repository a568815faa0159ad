"""Engines side by side on one geometry."""
