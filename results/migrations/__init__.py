"""Migrations of the submission store."""
